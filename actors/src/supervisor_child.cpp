// One child: how it starts, how it ends, what is told of it.
#include "supervisor_actor.hpp"

#include <buskin/actors/detail/bounded_mailbox.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

namespace buskin::detail {

namespace {

std::string in_milliseconds(duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count()) + " ms";
}

/// What a child waits for, as far as that can be seen from outside.
std::string stuck_at(const caf::strong_actor_ptr& child) {
  auto* lean = dynamic_cast<lean_actor*>(child->get());
  if (lean == nullptr) return {};
  std::string text;
  const bool idle = lean->peek([&] {
    if (const auto* waits = lean->waiting(); waits != nullptr)
      text = "; it waits for " + to_string(waits->record(), now_here("supervisor"));
  });
  return idle ? text : "; it is busy";
}

}  // namespace

/// Tells the supervisor of a child's end.
class supervisor_actor::watch final : public caf::attachable, public recycled {
 public:
  watch(lean_ref<supervisor_actor> owner, std::uint64_t number, std::uint64_t incarnation)
      : owner_(std::move(owner)), number_(number), incarnation_(incarnation) {}
  void actor_exited(const caf::error& reason, caf::execution_unit*) override {
    owner_->post([number = number_, incarnation = incarnation_, reason](lean_actor& self) {
      static_cast<supervisor_actor&>(self).on_child_end(number, incarnation, reason);
    });
  }

 private:
  lean_ref<supervisor_actor> owner_;
  std::uint64_t number_;
  std::uint64_t incarnation_;
};

// -- start ------------------------------------------------------------------------------------

/// Calls what makes the child. Null for "ignore". In no coroutine: what is called must not take
/// ours for its own.
caf::strong_actor_ptr supervisor_actor::make(child& c, supervisor& inner) {
  struct outside {
    coro_stack* outer = std::exchange(here.stack, nullptr);
    ~outside() { here.stack = outer; }
  } scope;
  if (c.spec.start_actor) return caf::actor_cast<caf::strong_actor_ptr>(c.spec.start_actor());
  if (c.spec.start_supervisor) {
    inner = c.spec.start_supervisor();
    return caf::actor_cast<caf::strong_actor_ptr>(inner.actor());
  }
  auto body = c.spec.start();
  if (!body) return nullptr;
  const auto where = body.where();
  start_options options{c.spec.id, shutdown_phase::owned};
  auto& owner = runtime_here("supervisor");
  auto task =
      c.spec.mailbox.capacity == 0
          ? start_task(owner, std::move(body), std::move(options), where)
          : start_bounded_task(owner, std::move(body), c.spec.mailbox, std::move(options), where);
  task->mark_fetched();  // the supervisor learns of failures
  return caf::strong_actor_ptr(task->ctrl());
}

task<supervisor_actor::result> supervisor_actor::start(child& c) {
  forget_due(c);
  c.asked = false;
  ++c.incarnation;
  c.started = now_here("supervisor");
  caf::strong_actor_ptr actor;
  supervisor inner;
  std::exception_ptr error;
  try {
    actor = make(c, inner);
  } catch (...) {
    error = std::current_exception();
  }
  if (c.spec.restart == restart_type::temporary) {  // what it was started with is not kept
    std::lock_guard guard(mutex_);
    c.spec.start = nullptr;
    c.spec.start_actor = nullptr;
    c.spec.start_supervisor = nullptr;
  }
  if (!error && !actor) {
    set(c, child_status::state::stopped);
    tell(supervisor_event::kind::ignored, &c);
    co_return result::ignored;
  }
  if (actor) {
    set(c, inner ? child_status::state::starting : child_status::state::running, actor);
    actors_.emplace(actor->id(), c.number);
    if (!inner) tell(supervisor_event::kind::started, &c);
    actor->get()->attach(
        caf::attachable_ptr(new watch(lean_ref<supervisor_actor>(this), c.number, c.incarnation)));
  }
  if (inner) {
    auto ready = cell_ref<cell<unit>>::adopt(new cell<unit>(this));
    of(inner).ask_started(ready);
    auto settled = [&] { return ready->resolved() || stopping_; };
    co_await until_moment<decltype(settled), moment>(settled, wait_record::no_deadline);
    if (ready->resolved() && ready->error()) {
      error = ready->error();
      c.asked = true;  // its end, which is about to be told, is the failed start
      auto gone = [&] { return !c.actor; };
      co_await until_moment<decltype(gone), moment>(gone, wait_record::no_deadline);
    } else if (c.actor) {
      set(c, child_status::state::running, c.actor);
      tell(supervisor_event::kind::started, &c);
    }
  }
  if (!error) co_return result::started;
  failure_ = child_failure(failure::start_failed, child_error::code::start_failed, c.spec.id,
                           quoted() + ": child \"" + c.spec.id + "\" could not be started",
                           to_error(error));
  c.last = to_error(error);
  set(c, child_status::state::stopped);
  tell(supervisor_event::kind::start_failed, &c, c.last);
  co_return result::failed;
}

