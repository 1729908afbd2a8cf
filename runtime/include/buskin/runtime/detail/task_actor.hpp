// The actor that a spawned task is: a lean actor whose behaviour is a coroutine.
#pragma once

#include <buskin/runtime/context.hpp>
#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/lean_actor.hpp>
#include <buskin/runtime/lean_ref.hpp>
#include <buskin/runtime/task.hpp>

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace buskin {
class runtime;
}

namespace buskin::detail {

/// How a task stands.
enum class task_state : std::uint8_t { pending, finished, failed, cancelled };

/// Messages that came for a task and were not received yet, oldest first; and who waits for one.
class message_waiter {
 public:
  /// Takes `element` if it is of a kind waited for. In the task's turn.
  virtual bool offer(caf::mailbox_element_ptr& element) = 0;

 protected:
  ~message_waiter() = default;
};

/// What a task took from a broker and has not given back. Goes back when the task ends.
class holding : public recycled {
 public:
  virtual ~holding() = default;
  virtual void give_back() noexcept = 0;
  /// Tells one broker's holding from another's.
  const void* of = nullptr;
  std::size_t count = 0;
  std::uint64_t lock = 0;  ///< the lock's id; 0 for what several may hold at once

 private:
  friend class task_actor_base;
  std::unique_ptr<holding> next_;
};

class task_actor_base : public lean_actor {
 public:
  task_actor_base(caf::actor_config& config, std::string name, const std::source_location& created);
  ~task_actor_base() override;

  // -- any thread -------------------------------------------------------------------------------
  task_state state() const noexcept { return state_.load(std::memory_order_acquire); }
  bool done() const noexcept { return state() != task_state::pending; }
  /// Requests a cancellation. False when the task has ended.
  bool cancel(std::exception_ptr reason);
  /// The exception it ended with (a `cancelled` when it was cancelled), which counts as fetched;
  /// null for none. After the end.
  std::exception_ptr exception() const noexcept;
  /// The same without counting as fetched.
  const std::exception_ptr& failure() const noexcept { return error_; }
  void mark_fetched() const noexcept { fetched_.store(true, std::memory_order_relaxed); }

  /// As given, or "task-" and its id.
  std::string task_name() const;
  const std::source_location& created() const noexcept { return created_; }
  /// Before the launch.
  void rename(std::string name) { name_ = std::make_unique<const std::string>(std::move(name)); }

  // -- in its turn ------------------------------------------------------------------------------
  coro_stack& stack() noexcept { return stack_; }
  /// The oldest message that `waiter` takes is given to it now (true), or the next to come (false).
  bool receive(message_waiter& waiter);
  void stop_receiving(message_waiter& waiter) noexcept;
  /// What it holds of the broker `of`, or null.
  holding* holding_of(const void* of) const noexcept;
  void take_hold(std::unique_ptr<holding> what) noexcept;
  void let_go(holding& what) noexcept;
  /// Adds the ids of the locks that it holds. Also while nobody runs it.
  void locks_held(std::vector<std::uint64_t>& ids) const;

  // -- lean_actor -------------------------------------------------------------------------------
  task_actor_base* as_task() noexcept override { return this; }
  std::string title() const override;
  const detail::wait* waiting() const noexcept override { return stack_.waiting(); }
  const char* name() const override { return name_ ? name_->c_str() : "task"; }

 protected:
  void on_start() override;
  void on_signal() override;
  void on_message(caf::mailbox_element_ptr& element) override;
  void on_exit_request(caf::exit_msg& request) override;
  void on_kill(caf::error reason) override;
  void on_end() noexcept override;
  std::size_t stored() const noexcept override;

  /// Gives `waiter` a message that is kept elsewhere than in the mailbox; see bounded mailboxes.
  virtual bool fetch_for(message_waiter&) { return false; }
  message_waiter* receiver() const noexcept { return receiver_; }

  /// Takes the result out of the ended coroutine.
  virtual std::exception_ptr collect() noexcept = 0;

