// Several tasks at once, their results in the order of the arguments.
#pragma once

#include <buskin/actors/detail/child_set.hpp>
#include <buskin/actors/outcome.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/task.hpp>

#include <memory>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace buskin {

/// Chooses the form of gather that collects failures instead of throwing the first.
struct return_exceptions_t {
  explicit return_exceptions_t() = default;
};
inline constexpr return_exceptions_t return_exceptions{};

namespace detail {

/// The children of one gather; cancels them when its frame is destroyed early.
class gather_core {
 public:
  explicit gather_core(child_set::on_failure policy);
  ~gather_core();

  template <class T>
  task_handle<T> start(task<T> body) {
    const auto where = body.where();
    auto child =
        start_task(runtime_here("gather"), std::move(body), {{}, shutdown_phase::owned}, where);
    children_->add(lean_ref<task_actor_base>(child.get()));
    return task_handle<T>(std::move(child));
  }

  /// Until all have ended. Cancellation: reaches every child, and comes out when all have ended.
  task<void> all_ended();
  /// Throws the first failure, if there is one.
  void rethrow_first();

 private:
  std::shared_ptr<child_set> children_;
};

template <class T>
using gathered = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class T>
gathered<T> value_of(task_handle<T>& handle) {
  if constexpr (std::is_void_v<T>) {
    handle.ref()->template result<true>();
    return {};
  } else {
    return handle.ref()->template result<true>();
  }
}

template <class T>
outcome<T> outcome_of(task_handle<T>& handle) {
  if (auto error = handle.exception()) return outcome<T>(std::move(error));
  return outcome<T>(value_of(handle));
}

}  // namespace detail

/// Runs the tasks at the same time, each as an actor, and yields a tuple of their results in the
/// order of the arguments (std::monostate for void).
///
/// When one fails, the others are cancelled, awaited, and then its exception comes out: unlike
/// asyncio's, no task outlives its gather. Cancellation: reaches every task; comes out as
/// `cancelled` when all have ended.
template <class... Ts>
task<std::tuple<detail::gathered<Ts>...>> gather(task<Ts>... tasks) {
  detail::gather_core core(detail::child_set::on_failure::cancel_all);
  std::tuple<task_handle<Ts>...> handles{core.start(std::move(tasks))...};
  co_await core.all_ended();
  core.rethrow_first();
  co_return std::apply(
      [](auto&... handle) {
        return std::tuple<detail::gathered<Ts>...>{detail::value_of(handle)...};
      },
      handles);
}

/// The same, but a failure takes its task's place in the results, and no task is cancelled because
/// of another.
template <class... Ts>
task<std::tuple<outcome<Ts>...>> gather(return_exceptions_t, task<Ts>... tasks) {
  detail::gather_core core(detail::child_set::on_failure::nothing);
  std::tuple<task_handle<Ts>...> handles{core.start(std::move(tasks))...};
  co_await core.all_ended();
  co_return std::apply(
      [](auto&... handle) { return std::tuple<outcome<Ts>...>{detail::outcome_of(handle)...}; },
      handles);
}

/// A range of tasks of one type; yields a vector.
template <class T>
task<std::vector<detail::gathered<T>>> gather(std::vector<task<T>> tasks) {
  detail::gather_core core(detail::child_set::on_failure::cancel_all);
  std::vector<task_handle<T>> handles;
  handles.reserve(tasks.size());
  for (auto& each : tasks) handles.push_back(core.start(std::move(each)));
  co_await core.all_ended();
  core.rethrow_first();
  std::vector<detail::gathered<T>> results;
  results.reserve(handles.size());
  for (auto& handle : handles) results.push_back(detail::value_of(handle));
  co_return results;
}

template <class T>
task<std::vector<outcome<T>>> gather(return_exceptions_t, std::vector<task<T>> tasks) {
  detail::gather_core core(detail::child_set::on_failure::nothing);
  std::vector<task_handle<T>> handles;
  handles.reserve(tasks.size());
  for (auto& each : tasks) handles.push_back(core.start(std::move(each)));
  co_await core.all_ended();
  std::vector<outcome<T>> results;
  results.reserve(handles.size());
  for (auto& handle : handles) results.push_back(detail::outcome_of(handle));
  co_return results;
}

}  // namespace buskin