// -- end --------------------------------------------------------------------------------------

task<void> supervisor_actor::end(child& c) {
  forget_due(c);
  if (c.state == child_status::state::waiting) set(c, child_status::state::stopped);
  if (c.actor) {
    const auto limits = *c.spec.shutdown;
    auto gone = [&] { return !c.actor; };
    c.asked = true;
    caf::anon_send_exit(c.actor,
                        limits.asks() ? caf::exit_reason::user_shutdown : caf::exit_reason::kill);
    if (limits.asks()) {
      co_await until_moment<decltype(gone), moment>(
          gone, limits.limited() ? after(now_here("supervisor"), limits.limit())
                                 : wait_record::no_deadline);
      if (c.actor) kill(c, limits.limit());
    }
    co_await await_kill(c);
  }
  // An end that it came to by itself before this, and that is still in the line, leads to nothing.
  ++c.incarnation;
}

void supervisor_actor::kill(child& c, duration limit) {
  tell_text(supervisor_event::kind::killed, &c,
            "did not end within " + in_milliseconds(limit) + stuck_at(c.actor));
  caf::anon_send_exit(c.actor, caf::exit_reason::kill);
}

/// A kill takes effect when the child's handler returns. If it does not, the others must not wait.
task<void> supervisor_actor::await_kill(child& c) {
  auto gone = [&] { return !c.actor; };
  co_await until_moment<decltype(gone), moment>(
      gone, after(now_here("supervisor"), options_.kill_patience));
  if (c.actor) abandon(c);
}

void supervisor_actor::abandon(child& c) {
  const std::string text = "was killed and did not end within " +
                           in_milliseconds(options_.kill_patience) +
                           "; its handler does not return";
  tell_text(supervisor_event::kind::abandoned, &c, text);
  runtime_here("supervisor")
      .report(
          {"BK040", quoted() + ": child \"" + c.spec.id + "\" " + text, nullptr, c.spec.id, {}});
  actors_.erase(c.actor->id());
  ++c.incarnation;
  set(c, child_status::state::stopped);
}

void supervisor_actor::on_child_end(std::uint64_t number, std::uint64_t incarnation,
                                    const caf::error& reason) {
  child* c = find(number);
  if (c == nullptr || c->incarnation != incarnation || !c->actor) return;
  const bool ready = c->state == child_status::state::running;
  actors_.erase(c->actor->id());
  c->last = reason;
  if (ready || !is(reason, failure::start_failed)) tell(supervisor_event::kind::ended, c, reason);
  set(*c, child_status::state::stopped);
  if (!c->asked && ready) jobs_.push_back(ended_job{number, incarnation});
  signal();
}

// -- the table --------------------------------------------------------------------------------

supervisor_actor::child& supervisor_actor::enter(child_spec spec) {
  auto made = std::make_unique<child>();
  made->number = ++born_;
  made->spec = std::move(spec);
  child& c = *made;
  std::lock_guard guard(mutex_);
  ids_.emplace(c.spec.id, c.number);
  children_.emplace(c.number, std::move(made));
  return c;
}

void supervisor_actor::remove(child& c) {
  forget_due(c);
  std::unique_ptr<child> last;  // what its functions hold is released without the lock
  std::lock_guard guard(mutex_);
  ids_.erase(c.spec.id);
  const auto at = children_.find(c.number);
  last = std::move(at->second);
  children_.erase(at);
}

supervisor_actor::child* supervisor_actor::find(std::uint64_t number) const {
  const auto at = children_.find(number);
  return at == children_.end() ? nullptr : at->second.get();
}

supervisor_actor::child* supervisor_actor::find(const std::string& id) const {
  const auto at = ids_.find(id);
  return at == ids_.end() ? nullptr : find(at->second);
}

void supervisor_actor::set(child& c, child_status::state state, caf::strong_actor_ptr actor) {
  std::lock_guard guard(mutex_);
  c.state = state;
  std::swap(c.actor, actor);  // the old one is released without the lock
}

// -- events -----------------------------------------------------------------------------------

void supervisor_actor::tell(supervisor_event::kind what, const child* c, const caf::error& reason,
                            duration wait) {
  supervisor_event event;
  event.what = what;
  event.supervisor = options_.name;
  if (reason || what == supervisor_event::kind::ended) event.reason = describe(reason);
  event.reasons = reason_chain(reason);
  event.wait = wait;
  if (c != nullptr) {
    event.child = c->spec.id;
    event.restarts = c->restarts;
    event.actor = caf::actor_cast<caf::actor>(c->actor);
  }
  events_.publish(event);
}

void supervisor_actor::tell_text(supervisor_event::kind what, const child* c, std::string text) {
  supervisor_event event;
  event.what = what;
  event.supervisor = options_.name;
  event.reasons = {text};
  event.reason = std::move(text);
  if (c != nullptr) {
    event.child = c->spec.id;
    event.restarts = c->restarts;
    event.actor = caf::actor_cast<caf::actor>(c->actor);
  }
  events_.publish(event);
}

}  // namespace buskin::detail
