// Waiting for several tasks without owning them. asyncio's wait.
#pragma once

#include <buskin/actors/any_task.hpp>
#include <buskin/actors/detail/tasks_wait.hpp>
#include <buskin/actors/time_limit.hpp>
#include <buskin/runtime/sleep.hpp>
#include <buskin/runtime/task.hpp>

#include <algorithm>
#include <concepts>
#include <ranges>
#include <source_location>
#include <stdexcept>
#include <vector>

namespace buskin {

/// What `wait` yields: the handles that it was given, each once, in the order given.
template <class Handle>
struct wait_result {
  std::vector<Handle> done;
  std::vector<Handle> pending;
};

namespace detail {

template <class Handle>
task<wait_result<Handle>> wait_for_tasks(std::vector<Handle> handles, when until, duration limit,
                                         std::source_location where) {
  if (handles.empty()) throw std::invalid_argument("wait needs at least one task to wait for");
  tasks_wait::task_list tasks;
  for (auto& handle : handles) {
    if (!handle) throw invalid_state("a task_handle given to wait refers to no task");
    tasks.push_back(handle.base());
  }
  std::sort(tasks.begin(), tasks.end(),
            [](const auto& a, const auto& b) { return a.get() < b.get(); });
  tasks.erase(std::unique(tasks.begin(), tasks.end()), tasks.end());
  const bool in_time = co_await tasks_wait(
      tasks, until, limit == infinite ? time_point::max() : after(now_here("wait"), limit), where);
  // Whoever ends at the very limit has its turn before the tasks are looked at.
  if (!in_time) co_await yield(where);
  wait_result<Handle> found;
  std::vector<bool> told(tasks.size());
  for (auto& handle : handles) {
    const auto at =
        std::lower_bound(tasks.begin(), tasks.end(), handle.base(),
                         [](const auto& a, const auto& b) { return a.get() < b.get(); });
    const auto place = static_cast<std::size_t>(at - tasks.begin());
    if (told[place]) continue;
    told[place] = true;
    (handle.done() ? found.done : found.pending).push_back(std::move(handle));
  }
  co_return found;
}

}  // namespace detail

/// Waits until one, the first failed, or all of the tasks have ended, `limit` at most, and yields
/// which have ended and which have not. Takes any range of task_handles, or of any_tasks where they
/// are of several types; one that is given twice counts once.
///
/// Neither a limit that passes nor a task that fails makes it throw, and no task is cancelled by
/// it: their owners stay who they were. A task that ends at the very limit counts as done. Throws
/// std::invalid_argument for an empty range, wrong_runtime for a task of another runtime.
/// Cancellation: ends the waiting; the tasks go on.
template <std::ranges::input_range Range>
requires std::derived_from<std::ranges::range_value_t<Range>, any_task>
auto wait(Range&& tasks, when until = when::all_completed, duration limit = infinite,
          std::source_location where = std::source_location::current())
    -> task<wait_result<std::ranges::range_value_t<Range>>> {
  std::vector<std::ranges::range_value_t<Range>> handles;
  for (auto&& each : tasks) handles.push_back(std::forward<decltype(each)>(each));
  return detail::wait_for_tasks(std::move(handles), until, limit, where);
}

}  // namespace buskin
