// Functions of users that a broker calls in its turn.
#pragma once

#include <buskin/runtime/lean_actor.hpp>

#include <exception>

namespace buskin::detail {

/// Reports what a callback threw (BK003). `what` names the callback.
void report_callback(lean_actor& self, const char* what, std::exception_ptr error) noexcept;

/// Calls `function()`; what it throws is reported and goes no further.
template <class F>
void call_reporting(lean_actor& self, const char* what, F function) noexcept {
  try {
    function();
  } catch (...) {
    report_callback(self, what, std::current_exception());
  }
}

}  // namespace buskin::detail
