#include <buskin/actors/detail/answer.hpp>

#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>

#include <caf/sec.hpp>
#include <caf/to_string.hpp>

#include <string>

namespace buskin::detail {

std::exception_ptr failure_in(const caf::type_erased_tuple& answer, std::uint64_t whom) {
  if (!answer.match_elements<caf::error>()) return nullptr;
  const auto& error = answer.get_as<caf::error>(0);
  if (error == caf::sec::request_receiver_down)
    return std::make_exception_ptr(
        request_failed("actor " + std::to_string(whom) + " has ended; nobody can answer"));
  if (error == caf::sec::unexpected_message)
    return std::make_exception_ptr(
        request_failed("actor " + std::to_string(whom) + " does not understand the request"));
  return to_exception(error);
}

void throw_unexpected(const caf::message& answer, std::uint64_t whom, const char* wanted) {
  throw request_failed("actor " + std::to_string(whom) + " answered " + to_string(answer) +
                       " where " + demangled(wanted) + " was expected");
}

}  // namespace buskin::detail
