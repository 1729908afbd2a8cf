// Several tasks at once, their results in the order of the arguments.
#pragma once

#include <buskin/actors/detail/owned_children.hpp>
#include <buskin/actors/result.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/task.hpp>

#include <concepts>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace buskin {

/// Chooses the form of gather that collects failures instead of throwing the first.
struct return_exceptions_t {
  explicit return_exceptions_t() = default;
};
inline constexpr return_exceptions_t return_exceptions{};

namespace detail {

template <class Awaitable>
struct yield_of;
template <class T>
struct yield_of<task<T>> {
  using type = T;
};
template <class T>
struct yield_of<task_handle<T>> {
  using type = T;
};

/// What a task or a task_handle yields.
template <class Awaitable>
using yield_of_t = typename yield_of<Awaitable>::type;

/// Adds all, or, when one of them cannot be added, drops the rest without a report.
template <class Awaitable>
std::vector<task_handle<yield_of_t<Awaitable>>> add_all(owned_children& children,
                                                        std::vector<Awaitable>& all) {
  std::vector<task_handle<yield_of_t<Awaitable>>> handles;
  handles.reserve(all.size());
  try {
    for (auto& each : all) handles.push_back(children.add(std::move(each)));
  } catch (...) {
    if constexpr (requires(Awaitable & a) { a.dismiss(); })
      for (auto& each : all) each.dismiss();
    throw;
  }
  return handles;
}

template <class... Awaitables>
std::tuple<task_handle<yield_of_t<Awaitables>>...> add_all(owned_children& children,
                                                           Awaitables&... all) {
  try {
    return {children.add(std::move(all))...};
  } catch (...) {
    const auto drop = [](auto& each) {
      if constexpr (requires { each.dismiss(); }) each.dismiss();
    };
    (drop(all), ...);
    throw;
  }
}

}  // namespace detail

/// A task<T> or a task_handle<T>: what gather takes.
template <class T>
concept gatherable = requires {
  typename detail::yield_of<T>::type;
};

/// Runs the tasks at the same time, each as an actor, and yields a tuple of their results in the
/// order of the arguments (std::monostate for void). Tasks that were spawned already are given as
/// handles; their results are moved out.
///
/// When one fails, the others are cancelled, awaited, and then its exception comes out: unlike
/// asyncio's, no task outlives its gather. One that was merely cancelled cancels no other; when all
/// have ended its `cancelled` comes out. Throws wrong_runtime for a handle of another runtime.
/// Cancellation: each reaches every task; comes out as `cancelled` when all have ended.
template <gatherable... Awaitables>
task<std::tuple<detail::gathered<detail::yield_of_t<Awaitables>>...>> gather(
    Awaitables... awaitables) {
  detail::owned_children children("gather", detail::child_set::on_end::cancel_when_failed);
  auto handles = detail::add_all(children, awaitables...);
  co_await children.all_ended();
  children.rethrow_first();
  co_return std::apply(
      [](auto&... handle) {
        return std::tuple<detail::gathered<detail::yield_of_t<Awaitables>>...>{
            detail::value_of(handle)...};
      },
      handles);
}

/// The same, but a failure takes its task's place in the results, and no task is cancelled because
/// of another.
template <gatherable... Awaitables>
task<std::tuple<result<detail::yield_of_t<Awaitables>>...>> gather(return_exceptions_t,
                                                                   Awaitables... awaitables) {
  detail::owned_children children("gather", detail::child_set::on_end::nothing);
  auto handles = detail::add_all(children, awaitables...);
  co_await children.all_ended();
  co_return std::apply(
      [](auto&... handle) {
        return std::tuple<result<detail::yield_of_t<Awaitables>>...>{detail::result_of(handle)...};
      },
      handles);
}

/// A range of tasks, or of handles, of one type; yields a vector.
template <gatherable Awaitable>
task<std::vector<detail::gathered<detail::yield_of_t<Awaitable>>>> gather(
    std::vector<Awaitable> awaitables) {
  detail::owned_children children("gather", detail::child_set::on_end::cancel_when_failed);
  auto handles = detail::add_all(children, awaitables);
  co_await children.all_ended();
  children.rethrow_first();
  std::vector<detail::gathered<detail::yield_of_t<Awaitable>>> results;
  results.reserve(handles.size());
  for (auto& handle : handles) results.push_back(detail::value_of(handle));
  co_return results;
}

template <gatherable Awaitable>
task<std::vector<result<detail::yield_of_t<Awaitable>>>> gather(return_exceptions_t,
                                                                std::vector<Awaitable> awaitables) {
  detail::owned_children children("gather", detail::child_set::on_end::nothing);
  auto handles = detail::add_all(children, awaitables);
  co_await children.all_ended();
  std::vector<result<detail::yield_of_t<Awaitable>>> results;
  results.reserve(handles.size());
  for (auto& handle : handles) results.push_back(detail::result_of(handle));
  co_return results;
}

}  // namespace buskin
