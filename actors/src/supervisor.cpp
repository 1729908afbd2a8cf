// What always holds: a child is running, waiting for its restart, or stopped; while the supervisor
// is stopping nobody is started; a child's end is believed only from its own incarnation.
#include <buskin/actors/supervisor.hpp>

#include <buskin/actors/detail/actor_timer.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>

namespace buskin {

duration backoff::wait(unsigned failures, double random) const {
  if (initial <= duration::zero() || failures == 0) return duration::zero();
  const double longest = std::chrono::duration<double>(maximum).count();
  const double plain = std::chrono::duration<double>(initial).count() *
                       std::pow(factor, static_cast<double>(std::min(failures - 1, 1000U)));
  const double moved = std::min(plain, longest) * (1.0 + jitter * random);
  return std::chrono::duration_cast<duration>(
      std::chrono::duration<double>(std::min(moved, longest)));
}

const char* to_string(supervisor_event::kind what) noexcept {
  switch (what) {
    case supervisor_event::kind::started:
      return "started";
    case supervisor_event::kind::ended:
      return "ended";
    case supervisor_event::kind::waiting:
      return "waiting";
    case supervisor_event::kind::start_failed:
      return "start failed";
    case supervisor_event::kind::killed:
      return "killed";
    case supervisor_event::kind::gave_up:
      return "gave up";
  }
  return "?";
}

class supervisor::implementation final : public lean_actor {
 public:
  implementation(caf::actor_config& config, std::vector<child_spec> children,
                 supervisor_options options)
      : lean_actor(config),
        options_(std::move(options)),
        events_(home_system(), options_.event_backlog),
        random_(options_.seed) {
    for (auto& spec : children) add(std::move(spec));
    hold();  // it lives until it ends, like a task
  }

  // -- any thread -------------------------------------------------------------------------------

  /// Checks a specification and enters it, stopped.
  void add(child_spec spec) {
    const auto refuse = [&](const char* what) {
      throw std::invalid_argument("supervisor \"" + options_.name + "\": child \"" + spec.id +
                                  "\" " + what);
    };
    if (spec.id.empty()) refuse("has no id; each child needs one that no other has");
    if (!spec.start && !spec.start_actor)
      refuse("has nothing to start; give it `start` or `start_actor`");
    if (spec.start && spec.start_actor)
      refuse("has both `start` and `start_actor`; give it one of them");
    if (spec.shutdown.limit() < duration::zero()) refuse("has a negative shutdown time");
    if (spec.backoff.factor < 1.0 || spec.backoff.jitter < 0.0 || spec.backoff.jitter > 1.0)
      refuse("has a back-off with a factor below 1 or a jitter outside of 0 to 1");
    std::lock_guard guard(mutex_);
    for (const auto& other : children_)
      if (other->spec.id == spec.id) refuse("exists already; ids are used once");
    children_.push_back(std::make_unique<child>(*this, std::move(spec)));
  }

  std::vector<child_status> status() const {
    std::vector<child_status> all;
    std::lock_guard guard(mutex_);
    for (const auto& c : children_)
      all.push_back({c->spec.id, c->state, c->restarts, caf::actor_cast<caf::actor>(c->actor)});
    return all;
  }

  subscription<supervisor_event> events() const { return events_.subscribe(); }

  void start_later(const std::string& id) {
    if (!post([id](lean_actor& self) {
          auto& s = static_cast<implementation&>(self);
          if (auto* c = s.find(id); c != nullptr && !s.stopping_) s.start(*c);
        }))
      throw invalid_state("supervisor \"" + options_.name +
                          "\" has ended; it cannot start child \"" + id + "\"");
  }

  bool terminate(const std::string& id) {
    {
      std::lock_guard guard(mutex_);
      if (find_locked(id) == nullptr) return false;
    }
    return post([id](lean_actor& self) {
      auto& s = static_cast<implementation&>(self);
      if (auto* c = s.find(id); c != nullptr && !s.stopping_) {
        c->unwanted = true;
        s.ask_to_end(*c);
      }
    });
  }

  std::string title() const override { return "supervisor \"" + options_.name + "\""; }

 protected:
  void on_start() override {
    // The order of the list; children that are added meanwhile are started by their own message.
    const auto initial = children_.size();
    for (std::size_t i = 0; i != initial && !stopping_; ++i) start(*children_[i]);
  }

  void on_message(caf::mailbox_element_ptr& element) override { refuse(*element); }

  void on_exit_request(caf::exit_msg& request) override {
    if (request.reason) stop(std::move(request.reason));
  }

