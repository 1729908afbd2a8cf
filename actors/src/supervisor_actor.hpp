// The supervisor itself: an actor whose life is one coroutine that does one thing after the other,
// as Erlang's does.
//
// What always holds: only the coroutine starts, ends, adds and removes children; a child's end is
// noted in passing (the event, the state), and believed only from its own incarnation; what follows
// from it is a job in the line, like a request. While the supervisor is stopping nobody is started.
#pragma once

#include <buskin/actors/detail/actor_timer.hpp>
#include <buskin/actors/supervisor.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/sleep.hpp>

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <unordered_map>
#include <utility>
#include <variant>

namespace buskin::detail {

class supervisor_actor;

/// The answer to a request; whoever drops it unanswered tells that the supervisor has ended.
template <class R>
class supervisor_reply {
 public:
  using target = cell<typename supervisor_call<R>::stored>;

  supervisor_reply(lean_ref<supervisor_actor> of, cell_ref<target> to) noexcept
      : of_(std::move(of)), to_(std::move(to)) {}
  supervisor_reply(supervisor_reply&&) noexcept = default;
  supervisor_reply& operator=(supervisor_reply&&) noexcept = default;
  ~supervisor_reply();

  void give(typename supervisor_call<R>::stored value = {}) {
    std::exchange(to_, {})->resolve(std::move(value));
  }
  void fail(std::exception_ptr error) { std::exchange(to_, {})->fail(std::move(error)); }

 private:
  lean_ref<supervisor_actor> of_;
  cell_ref<target> to_;
};

/// A child is known by its id, or by its actor.
using child_name = std::variant<std::string, caf::actor>;

class supervisor_actor final : public lean_actor {
 public:
  supervisor_actor(caf::actor_config& config, std::vector<child_spec> children,
                   supervisor_options options);
  ~supervisor_actor() override;

  // -- any thread -------------------------------------------------------------------------------
  static supervisor_actor& of(const supervisor& face) { return face.self(); }

  void ask_started(cell_ref<cell<unit>> to);
  void ask_start(child_spec spec, cell_ref<cell<caf::actor>> to);
  void ask_start(std::function<task<void>()> start, cell_ref<cell<caf::actor>> to);
  void ask_terminate(child_name whom, cell_ref<cell<unit>> to);
  void ask_restart(std::string id, cell_ref<cell<caf::actor>> to);
  void ask_delete(std::string id, cell_ref<cell<unit>> to);

  std::vector<child_status> which() const;
  child_counts count() const;
  child_spec spec_of(const std::string& id) const;
  subscription<supervisor_event> events() const { return events_.subscribe(); }
  const supervisor_options& options() const noexcept { return options_; }
  /// What a request gets after the end.
  std::exception_ptr refusal() const;

  std::string title() const override { return quoted(); }
  const wait* waiting() const noexcept override { return stack_.waiting(); }
  const char* name() const override { return "buskin.supervisor"; }

 protected:
  void on_start() override;
  void on_signal() override;
  void on_message(caf::mailbox_element_ptr& element) override;
  void on_exit_request(caf::exit_msg& request) override;
  void on_end() noexcept override;

 private:
  struct child {
    child_spec spec;
    std::uint64_t number = 0;
    // Guarded by mutex_ where other threads read them: state, restarts, actor.
    child_status::state state = child_status::state::stopped;
    unsigned restarts = 0;
    caf::strong_actor_ptr actor;
    std::uint64_t incarnation = 0;  // ends of earlier ones are strangers
    unsigned failures = 0;          // in a row
    time_point started{};
    std::optional<time_point> due;  // of the restart; then it is in due_
    caf::error last;                // why it ended
    bool asked = false;             // its end is our doing
  };
  class watch;
  class moment;
  enum class result : std::uint8_t { started, ignored, failed };
  enum class attempt : std::uint8_t { first, again };

  struct ended_job {
    std::uint64_t number;
    std::uint64_t incarnation;
  };
  struct due_job {
    std::uint64_t number;
  };
  struct start_job {
    child_spec spec;
    supervisor_reply<caf::actor> reply;
  };
  struct terminate_job {
    child_name whom;
    supervisor_reply<void> reply;
  };
  struct restart_job {
    std::string id;
    supervisor_reply<caf::actor> reply;
  };
  struct delete_job {
    std::string id;
    supervisor_reply<void> reply;
  };
  using job = std::variant<ended_job, due_job, start_job, terminate_job, restart_job, delete_job>;

  // -- the coroutine: supervisor_actor.cpp ------------------------------------------------------
  task<void> live();
  task<void> start_initial();
  task<void> end_all();
  task<void> end_pool();
  void stop(caf::error reason);
  void settle();

