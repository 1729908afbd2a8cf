#include <buskin/runtime/failure.hpp>

#include <buskin/runtime/errors.hpp>

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <caf/to_string.hpp>

#include <string>
#include <type_traits>
#include <unordered_map>

namespace buskin {

namespace {

const caf::atom_value category = caf::atom("buskin");

const failure_info* info_of(const caf::error& error) {
  if (error.category() != category || !error.context().match_elements<failure_info>())
    return nullptr;
  return &error.context().get_as<failure_info>(0);
}

std::string plain(const caf::error& error) {
  if (error.category() == caf::atom("exit"))
    return to_string(static_cast<caf::exit_reason>(error.code()));
  if (error.category() == caf::atom("system")) {
    std::string text = to_string(static_cast<caf::sec>(error.code()));
    for (char& c : text)
      if (c == '_') c = ' ';
    if (!error.context().empty()) text += " " + to_string(error.context());
    return text;
  }
  return to_string(error);
}

template <class E>
std::exception_ptr as(const std::string& text) {
  if constexpr (std::is_default_constructible_v<E> && !std::is_constructible_v<E, std::string>)
    return std::make_exception_ptr(E());
  else
    return std::make_exception_ptr(E(text));
}

/// Failures that a caller can act on are the same wherever they happened, as long as their text is
/// all there is to them.
const std::unordered_map<std::string, std::exception_ptr (*)(const std::string&)>& travellers() {
  static const std::unordered_map<std::string, std::exception_ptr (*)(const std::string&)> known{
      {"buskin::queue_empty", as<queue_empty>},
      {"buskin::queue_full", as<queue_full>},
      {"buskin::queue_shutdown", as<queue_shutdown>},
      {"buskin::broken_barrier", as<broken_barrier>},
      {"buskin::watch_closed", as<watch_closed>},
      {"buskin::timeout_error", as<timeout_error>},
      {"buskin::invalid_state", as<invalid_state>},
      {"buskin::wrong_runtime", as<wrong_runtime>},
      {"buskin::request_failed", as<request_failed>},
      {"buskin::executor_full", as<executor_full>},
      {"buskin::executor_shutdown", as<executor_shutdown>},
  };
  return known;
}

}  // namespace

caf::error make_error(failure code, failure_info info) {
  return {static_cast<std::uint8_t>(code), category, caf::make_message(std::move(info))};
}

bool is(const caf::error& error, failure code) noexcept {
  // An empty error has no category to be asked for.
  return error && error.category() == category && error.code() == static_cast<std::uint8_t>(code);
}

caf::error to_error(const std::exception_ptr& error) {
  if (!error) return {};
  const failure_info info{type_of(error), describe(error), error};
  try {
    std::rethrow_exception(error);
  } catch (const cancelled& reason) {
    return make_error(failure::cancelled, {info.type, reason.message(), error});
  } catch (const broken_promise&) {
    return make_error(failure::broken_promise, info);
  } catch (const mailbox_full&) {
    return make_error(failure::mailbox_full, info);
  } catch (const remote_error& one) {  // on its way through a process: what it was stays
    return make_error(failure::exception, {one.type(), info.text, error});
  } catch (...) {
    return make_error(failure::exception, info);
  }
}

std::string describe(const caf::error& error) {
  if (!error) return "normal";
  if (const auto* info = info_of(error); info != nullptr) {
    if (is(error, failure::cancelled))
      return info->text.empty() ? "cancelled" : "cancelled: " + info->text;
    return info->text;
  }
  return plain(error);
}

std::exception_ptr to_exception(const caf::error& error) {
  if (!error) return nullptr;
  if (const auto* info = info_of(error); info != nullptr) {
    if (info->error) return info->error;
    if (is(error, failure::cancelled)) return std::make_exception_ptr(cancelled(info->text));
    if (is(error, failure::broken_promise))
      return std::make_exception_ptr(broken_promise(info->text));
    if (is(error, failure::mailbox_full)) return std::make_exception_ptr(mailbox_full(info->text));
    if (const auto at = travellers().find(info->type); at != travellers().end())
      return at->second(info->text);
    return std::make_exception_ptr(remote_error(info->type, info->text));
  }
  if (error == caf::sec::request_timeout) return std::make_exception_ptr(timeout_error());
  return std::make_exception_ptr(request_failed(plain(error)));
}

}  // namespace buskin
