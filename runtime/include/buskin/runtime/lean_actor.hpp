// A CAF actor without the weight of caf::event_based_actor.
//
// It has CAF's identity, handles, links, monitors and requests, one lock-free inbox, and a dispatch
// of its own. It is what tasks, brokers and connections are made of. What always holds: whoever won
// the inbox (the scheduler, or a `turn` taken in passing) is the only one inside; a signal or
// message that arrives meanwhile is seen before the turn ends or leads to another turn.
#pragma once

#include <buskin/runtime/compiler.hpp>
#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/detail/message_element.hpp>
#include <buskin/runtime/detail/recycler.hpp>

#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/intrusive/lifo_inbox.hpp>
#include <caf/local_actor.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/resumable.hpp>
#include <caf/system_messages.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

namespace buskin {

class lean_actor;

/// When the runtime's shutdown ends an actor.
enum class shutdown_phase : std::uint8_t {
  acceptor,    ///< first: takes on new work
  supervisor,  ///< second: ends its children in its own order
  ordinary,    ///< third
  owned        ///< by its owner (a group, a supervisor), who is told
};

namespace detail {

class scheduler;
class task_actor_base;

/// The id that marks our own elements; no CAF message carries it.
inline constexpr std::uint64_t call_message_id = 0x20000000'0000B05CULL;

/// A function to be run in an actor's turn, as an element of its mailbox. Never leaves the process.
class call_element : public caf::mailbox_element, public recycled {
 public:
  call_element();
  virtual void run(lean_actor& self) = 0;

  caf::type_erased_tuple& content() override;
  const caf::type_erased_tuple& content() const override;
  caf::message move_content_to_message() override;
  caf::message copy_content_to_message() const override;
};

template <class F>
class call_element_of final : public call_element {
 public:
  explicit call_element_of(F function) : function_(std::move(function)) {}
  void run(lean_actor& self) override { function_(self); }

 private:
  F function_;
};

/// A pending answer to a request.
class reply_slot {
 public:
  virtual void reply(caf::mailbox_element_ptr answer) = 0;

 protected:
  ~reply_slot() = default;

