// Anything that ends once, as a future.
#pragma once

#include <buskin/actors/promise.hpp>
#include <buskin/actors/task_handle.hpp>

#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

namespace buskin {

/// The same future.
template <class T>
future<T> wrap_future(future<T> native) {
  return native;
}

namespace detail {

template <class T>
task<void> relay_task(task_handle<T> from, promise<T> to) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await from;
      to.try_set_value();
    } else {
      to.try_set_value(co_await from);
    }
  } catch (const cancelled& reason) {
    to.cancel(reason.message());
  } catch (...) {
    to.try_set_exception(std::current_exception());
  }
}

}  // namespace detail

/// A future of what a task ends with, and callbacks for it. Cancelling the future cancels the task,
/// if it has not ended. Inside a running runtime.
template <class T>
future<T> wrap_future(task_handle<T> foreign,
                      std::source_location where = std::source_location::current()) {
  promise<T> made(where);
  auto wrapper = made.get_future();
  wrapper.on_done([foreign](const future<T>& self) {
    if (self.cancelled()) foreign.cancel("its future was cancelled");
  });
  spawn(detail::relay_task(foreign, std::move(made)), {"future of task \"" + foreign.name() + "\""},
        where);
  return wrapper;
}

}  // namespace buskin
