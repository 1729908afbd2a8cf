// The results of several tasks, in the order in which they come. asyncio's as_completed.
#pragma once

#include <buskin/actors/any_task.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/time_limit.hpp>
#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/task.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <source_location>
#include <utility>
#include <vector>

namespace buskin {

namespace detail {

/// The numbers of the tasks that have ended, oldest first. Any thread of the runtime.
class completion_core {
 public:
  /// Watches `tasks`; `own` ones are cancelled when this goes.
  completion_core(std::vector<lean_ref<task_actor_base>> tasks, bool own, duration limit);
  ~completion_core();
  completion_core(const completion_core&) = delete;
  completion_core& operator=(const completion_core&) = delete;

  std::size_t left() const noexcept;

  /// The next number, or none when each was given to somebody.
  static task<std::optional<std::size_t>> next(std::shared_ptr<completion_core> self,
                                               std::source_location where);

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace detail

/// One of the tasks of as_completed, ended.
template <class T>
struct completion {
  std::size_t index;  ///< its place among those given
  task_handle<T> handle;

  /// Its result, or throws what it threw.
  T result() const { return handle.result(); }
};

/// What as_completed returns: each task once, as it ends.
///
///     auto pages = as_completed(std::move(fetches), 10s);
///     while (auto page = co_await pages.next()) use(page->index, page->result());
///
/// Several tasks may call `next` at the same time: together they get every task once.
template <class T>
class completions {
 public:
  completions(std::vector<task_handle<T>> handles, bool own, duration limit)
      : handles_(std::make_shared<const std::vector<task_handle<T>>>(std::move(handles))) {
    std::vector<lean_ref<detail::task_actor_base>> tasks;
    tasks.reserve(handles_->size());
    for (const auto& each : *handles_) tasks.push_back(each.base());
    core_ = std::make_shared<detail::completion_core>(std::move(tasks), own, limit);
  }

  /// Awaits the task that ends next; none when all have been given out. Throws timeout_error when
  /// the limit has passed and no ended task is left to be given out; the tasks go on. Cancellation:
  /// takes none.
  task<std::optional<completion<T>>> next(
      std::source_location where = std::source_location::current()) const {
    return next_of(core_, handles_, where);
  }

  /// How many were not given out and are not being waited for.
  std::size_t left() const noexcept { return core_->left(); }

 private:
  using handle_list = std::shared_ptr<const std::vector<task_handle<T>>>;

  static task<std::optional<completion<T>>> next_of(std::shared_ptr<detail::completion_core> core,
                                                    handle_list handles,
                                                    std::source_location where) {
    const auto index = co_await detail::completion_core::next(std::move(core), where);
    if (!index) co_return std::nullopt;
    co_return completion<T>{*index, (*handles)[*index]};
  }

  handle_list handles_;
  std::shared_ptr<detail::completion_core> core_;
};

/// The tasks in the order in which they end. Tasks that run already stay their owners'. Throws
/// invalid_state for an empty handle, wrong_runtime for a handle of another runtime. `limit`: for
/// the whole, from now on. Inside a running runtime.
template <class T>
completions<T> as_completed(std::vector<task_handle<T>> handles, duration limit = infinite) {
  return completions<T>(std::move(handles), false, limit);
}

/// The same with tasks that are started for it. Those that still run are cancelled when the last
/// copy of what this returns has gone.
template <class T>
completions<T> as_completed(std::vector<task<T>> tasks, duration limit = infinite) {
  std::vector<task_handle<T>> handles;
  handles.reserve(tasks.size());
  for (auto& each : tasks) {
    const auto where = each.where();
    handles.push_back(spawn(std::move(each), {}, where));
  }
  return completions<T>(std::move(handles), true, limit);
}

}  // namespace buskin
