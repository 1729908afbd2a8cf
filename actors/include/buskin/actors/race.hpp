// Several at once, of which one counts.
#pragma once

#include <buskin/actors/detail/owned_children.hpp>
#include <buskin/actors/detail/tasks_wait.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/task.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace buskin {

/// Who won, and with what.
template <class T>
struct race_result {
  std::size_t index;  ///< the winner's place among the arguments
  T value;
};

namespace detail {

template <class First, class... Rest>
struct raced {
  static constexpr bool uniform = (std::is_same_v<First, Rest> && ...);
  using type = std::conditional_t<uniform, gathered<First>,
                                  std::variant<gathered<First>, gathered<Rest>...>>;
};
/// What a race of tasks that yield `Ts` yields: their type where it is one, else a variant whose
/// index is the winner's.
template <class... Ts>
using raced_t = typename raced<Ts...>::type;

/// The index of the one that has ended first.
task<std::size_t> first_to_end(tasks_wait::task_list tasks, std::source_location where);

/// Takes the value of the handle at `index` by `take`.
template <class... Ts, class Take>
race_result<raced_t<Ts...>> winner_of(std::tuple<task_handle<Ts>...>& handles, std::size_t index,
                                      Take take) {
  std::optional<raced_t<Ts...>> value;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    const auto at = [&]<std::size_t N>(std::integral_constant<std::size_t, N>) {
      if (index != N) return;
      if constexpr (raced<Ts...>::uniform)
        value.emplace(take(std::get<N>(handles)));
      else
        value.emplace(std::in_place_index<N>, take(std::get<N>(handles)));
    };
    (at(std::integral_constant<std::size_t, I>{}), ...);
  }
  (std::index_sequence_for<Ts...>{});
  return {index, std::move(*value)};
}

/// The index of the winner, if there is one.
template <class Handles>
std::size_t index_of(const task_actor_base* winner, const Handles& handles) {
  std::size_t index = 0;
  for (const auto& each : handles) {
    if (each.base().get() == winner) break;
    ++index;
  }
  return index;
}

struct move_out {
  template <class T>
  gathered<T> operator()(task_handle<T>& handle) const {
    return value_of(handle);
  }
};
struct leave_in {
  template <class T>
  gathered<T> operator()(task_handle<T>& handle) const {
    if constexpr (std::is_void_v<T>) {
      handle.result();
      return {};
    } else {
      return handle.result();
    }
  }
};

}  // namespace detail

/// Runs the tasks at the same time, each as an actor; the first to end decides. Yields its index
/// and value, or throws what it threw. The others are cancelled and awaited first: no task outlives
/// its race. What they yield even so is dropped; an exception of their cleanup is reported (BK002).
///
/// All run on the worker of the caller, one after the other, so that of several that one event made
/// ready only the winner goes on: a loser that waited for an item or a lock has not taken it.
/// Cancellation: each reaches every task; comes out as `cancelled` when all have ended.
template <class First, class... Rest>
auto race(task<First> first, task<Rest>... rest)
    -> task<race_result<detail::raced_t<First, Rest...>>> {
  detail::owned_children children("race", detail::child_set::on_end::cancel_when_first,
                                  detail::owned_children::place::here);
  // In this order, from left to right.
  std::tuple<task_handle<First>, task_handle<Rest>...> handles{children.add(std::move(first)),
                                                               children.add(std::move(rest))...};
  co_await children.all_ended();
  const auto index = detail::index_of(
      children.winner(),
      std::apply([](auto&... each) { return std::array<any_task, sizeof...(each)>{each...}; },
                 handles));
  co_return detail::winner_of(handles, index, detail::move_out{});
}

/// A range of tasks of one type. Throws std::invalid_argument when it is empty.
template <class T>
task<race_result<detail::gathered<T>>> race(std::vector<task<T>> tasks) {
  if (tasks.empty()) throw std::invalid_argument("a race needs at least one task");
  detail::owned_children children("race", detail::child_set::on_end::cancel_when_first,
                                  detail::owned_children::place::here);
  std::vector<task_handle<T>> handles;
  handles.reserve(tasks.size());
  for (auto& each : tasks) handles.push_back(children.add(std::move(each)));
  co_await children.all_ended();
  const auto index = detail::index_of(children.winner(), handles);
  co_return race_result<detail::gathered<T>>{index, detail::value_of(handles[index])};
}

/// Waits for the first of tasks that run already, which stay their owners': the losers go on and
/// can be awaited later, raced again, or cancelled. Throws wrong_runtime for a handle of another
/// runtime. Cancellation: ends the waiting; the tasks go on.
template <class First, class... Rest>
auto race(task_handle<First> first, task_handle<Rest>... rest)
    -> task<race_result<detail::raced_t<First, Rest...>>> {
  std::tuple<task_handle<First>, task_handle<Rest>...> handles{std::move(first),
                                                               std::move(rest)...};
  const auto index = co_await detail::first_to_end(
      std::apply([](auto&... each) { return detail::tasks_wait::task_list{each.base()...}; },
                 handles),
      std::source_location::current());
  co_return detail::winner_of(handles, index, detail::leave_in{});
}

template <class T>
task<race_result<detail::gathered<T>>> race(std::vector<task_handle<T>> handles) {
  if (handles.empty()) throw std::invalid_argument("a race needs at least one task");
  detail::tasks_wait::task_list tasks;
  for (const auto& each : handles) tasks.push_back(each.base());
  const auto index =
      co_await detail::first_to_end(std::move(tasks), std::source_location::current());
  co_return race_result<detail::gathered<T>>{index, detail::leave_in{}(handles[index])};
}

}  // namespace buskin
