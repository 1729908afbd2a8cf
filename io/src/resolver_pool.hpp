// The threads that ask the system for names.
//
// It is not a thread_pool: a look-up can hang for as long as the system's resolver has patience,
// and nobody can end it; a thread_pool belongs to somebody who waits for its threads. Here nobody
// ever does: what the threads share with us is kept by whoever is last. What always holds: of one
// question at most one look-up is under way.
#pragma once

#include <buskin/io/detail/lookup.hpp>
#include <buskin/runtime/detail/coro_stack.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <vector>

namespace buskin::io::detail {

using namespace buskin::detail;

/// A look-up, shared by those who wait for it and the thread that does it; any may be gone first.
struct lookup {
  lookup_key what;
  bool keep = false;                    // the answer, for others; guarded by the pool's mutex
  std::vector<stack_host*> waiters;     // likewise
  std::optional<lookup_answer> answer;  // likewise
};

class resolver_pool {
 public:
  static resolver_pool& instance();

  /// Has `host` signalled when there is an answer. With `keep` it is there for later, too.
  std::shared_ptr<lookup> ask(const lookup_key& what, stack_host& host, bool keep);
  /// Does not wait any more.
  void forget(lookup& which, stack_host& host) noexcept;
  /// The answer, if it is there.
  std::optional<lookup_answer> answer_of(const lookup& which) const;
  bool answered(const lookup& which) const noexcept;

  /// One that was kept and is not older than `age`.
  std::optional<lookup_answer> remembered(const lookup_key& what,
                                          std::chrono::steady_clock::duration age) const;
  void clear();
  lookup_function exchange(lookup_function other);

 private:
  // So many servers may be dead before anybody waits for a thread.
  static constexpr std::size_t most_threads = 32;
  static constexpr std::size_t most_kept = 256;
  static constexpr auto idle_time = std::chrono::seconds(10);

  struct kept {
    lookup_answer answer;
    std::chrono::steady_clock::time_point since;
  };

  void start_thread();
  void work();
  void settle(lookup& job, lookup_answer answer);
  void remember(const lookup_key& what, const lookup_answer& answer);

  mutable std::mutex mutex_;
  std::condition_variable news_;
  // All guarded by mutex_.
  lookup_function function_;
  std::deque<std::shared_ptr<lookup>> jobs_;
  std::map<lookup_key, std::shared_ptr<lookup>> under_way_;
  std::map<lookup_key, kept> kept_;
  std::size_t threads_ = 0;
  std::size_t idle_ = 0;
};

/// Waits for a look-up.
class lookup_wait final : public wait {
 public:
  lookup_wait(lookup_key what, bool keep, const std::source_location& source)
      : wait(wait_kind::resolve, source), what_(std::move(what)), keep_(keep) {}
  ~lookup_wait() { forget(); }
  bool ready() noexcept override { return resolver_pool::instance().answered(*job_); }
  bool withdraw() noexcept override {
    forget();
    return true;
  }
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  lookup_answer await_resume();

 private:
  void forget() noexcept;

  const lookup_key what_;
  const bool keep_;
  stack_host* host_ = nullptr;
  std::shared_ptr<lookup> job_;
};

}  // namespace buskin::io::detail
