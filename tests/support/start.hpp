// Starts tasks where the floor above, with its handles, is not to be had.
#pragma once

#include <buskin/runtime/runtime.hpp>

#include <source_location>
#include <string>
#include <utility>

namespace buskin::test {

/// Starts `body` on the runtime that drives this thread.
template <class T>
lean_ref<detail::task_actor<T>> start(
    task<T> body, std::string name = {},
    std::source_location where = std::source_location::current()) {
  return detail::start_task(runtime::current(), std::move(body), {std::move(name)}, where);
}

/// The same from outside.
template <class T>
lean_ref<detail::task_actor<T>> start(
    runtime& owner, task<T> body, std::string name = {},
    std::source_location where = std::source_location::current()) {
  return detail::start_task(owner, std::move(body), {std::move(name)}, where);
}

}  // namespace buskin::test
