// How a failure travels as a CAF error: an exception becomes a caf::error that keeps it whole
// inside the process and its type and text beyond.
#pragma once

#include <caf/atom.hpp>
#include <caf/error.hpp>
#include <caf/make_message.hpp>
#include <caf/message.hpp>
#include <caf/meta/type_name.hpp>

#include <cstdint>
#include <exception>
#include <string>

namespace buskin {

/// Codes of errors in the category "buskin".
enum class failure : std::uint8_t {
  exception = 1,  ///< an exception; the context is a failure_info
  cancelled,  ///< cancelled; the context is a failure_info whose text is the canceller's message
  broken_promise,      ///< the answer was never given
  supervisor_gave_up,  ///< too many restarts in too short a time
  start_failed,        ///< a child could not be started
  mailbox_full         ///< the message found a bounded mailbox full and was dropped or refused
};

/// What the context of such an error holds.
struct failure_info {
  std::string type;
  std::string text;
  std::exception_ptr error;  ///< null after a journey to another process

  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, failure_info& x) {
    return f(caf::meta::type_name("buskin::failure_info"), x.type, x.text);
  }
};

/// For CAF's overload set.
caf::error make_error(failure code, failure_info info = {});

/// The error that stands for an exception.
caf::error to_error(const std::exception_ptr& error);

/// The exception that stands for an error: the original one where it is known. After a journey to
/// another process it is one of the same type and text if that is one of errors.hpp whose text is
/// all there is to it (queue_shutdown, invalid_state, cancelled, ...), else remote_error. For an
/// error that was no exception: request_failed or timeout_error, with the error's text.
std::exception_ptr to_exception(const caf::error& error);

/// The error's text for people: the exception's where there is one.
std::string describe(const caf::error& error);

bool is(const caf::error& error, failure code) noexcept;

}  // namespace buskin
