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

}  // namespace

exception_group::exception_group(const std::string& what, std::vector<std::exception_ptr> errors)
    : std::runtime_error(group_text(what, errors)), errors_(std::move(errors)) {}

std::string type_of(const std::exception_ptr& error) {
  if (!error) return {};
  const std::type_info* type = error.__cxa_exception_type();
  if (type == nullptr) return "unknown";
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? name.get() : type->name();
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

}  // namespace buskin
