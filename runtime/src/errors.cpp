// Texts of exceptions, for reports.
#include <buskin/runtime/errors.hpp>

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace buskin {

namespace {

std::string group_text(const std::string& what, const std::vector<std::exception_ptr>& errors) {
  std::string text =
      what + " (" + std::to_string(errors.size()) + (errors.size() == 1 ? " failure" : " failures");
  char separator = ':';
  for (const auto& error : errors) {
    text += separator;
    text += ' ';
    text += describe(error);
    separator = ';';
  }
  return text + ")";
}

constexpr int deepest = 16;  // levels that explain() goes down

void explain_at(const std::exception_ptr& error, int level, std::string& text) {
  const std::string indent(static_cast<std::size_t>(level) * 2, ' ');
  text += type_of(error) + ": ";
  const std::vector<std::exception_ptr>* members = nullptr;
  try {
    std::rethrow_exception(error);
  } catch (const exception_group& group) {
    // The exception object lives as long as `error` refers to it.
    members = &group.exceptions();
    text += group.message() + " (" + std::to_string(members->size()) +
            (members->size() == 1 ? " failure)" : " failures)");
  } catch (...) {
    text += describe(error);
  }
  text += '\n';
  if (level == deepest) return;
  if (members != nullptr)
    for (std::size_t i = 0; i != members->size(); ++i) {
      text += indent + "  " + std::to_string(i + 1) + ". ";
      explain_at((*members)[i], level + 1, text);
    }
  if (const auto cause = cause_of(error)) {
    text += indent + "  caused by ";
    explain_at(cause, level + 1, text);
  }
}

}  // namespace

exception_group::exception_group(const std::string& message, std::vector<std::exception_ptr> errors)
    : std::runtime_error(group_text(message, errors)),
      message_(message),
      errors_(std::move(errors)) {}

std::vector<std::exception_ptr> exception_group::leaves() const {
  std::vector<std::exception_ptr> all;
  for (const auto& each : errors_) {
    try {
      std::rethrow_exception(each);
    } catch (const exception_group& inner) {
      const auto below = inner.leaves();
      all.insert(all.end(), below.begin(), below.end());
    } catch (...) {
      all.push_back(each);
    }
  }
  return all;
}

std::string type_of(const std::exception_ptr& error) {
  if (!error) return {};
  const std::type_info* type = error.__cxa_exception_type();
  return type == nullptr ? "unknown" : detail::demangled(type->name());
}

std::string detail::demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> readable(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  return status == 0 ? readable.get() : name;
}

std::string describe(const std::exception_ptr& error) {
  if (!error) return {};
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception of type " + type_of(error);
  }
}

std::exception_ptr cause_of(const std::exception_ptr& error) {
  if (!error) return nullptr;
  try {
    std::rethrow_exception(error);
  } catch (const timeout_error& late) {
    return late.cause();
  } catch (const std::nested_exception& outer) {
    return outer.nested_ptr();
  } catch (...) {
    return nullptr;
  }
}

std::string explain(const std::exception_ptr& error) {
  std::string text;
  if (error) explain_at(error, 0, text);
  return text;
}

}  // namespace buskin