  void on_signal() override {
    for (std::size_t i = 0; i != children_.size(); ++i) {
      child& c = *children_[i];
      if (c.timer.take()) on_timer(c);
    }
  }

  void on_end() noexcept override {
    // Killed in the middle of its work: the children are not left behind.
    for (auto& c : children_) {
      c->timer.clear();
      if (c->actor) caf::anon_send_exit(c->actor, caf::exit_reason::kill);
    }
    events_.close();
    drop();
  }

 private:
  struct child {
    child(implementation& owner, child_spec s) : spec(std::move(s)), timer(owner) {}
    child_spec spec;
    // Guarded by mutex_ where other threads read it: state, restarts, actor.
    child_status::state state = child_status::state::stopped;
    unsigned restarts = 0;
    caf::strong_actor_ptr actor;
    std::uint64_t incarnation = 0;  // ends of earlier ones are strangers
    unsigned failures = 0;          // in a row
    time_point started{};
    detail::actor_timer timer;  // until the restart, or until the kill
    bool ending = false;        // was asked to end
    bool unwanted = false;      // terminated by hand
  };

  /// Tells the supervisor of a child's end.
  class watch final : public caf::attachable {
   public:
    watch(lean_ref<implementation> owner, std::string id, std::uint64_t incarnation)
        : owner_(std::move(owner)), id_(std::move(id)), incarnation_(incarnation) {}
    void actor_exited(const caf::error& reason, caf::execution_unit*) override {
      owner_->post([id = id_, incarnation = incarnation_, reason](lean_actor& self) {
        auto& s = static_cast<implementation&>(self);
        if (auto* c = s.find(id); c != nullptr && c->incarnation == incarnation)
          s.on_child_end(*c, reason);
      });
    }

   private:
    lean_ref<implementation> owner_;
    std::string id_;
    std::uint64_t incarnation_;
  };

  child* find_locked(const std::string& id) {
    for (auto& c : children_)
      if (c->spec.id == id) return c.get();
    return nullptr;
  }
  child* find(const std::string& id) {
    std::lock_guard guard(mutex_);
    return find_locked(id);
  }

  void tell(supervisor_event::kind what, const child* c, std::string reason = {},
            duration wait = {}) {
    events_.publish({what, c != nullptr ? c->spec.id : std::string(), std::move(reason), wait,
                     c != nullptr ? caf::actor_cast<caf::actor>(c->actor) : caf::actor()});
  }

  void set(child& c, child_status::state state, caf::strong_actor_ptr actor = nullptr) {
    std::lock_guard guard(mutex_);
    c.state = state;
    c.actor = std::move(actor);
  }

  void start(child& c) {
    if (c.state == child_status::state::running) return;
    c.timer.clear();
    c.ending = c.unwanted = false;
    ++c.incarnation;
    c.started = detail::now_here("supervisor");
    caf::strong_actor_ptr actor;
    try {
      if (c.spec.start) {
        auto body = c.spec.start();
        const auto where = body.where();
        auto task = detail::start_task(detail::runtime_here("supervisor"), std::move(body),
                                       {c.spec.id, shutdown_phase::owned}, where);
        task->mark_fetched();  // the supervisor learns of failures
        actor = caf::strong_actor_ptr(task->ctrl());
      } else {
        actor = caf::actor_cast<caf::strong_actor_ptr>(c.spec.start_actor());
      }
      if (!actor) throw std::runtime_error("`start_actor` returned no actor");
    } catch (...) {
      const auto error = std::current_exception();
      tell(supervisor_event::kind::start_failed, &c, describe(error));
      consider_restart(c, true);
      return;
    }
    set(c, child_status::state::running, actor);
    tell(supervisor_event::kind::started, &c);
    actor->get()->attach(
        caf::attachable_ptr(new watch(lean_ref<implementation>(this), c.spec.id, c.incarnation)));
  }

  void on_child_end(child& c, const caf::error& reason) {
    c.timer.clear();
    const bool asked = c.ending;
    c.ending = false;
    tell(supervisor_event::kind::ended, &c, describe(reason));
    set(c, child_status::state::stopped);
    if (stopping_) {
      stop_next();
      return;
    }
    if (asked && c.unwanted) return;
    // As in Erlang, a child that was asked to shut down ended normally; so did one that was
    // cancelled.
    const bool abnormal =
        reason && reason != caf::exit_reason::user_shutdown && !is(reason, failure::cancelled);
    const auto lived = detail::now_here("supervisor") - c.started;
    if (!abnormal || lived >= c.spec.backoff.reset_after) c.failures = 0;
    consider_restart(c, abnormal);
  }

