// An open file and the operations that wait for it: in order, one at a time, each in a thread of a
// pool.
//
// What always holds: at most one thread is at the file; an operation that its waiter gave up before
// it began never runs; when the pool does not run them, all are refused.
#pragma once

#include <buskin/io/detail/open_file.hpp>
#include <buskin/runtime/detail/job_wait.hpp>
#include <buskin/runtime/thread_pool.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <source_location>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace buskin::io::detail {

class file_line final : public job_line, public std::enable_shared_from_this<file_line> {
 public:
  explicit file_line(std::unique_ptr<open_file> file) noexcept : file_(std::move(file)) {}

  /// Hands an operation over; throws what the pool throws.
  void enqueue(thread_pool& pool, job work);
  /// Closes it behind what was asked for, then calls `after`, which does not throw. Throws what the
  /// pool throws; `after` was called all the same.
  void close_behind(thread_pool& pool, std::function<void()> after);

  /// The operation that runs may use it, and whoever asks for its path or descriptor.
  open_file& file() noexcept { return *file_; }

 private:
  class runner;
  class closing;

  void forget(job_state& state) noexcept override;
  /// The oldest; none, and the thread leaves the file.
  job next() noexcept;
  void run();
  void refuse_all(const std::exception_ptr& reason) noexcept;

  const std::unique_ptr<open_file> file_;
  std::mutex mutex_;
  job_list waiting_;      // guarded by mutex_
  bool running_ = false;  // guarded by mutex_; a thread is at the file, or will be
};

/// An operation on a file that yields an R.
template <class R>
class file_job final : public awaited_job_yielding<R> {
 public:
  using work = std::function<R(open_file&, const std::stop_token&)>;
  /// Takes back what was done, when the waiter gave up meanwhile.
  using undo = std::function<void(open_file&, std::conditional_t<std::is_void_v<R>, char, R>&)>;

  file_job(std::shared_ptr<file_line> line, work work, undo undo, const std::source_location& where)
      : awaited_job_yielding<R>(where),
        line_(std::move(line)),
        work_(std::move(work)),
        undo_(std::move(undo)) {}

 private:
  void call() override {
    const auto line = line_;
    const auto undo = std::move(undo_);
    if constexpr (std::is_void_v<R>) {
      work_(line->file(), this->stop_token());
      work_ = nullptr;
      this->settle();
    } else {
      this->value_.emplace(work_(line->file(), this->stop_token()));
      work_ = nullptr;
      // From here on it is the waiter's, unless there is none.
      if (!this->settle() && undo) undo(line->file(), *this->value_);
    }
  }
  void discard() noexcept override { work_ = nullptr; }

  const std::shared_ptr<file_line> line_;
  work work_;
  undo undo_;
};

/// To the default pool of the runtime that drives this thread.
void give_to(file_line& line, job work);

/// Waits for an operation of a file.
template <class R>
class [[nodiscard("nothing happens until it is awaited")]] file_wait final : public job_wait {
 public:
  file_wait(const char* operation, std::shared_ptr<file_line> line, typename file_job<R>::work work,
            const std::source_location& where, typename file_job<R>::undo undo = {})
      : job_wait(new file_job<R>(line, std::move(work), std::move(undo), where), where),
        operation_(operation),
        line_(std::move(line)) {}

  bool await_ready() {
    if (!begin(operation_)) return false;
    try {
      give_to(*line_, job(state()));
    } catch (...) {
      refused();
      throw;
    }
    return false;
  }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  R await_resume() {
    end_unless_settled();
    return static_cast<file_job<R>&>(state()).take();
  }

 private:
  const char* operation_;
  std::shared_ptr<file_line> line_;
};

}  // namespace buskin::io::detail