  // -- restarts: supervisor_restart.cpp ---------------------------------------------------------
  task<void> on(ended_job what);
  task<void> on(due_job what);
  /// The child ended (`first`), or could not be started (`again`), and is to run.
  task<void> restart(child& c, caf::error why, attempt which);
  task<void> start_group(child& c);
  task<void> end_group(child& c);
  bool restart_permitted();
  void give_up(child& c, const caf::error& why);
  void consider_auto_shutdown(const child& ended);
  void wait_for_restart(child& c, duration delay);
  void forget_due(child& c);

  // -- requests: supervisor_requests.cpp --------------------------------------------------------
  task<void> on(start_job what);
  task<void> on(terminate_job what);
  task<void> on(restart_job what);
  task<void> on(delete_job what);
  template <class Job>
  void line_up(Job what);
  [[noreturn]] void refuse_child(child_error::code why, const child& c) const;
  child& named(const std::string& id) const;
  child& holder_of(const child_name& whom) const;

  // -- one child: supervisor_child.cpp ----------------------------------------------------------
  /// `failure_` says why when it failed.
  task<result> start(child& c);
  caf::strong_actor_ptr make(child& c, supervisor& inner);
  /// Asks the child to end, kills it when it is late, and waits for the end.
  task<void> end(child& c);
  task<void> await_kill(child& c);
  void abandon(child& c);
  void kill(child& c, duration limit);
  void on_child_end(std::uint64_t number, std::uint64_t incarnation, const caf::error& reason);
  child& enter(child_spec spec);
  void remove(child& c);
  child* find(std::uint64_t number) const;
  child* find(const std::string& id) const;
  void set(child& c, child_status::state state, caf::strong_actor_ptr actor = nullptr);
  void tell(supervisor_event::kind what, const child* c, const caf::error& reason = {},
            duration wait = {});
  void tell_text(supervisor_event::kind what, const child* c, std::string text);
  std::string quoted() const { return "supervisor \"" + options_.name + "\""; }
  bool pool() const noexcept { return options_.strategy == restart_strategy::simple_one_for_one; }

  const supervisor_options options_;
  broadcast<supervisor_event> events_;
  std::mt19937_64 random_;
  coro_stack stack_{*this};
  task<void>::handle_type root_;
  child_spec template_;  // of a pool
  std::deque<job> jobs_;
  std::deque<time_point> restarts_;                     // those within the period
  std::set<std::pair<time_point, std::uint64_t>> due_;  // restarts to come
  actor_timer timer_{*this};                            // for the first of due_
  std::uint64_t born_ = 0;
  caf::error failure_;  // of the last start
  caf::error reason_;
  bool stopping_ = false;
  bool initialized_ = false;
  std::vector<supervisor_reply<void>> await_start_;

  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::unique_ptr<child>> children_;  // by number; changed under mutex_
  std::unordered_map<std::string, std::uint64_t> ids_;        // of children_; the same
  std::unordered_map<caf::actor_id, std::uint64_t> actors_;   // running children; in our turn
  std::exception_ptr start_failure_;                          // guarded by mutex_
};

/// Waits until `happened()`, or until `due`. In the coroutine of a supervisor_actor.
class supervisor_actor::moment : public timer_wait {
 public:
  explicit moment(time_point due) noexcept
      : timer_wait(due, wait_kind::other, std::source_location::current()) {}
  bool ready() noexcept override { return happened() || timer_wait::ready(); }
  bool withdraw() noexcept override { return timer_wait::withdraw(); }
  bool await_ready() {
    if (happened()) return true;
    begin("supervisor");
    return false;
  }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  void await_resume() noexcept { timer_wait::withdraw(); }

 protected:
  ~moment() = default;
  virtual bool happened() const noexcept = 0;
};

/// The same for a function.
template <class Happened, class Base>
class until_moment final : public Base {
 public:
  until_moment(Happened happened, time_point due) noexcept
      : Base(due), happened_(std::move(happened)) {}

 protected:
  bool happened() const noexcept override { return happened_(); }

 private:
  Happened happened_;
};

template <class R>
supervisor_reply<R>::~supervisor_reply() {
  if (to_) to_->fail(of_->refusal());
}

/// Throws std::invalid_argument for a wrong specification; fills in its defaults.
child_spec checked(child_spec spec, const supervisor_options& options, bool needs_start);

/// What is thrown, and told, of a child.
caf::error child_failure(failure as, child_error::code why, const std::string& child,
                         const std::string& text, const caf::error& cause);

}  // namespace buskin::detail