  void consider_restart(child& c, bool abnormal) {
    if (stopping_) return;
    if (c.spec.restart == restart_type::temporary ||
        (c.spec.restart == restart_type::transient && !abnormal))
      return;
    if (!restart_permitted()) {
      tell(supervisor_event::kind::gave_up, nullptr,
           "child \"" + c.spec.id + "\" ended again: more than " +
               std::to_string(options_.intensity) + " restarts within " +
               std::to_string(
                   std::chrono::duration_cast<std::chrono::milliseconds>(options_.period).count()) +
               " ms");
      stop(make_error(
          failure::supervisor_gave_up,
          {"", "supervisor \"" + options_.name + "\" gave up on child \"" + c.spec.id + "\"",
           nullptr}));
      return;
    }
    ++c.failures;
    const duration wait =
        c.spec.backoff.wait(c.failures, std::uniform_real_distribution<double>(-1.0, 1.0)(random_));
    {
      std::lock_guard guard(mutex_);
      ++c.restarts;
    }
    set(c, child_status::state::waiting);
    if (wait > duration::zero()) tell(supervisor_event::kind::waiting, &c, {}, wait);
    // Through the timer also when there is nothing to wait for: a child whose start fails must not
    // recurse.
    c.timer.set(wait);
  }

  bool restart_permitted() {
    if (options_.intensity == supervisor_options::unlimited) return true;
    const auto present = detail::now_here("supervisor");
    restarts_.push_back(present);
    while (present - restarts_.front() > options_.period) restarts_.pop_front();
    return restarts_.size() <= options_.intensity;
  }

  void on_timer(child& c) {
    if (c.ending) {
      tell(supervisor_event::kind::killed, &c,
           "did not end within " +
               std::to_string(
                   std::chrono::duration_cast<std::chrono::milliseconds>(c.spec.shutdown.limit())
                       .count()) +
               " ms");
      caf::anon_send_exit(c.actor, caf::exit_reason::kill);
    } else if (c.state == child_status::state::waiting && !stopping_) {
      start(c);
    }
  }

  void ask_to_end(child& c) {
    if (c.state == child_status::state::waiting) {
      c.timer.clear();
      set(c, child_status::state::stopped);
    }
    if (c.state != child_status::state::running || c.ending) return;
    c.ending = true;
    if (!c.spec.shutdown.asks()) {
      caf::anon_send_exit(c.actor, caf::exit_reason::kill);
      return;
    }
    caf::anon_send_exit(c.actor, caf::exit_reason::user_shutdown);
    if (c.spec.shutdown.limited()) c.timer.set(c.spec.shutdown.limit());
  }

  void stop(caf::error reason) {
    if (stopping_) return;
    stopping_ = true;
    reason_ = std::move(reason);
    for (auto& c : children_)
      if (c->state == child_status::state::waiting) ask_to_end(*c);
    stop_next();
  }

  /// Asks the youngest child that still runs; ends when there is none.
  void stop_next() {
    for (auto c = children_.rbegin(); c != children_.rend(); ++c)
      if ((*c)->state == child_status::state::running) {
        ask_to_end(**c);
        return;
      }
    // Being told to shut down is a normal end for whoever watches.
    quit(reason_ == caf::exit_reason::user_shutdown ? caf::error() : reason_);
  }

  const supervisor_options options_;
  broadcast<supervisor_event> events_;
  std::mt19937_64 random_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<child>> children_;  // guarded by mutex_; entries are never removed
  std::deque<time_point> restarts_;               // those within the period
  caf::error reason_;
  bool stopping_ = false;
};

supervisor::supervisor(std::vector<child_spec> children, supervisor_options options) {
  auto actor = detail::make_lean<implementation>(detail::system_here("supervisor"),
                                                 std::move(children), std::move(options));
  actor->track(shutdown_phase::supervisor);
  actor->launch(nullptr, false, true);
  actor_ = lean_ref<lean_actor>(actor.get());
}

supervisor::implementation& supervisor::self() const noexcept {
  return static_cast<implementation&>(*actor_);
}

void supervisor::start_child(child_spec child) const {
  const std::string id = child.id;
  self().add(std::move(child));
  self().start_later(id);
}

bool supervisor::terminate_child(const std::string& id) const { return self().terminate(id); }
std::vector<child_status> supervisor::children() const { return self().status(); }
subscription<supervisor_event> supervisor::events() const { return self().events(); }
void supervisor::stop() const {
  caf::anon_send_exit(actor_.handle(), caf::exit_reason::user_shutdown);
}
bool supervisor::ended() const { return actor_->ended(); }
caf::actor supervisor::actor() const { return actor_.handle(); }

}  // namespace buskin
