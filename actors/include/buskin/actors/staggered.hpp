// Candidates that are started one after the other, until one succeeds. asyncio's staggered_race,
// the heart of "happy eyeballs".
#pragma once

#include <buskin/actors/detail/owned_children.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/time_limit.hpp>
#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/task.hpp>

#include <cstddef>
#include <exception>
#include <optional>
#include <source_location>
#include <utility>
#include <vector>

namespace buskin {

/// How a staggered race ended.
template <class T>
struct staggered_result {
  std::optional<detail::gathered<T>> value;  ///< the winner's; none when nobody won
  std::optional<std::size_t> index;          ///< the winner's place among the candidates
  /// What became of each candidate that was started: null for the winner, its failure, or a
  /// `cancelled` when it was overtaken.
  std::vector<std::exception_ptr> errors;
};

namespace detail {

/// Waits until the candidate that was started last has ended without winning, somebody has won, or
/// `delay` has passed: true when the next one is to be started.
task<bool> next_is_due(owned_children& children, any_task last, duration delay);

}  // namespace detail

/// Starts the first candidate, and each further one when `delay` has passed since the one before it
/// or that one has failed, whichever is first. The first to succeed wins: the others are cancelled
/// and awaited, and those that were not needed are never begun. With a delay of 0 all start at once
/// (JavaScript's `Promise.any`), with `infinite` each only after the failure of the one before.
///
/// When all fail there is no winner, and `errors` has every failure. Cancellation: each reaches
/// every candidate that runs; comes out as `cancelled` when all have ended.
template <class T>
task<staggered_result<T>> staggered(duration delay, std::vector<task<T>> candidates) {
  detail::owned_children children("staggered", detail::child_set::on_end::cancel_when_succeeded,
                                  detail::owned_children::place::here);
  struct dismissal {  // those that are not needed, on whatever way out
    ~dismissal() {
      for (auto& each : unused) each.dismiss();
    }
    std::vector<task<T>>& unused;
  } at_the_end{candidates};
  std::vector<task_handle<T>> handles;
  std::exception_ptr cancellation;
  for (auto& each : candidates) {
    try {
      if (!handles.empty() && !co_await detail::next_is_due(children, handles.back(), delay)) break;
    } catch (...) {
      cancellation = std::current_exception();
      break;
    }
    handles.push_back(children.add(std::move(each)));
  }
  if (cancellation) children.cancel("the race was cancelled");
  co_await children.all_ended();
  if (cancellation) std::rethrow_exception(cancellation);

  staggered_result<T> found;
  for (std::size_t i = 0; i != handles.size(); ++i) {
    if (handles[i].base().get() == children.winner()) {
      found.value.emplace(detail::value_of(handles[i]));
      found.index = i;
      found.errors.push_back(nullptr);
    } else if (auto error = handles[i].exception()) {
      found.errors.push_back(std::move(error));
    } else {
      found.errors.push_back(
          std::make_exception_ptr(cancelled("another candidate had won when this one succeeded")));
    }
  }
  co_return found;
}

}  // namespace buskin
