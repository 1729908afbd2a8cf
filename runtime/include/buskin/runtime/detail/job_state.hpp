// What the copies of one job share with whoever waits for it.
//
// What always holds: the phase leaves `waiting` once, for `running` (an executor claimed it) or for
// `over` (refused, or withdrawn by the waiter); the memory lives as long as the waiter or a copy of
// the job does. Knows nothing of actors, so that a thread sanitizer can watch it.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <utility>

namespace buskin::detail {

class job_list;
class job_state;

/// Where jobs wait for a thread.
class job_line {
 public:
  /// Told when one is withdrawn, so that its place is free at once.
  virtual void forget(job_state& state) noexcept = 0;
  /// Told by the thread that runs one that its function has returned, before its waiter is: a
  /// waiter that hands the next job over finds the thread free.
  virtual void returned() noexcept {}

 protected:
  ~job_line() = default;
};

/// Tells of a job that nobody waits for and that threw, or was refused: the runtime in which it was
/// made (see job_origin), else the log.
void report_job_failure(const void* origin, const std::exception_ptr& error,
                        const std::source_location& where) noexcept;
/// What stands for the runtime of this thread; null for none.
const void* job_origin() noexcept;

class job_state {
 public:
  /// With one reference, the creator's.
  explicit job_state(const std::source_location& where) noexcept : where_(where) {}
  job_state(const job_state&) = delete;
  job_state& operator=(const job_state&) = delete;

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  // -- the executor's side ------------------------------------------------------------------------

  void add_holder() noexcept {
    holders_.fetch_add(1, std::memory_order_relaxed);
    retain();
  }
  void drop_holder() noexcept;
  void dismiss_holder() noexcept;
  void run();
  void refuse(std::exception_ptr reason) noexcept;

  // -- the waiter's side --------------------------------------------------------------------------

  /// Gives it up before it began. False when it has begun, or was refused.
  bool withdraw() noexcept;

  bool waiting() const noexcept { return phase_.load(std::memory_order_acquire) == phase::waiting; }
  const std::source_location& where() const noexcept { return where_; }

 protected:
  virtual ~job_state() = default;
  /// Whoever waits is about to be told.
  void tell_line() const noexcept {
    if (line_ && phase_.load(std::memory_order_relaxed) == phase::running) line_->returned();
  }

 private:
  friend class job_list;
  enum class phase : std::uint8_t { waiting, running, over };

  /// Runs the function and keeps what it yields. What it throws goes to `failed`.
  virtual void call() = 0;
  virtual void failed(std::exception_ptr reason) noexcept = 0;
  /// Destroys the function, which will not be called.
  virtual void discard() noexcept = 0;

  bool leave_waiting(phase next) noexcept {
    auto expected = phase::waiting;
    return phase_.compare_exchange_strong(expected, next, std::memory_order_acq_rel);
  }

  const std::source_location where_;
  std::atomic<std::uint32_t> references_{1};
  std::atomic<std::uint32_t> holders_{0};
  std::atomic<phase> phase_{phase::waiting};

  // Of the line it waits in.
  std::shared_ptr<job_line> line_;  // written once, before it is in the line
  job_list* list_ = nullptr;        // guarded by the line, like the rest
  job_state* before_ = nullptr;
  job_state* after_ = nullptr;
};

/// Jobs in order of arrival. Guarded by the line that owns it.
class job_list {
 public:
  job_list() = default;
  job_list(const job_list&) = delete;
  job_list& operator=(const job_list&) = delete;

  bool empty() const noexcept { return first_ == nullptr; }
  std::size_t size() const noexcept { return size_; }
  static bool in(const job_state& state, const job_list& list) noexcept {
    return state.list_ == &list;
  }
  static void set_line(job_state& state, std::shared_ptr<job_line> line) noexcept {
    state.line_ = std::move(line);
  }

  /// Takes one holder's share over.
  void push(job_state& state) noexcept;
  /// The oldest, with that share, or null.
  job_state* pop() noexcept;
  /// Takes one out of the middle. False when it is not in this list.
  bool erase(job_state& state) noexcept;

  /// Takes the share out of a job handle.
  template <class Job>
  static job_state* take(Job& work) noexcept {
    return std::exchange(work.state_, nullptr);
  }
  template <class Job>
  static Job give(job_state* state) noexcept {
    Job work;
    work.state_ = state;
    return work;
  }

 private:
  job_state* first_ = nullptr;
  job_state* last_ = nullptr;
  std::size_t size_ = 0;
};

/// A function that nobody waits for.
template <class F>
class function_job_state final : public job_state {
 public:
  template <class G>
  function_job_state(G&& function, const std::source_location& where)
      : job_state(where), function_(std::in_place, std::forward<G>(function)) {}

 private:
  void call() override {
    struct clearing {
      ~clearing() { function.reset(); }
      std::optional<F>& function;
    } at_the_end{function_};
    (*function_)();
  }
  void failed(std::exception_ptr reason) noexcept override {
    report_job_failure(origin_, reason, where());
  }
  void discard() noexcept override { function_.reset(); }

  std::optional<F> function_;
  const void* const origin_ = job_origin();
};

}  // namespace buskin::detail