 private:
  void settle();
  /// Takes the oldest message out of those that were not received; null for none.
  caf::mailbox_element_ptr take_unread() noexcept;

  // The small ones first: they fill what the base class leaves of its last word. What an idle task
  // weighs is counted (bench_memory).
  std::atomic<task_state> state_{task_state::pending};
  std::atomic<bool> cancelled_early_{false};  // a request is in the mailbox, or was
  bool begun_ = false;                        // its first step was taken
  bool killed_ = false;                       // for exit_reason_, as soon as its wait permits
  mutable std::atomic<bool> fetched_{false};
  coro_stack stack_{*this};
  std::exception_ptr error_;                 // written before state_ is published
  caf::error exit_reason_;                   // of the first request to end that came as a message
  std::unique_ptr<const std::string> name_;  // null: none was given
  std::source_location created_;
  std::unique_ptr<holding> holdings_;
  message_waiter* receiver_ = nullptr;
  // Not received yet, owned: the newest of a circle, so that its next is the oldest.
  caf::mailbox_element* unread_ = nullptr;
};

template <class T>
class task_actor : public task_actor_base {
 public:
  task_actor(caf::actor_config& config, task<T> body, std::string name,
             const std::source_location& created)
      : task_actor_base(config, std::move(name), created) {
    const auto root = body.release();
    root.promise().started_by(nullptr);
    stack().start(root);
  }

  /// The result; throws what the task threw. After the end. `take` moves it out.
  template <bool take>
  T result() {
    mark_fetched();
    if (failure()) std::rethrow_exception(failure());
    if constexpr (!std::is_void_v<T>) {
      if (!value_)
        throw invalid_state("the result of task \"" + task_name() + "\" was taken already");
      if constexpr (take || !std::is_copy_constructible_v<T>)
        return *std::exchange(value_, std::nullopt);
      else
        return *value_;
    }
  }

 protected:
  std::exception_ptr collect() noexcept override {
    try {
      auto& promise = task<T>::handle_type::from_address(stack().root().address()).promise();
      if constexpr (std::is_void_v<T>)
        promise.take();
      else
        value_.emplace(promise.take());
    } catch (...) {
      return std::current_exception();
    }
    return nullptr;
  }

 private:
  struct nothing {};
  [[no_unique_address]] std::conditional_t<std::is_void_v<T>, nothing, std::optional<T>> value_;
};

/// Options of a task to be started.
struct start_options {
  std::string name;
  shutdown_phase phase = shutdown_phase::ordinary;
  worker* home = nullptr;
  bool eager = false;
  /// The values of its local<T> variables; by default a copy of what its creator sees.
  std::optional<buskin::context> context{};
};

/// The runtime of this thread. Throws invalid_state when there is none.
runtime& runtime_here(const char* operation);
caf::actor_system& system_of(runtime& owner) noexcept;
bool eager_by_default(const runtime& owner) noexcept;

/// Whether it was shut down.
bool closed(const runtime& owner) noexcept;
/// Throws invalid_state: nothing can be started there.
void throw_closed(const runtime& owner);

/// Gives a task that is not launched yet its context, and shows it to the runtime's task factory.
/// What that throws comes out, and the task has ended.
void prepare_task(runtime& owner, task_actor_base& actor,
                  const std::optional<buskin::context>& given);

/// Makes and launches the actor of a task. Throws invalid_state, and drops `body` without a report,
/// when the runtime was shut down.
template <class T>
lean_ref<task_actor<T>> start_task(runtime& owner, task<T> body, start_options options,
                                   const std::source_location& created) {
  if (closed(owner)) {
    body.dismiss();
    throw_closed(owner);
  }
  auto actor =
      make_lean<task_actor<T>>(system_of(owner), std::move(body), std::move(options.name), created);
  prepare_task(owner, *actor, options.context);
  actor->track(options.phase);
  if (options.home != nullptr) actor->pin(*options.home);
  if (options.eager)
    actor->launch_here();
  else
    actor->launch(nullptr, false, true);
  return actor;
}

}  // namespace buskin::detail
