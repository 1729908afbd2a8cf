// The coroutines that handlers of a behavior started, and who gives them turns.
#pragma once

#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/task.hpp>

#include <caf/fwd.hpp>
#include <caf/response_promise.hpp>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace buskin {
class behavior_actor;
}

namespace buskin::detail {

/// One handler's coroutine, from its message to its answer.
class handler_run {
 public:
  handler_run(stack_host& host, caf::response_promise promise)
      : stack(host), promise_(std::move(promise)) {}
  /// Answers broken_promise when there was no answer: the actor ended in the middle.
  virtual ~handler_run();
  /// Gives the answer of the ended coroutine.
  virtual void finish() = 0;

  coro_stack stack;

 protected:
  caf::response_promise promise_;
};

template <class R>
class handler_run_of final : public handler_run {
 public:
  handler_run_of(stack_host& host, caf::response_promise promise, task<R> body)
      : handler_run(host, std::move(promise)), root_(body.release()) {
    root_.promise().started_by(nullptr);
    stack.start(root_);
  }
  void finish() override {
    try {
      if constexpr (std::is_void_v<R>) {
        root_.promise().take();
        promise_.deliver(caf::unit);
      } else {
        promise_.deliver(root_.promise().take());
      }
    } catch (...) {
      promise_.deliver(to_error(std::current_exception()));
    }
    promise_ = {};
  }

 private:
  typename task<R>::handle_type root_;
};

/// All coroutines of one actor. In the actor's turn.
class handler_stacks {
 public:
  void start(std::unique_ptr<handler_run> run);
  /// Lets every coroutine whose wait is over go on.
  void on_signal();
  /// The actor ends: coroutines are destroyed, and whoever waits for an answer is told that there
  /// will be none.
  void destroy() noexcept;
  bool idle() const noexcept { return runs_.empty(); }
  /// Runs `call`, which will answer `promise`, when no exclusive handler runs any more.
  void when_free(std::function<void()> call, caf::response_promise promise) {
    waiting_.push_back({std::move(call), std::move(promise)});
  }
  void set_exclusive(bool busy) noexcept { exclusive_ = busy; }
  bool exclusive() const noexcept { return exclusive_; }

 private:
  void advance(handler_run& run);
  void reap();

  std::vector<std::unique_ptr<handler_run>> runs_;
  struct waiting_call {
    std::function<void()> call;
    caf::response_promise promise;
  };
  std::list<waiting_call> waiting_;  // usually empty, and then it takes no memory
  bool exclusive_ = false;
  bool reaping_ = false;
};

/// Where an actor's coroutines are kept, and the host that gives them turns.
struct handler_home {
  std::shared_ptr<void> owner;  // keeps the two below, for CAF's actors
  handler_stacks* stacks = nullptr;
  stack_host* host = nullptr;
};

handler_home home_of(behavior_actor& self);
handler_home home_of(caf::scheduled_actor& self);
handler_stacks& stacks_of(behavior_actor& self);

}  // namespace buskin::detail