 private:
  friend class buskin::lean_actor;
  std::uint64_t id_ = 0;  // the request's number
  reply_slot* next_ = nullptr;
};

struct inbox_policy {
  using mapped_type = caf::mailbox_element;
  using unique_pointer = caf::mailbox_element_ptr;
};

/// A place in one of the scheduler's lists of actors that are alive.
struct live_links {
  live_links* live_before = nullptr;
  live_links* live_after = nullptr;  // null: not in a list
};

}  // namespace detail

class lean_actor : public caf::local_actor,
                   public caf::resumable,
                   public detail::stack_host,
                   private detail::live_links {
 public:
  using signatures = caf::none_t;
  using behavior_type = caf::behavior;

  explicit lean_actor(caf::actor_config& config);
  ~lean_actor() override;

  // -- turns ------------------------------------------------------------------------------------

  /// The right to run inside an idle actor here and now, in the middle of somebody else's turn.
  /// Empty when the actor is busy, has ended, or is pinned to another worker; `post` does then.
  class turn {
   public:
    explicit turn(lean_actor& target) noexcept;
    ~turn();
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    explicit operator bool() const noexcept { return entered_; }

   private:
    lean_actor& target_;
    detail::running outer_;
    bool entered_;
    bool nested_ = false;  // the target is the actor that runs here anyway
  };

  /// Runs `function(lean_actor&)` in a turn of this actor, after what is in its mailbox already.
  /// Any thread. False when the actor has ended: then `function` was destroyed without being
  /// called.
  template <class F>
  bool post(F function) {
    return push(caf::mailbox_element_ptr(new detail::call_element_of<F>(std::move(function))));
  }

  /// Runs `function(lean_actor&)` now if the actor is idle and may run here, else as `post` does.
  template <class F>
  bool enter_or_post(F function) {
    if (turn now(*this); now) {
      function(*this);
      return true;
    }
    return post(std::move(function));
  }

  /// From here on only `home` runs it, and nobody steals it. To be called before it runs or in its
  /// turn on `home`.
  void pin(detail::worker& home) noexcept { home_.store(&home, std::memory_order_relaxed); }
  detail::worker* home() const noexcept { return home_.load(std::memory_order_relaxed); }

  /// Ends the actor after the present message. In its turn.
  void quit(caf::error reason = {});
  bool ended() const noexcept { return stage_.load(std::memory_order_acquire) == stage::ended; }

  /// A name for reports.
  virtual std::string title() const;
  /// Itself, if its behaviour is a coroutine.
  virtual detail::task_actor_base* as_task() noexcept { return nullptr; }
  /// What it waits for, if it is a coroutine. A look from outside its turn is a snapshot for
  /// reports.
  virtual const detail::wait* waiting() const noexcept { return nullptr; }

  // -- stack_host -------------------------------------------------------------------------------

  void signal() noexcept final;
  void signal_here() noexcept final;
  void again() noexcept final { again_ = true; }
  bool move_to(detail::worker& home) noexcept final {
    pin(home);
    return true;
  }
  void hold() noexcept final { caf::intrusive_ptr_add_ref(ctrl()); }
  void drop() noexcept final { caf::intrusive_ptr_release(ctrl()); }
  caf::local_actor& self() noexcept final { return *this; }
  void await_reply(std::uint64_t id, detail::reply_slot& slot) noexcept final;
  void forget_reply(detail::reply_slot& slot) noexcept final;

  // -- CAF --------------------------------------------------------------------------------------

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override;
  void launch(caf::execution_unit* unit, bool lazy, bool hide) override;
  void on_destroy() override;
  resume_result resume(caf::execution_unit* unit, size_t max_throughput) final;
  /// In place of `launch`: the first turn is had here and now, in the middle of somebody else's. An
  /// ordinary launch where no worker of its runtime is, and where such turns are too deep in each
  /// other already.
  void launch_here();
  subtype_t subtype() const final { return unspecified; }
  /// CAF's own is the same behind a call.
  caf::actor_control_block* ctrl() const noexcept { return caf::actor_control_block::from(this); }
  void intrusive_ptr_add_ref_impl() final { intrusive_ptr_add_ref(ctrl()); }
  void intrusive_ptr_release_impl() final { intrusive_ptr_release(ctrl()); }
  const char* name() const override { return "buskin.lean"; }

  /// Shuts it down from outside of any worker. Only when no worker runs any more.
  void abandon(const caf::error& reason) noexcept;

  /// Makes it one of the actors that the runtime lists, and ends at shutdown in the given phase.
  /// Before launch.
  void track(shutdown_phase phase) noexcept {
    tracked_ = true;
    phase_ = phase;
  }
  shutdown_phase phase() const noexcept { return phase_; }

  /// Calls `look()` while nobody runs the actor; false when somebody does. Any thread. `look` may
  /// only read.
  template <class F>
  bool peek(F look) {
    if (!inbox_.try_unblock()) return false;
    look();
    if (!block()) schedule();
    return true;
  }
  /// Messages that wait, in the mailbox or out of it already. Inside `peek`.
  virtual std::size_t queued() noexcept;

 protected:
  /// The first turn begins.
  virtual void on_start() {}
  /// A message that is neither a reply nor an exit request. Whoever wants to keep it moves it out.
  virtual void on_message(caf::mailbox_element_ptr& element) = 0;
  /// Another actor (a linked one, a supervisor) wants this one to end, for a reason other than
  /// `kill`. By default it quits with that reason; a normal end of a linked actor is ignored, as in
  /// CAF and Erlang.
  virtual void on_exit_request(caf::exit_msg& request);
  /// It is to end at once (`caf::exit_reason::kill`). By default it does.
  virtual void on_kill(caf::error reason) { quit(std::move(reason)); }
  /// `signal` was called.
  virtual void on_signal() {}
  /// `quit` was called: no more messages are handled. In its turn.
  bool quitting() const noexcept { return stage_.load(std::memory_order_relaxed) >= stage::ending; }
  /// Messages that were taken out of the mailbox and are kept for later.
  virtual std::size_t stored() const noexcept { return 0; }
  /// The last thing in the last turn, before links and monitors learn of the end.
  virtual void on_end() noexcept {}
  /// Answers an unhandled request with an error; drops anything else.
  void refuse(caf::mailbox_element& element);
  /// Answers the request in `element` with `content`; nothing if it was none.
  void respond(caf::mailbox_element& element, caf::message content);
  template <class... Args>
  void respond_with(caf::mailbox_element& element, Args&&... values) {
    if (element.mid.is_request() && element.sender)
      element.sender->enqueue(
          detail::make_element(caf::strong_actor_ptr(ctrl()), element.mid.response_id(),
                               std::forward<Args>(values)...),
          context());
  }

 private:
  friend class turn;
  friend class detail::scheduler;
  enum class stage : std::uint8_t { fresh, running, ending, ended };

  bool push(caf::mailbox_element_ptr element) noexcept;
  void schedule() noexcept;
  void dispatch(caf::mailbox_element_ptr& element);
  void start();
  bool take_signal();
  void finish(caf::execution_unit* unit) noexcept;
  bool fetch() noexcept;
  bool block() noexcept;

  caf::intrusive::lifo_inbox<detail::inbox_policy> inbox_;
  caf::mailbox_element* pending_ = nullptr;  // taken from the inbox, in order of arrival; owned
  detail::reply_slot* replies_ = nullptr;
  // Set by whoever has the turn; alone: whoever looks without it looks again when he has it.
  std::atomic<detail::worker*> home_{nullptr};
  // Partner of the inbox: a signal sets it before it tries to unblock, a turn reads it after it
  // blocked.
  std::atomic<bool> attention_{false};
  std::atomic<stage> stage_{stage::fresh};
  // Written in its turn only.
  bool again_ : 1 = false;
  bool tracked_ : 1 = false;
  shutdown_phase phase_ = shutdown_phase::ordinary;
};

}  // namespace buskin
