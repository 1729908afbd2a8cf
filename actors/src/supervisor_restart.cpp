// What follows from a child's end: restarts by strategy, back-off, intensity, auto-shutdown.
#include "supervisor_actor.hpp"

#include <caf/exit_reason.hpp>

namespace buskin::detail {

task<void> supervisor_actor::on(ended_job what) {
  child* c = find(what.number);
  if (c == nullptr || c->incarnation != what.incarnation) co_return;  // replaced meanwhile
  // As in Erlang, a child that was asked to shut down ended normally; so did one that was
  // cancelled.
  const bool abnormal =
      c->last && c->last != caf::exit_reason::user_shutdown && !is(c->last, failure::cancelled);
  const auto lived = now_here("supervisor") - c->started;
  if (!abnormal || lived >= c->spec.backoff.reset_after) c->failures = 0;
  if (c->spec.restart == restart_type::permanent ||
      (c->spec.restart == restart_type::transient && abnormal)) {
    co_await restart(*c, c->last, attempt::first);
    co_return;
  }
  consider_auto_shutdown(*c);
  if (c->spec.restart == restart_type::temporary || pool()) remove(*c);
}

task<void> supervisor_actor::on(due_job what) {
  child* c = find(what.number);
  if (c != nullptr && c->state == child_status::state::waiting) co_await start_group(*c);
}

task<void> supervisor_actor::restart(child& c, caf::error why, attempt which) {
  if (!restart_permitted()) {
    give_up(c, why);
    co_return;
  }
  ++c.failures;
  {
    std::lock_guard guard(mutex_);
    ++c.restarts;
  }
  const duration delay =
      c.spec.backoff.wait(c.failures, std::uniform_real_distribution<double>(-1.0, 1.0)(random_));
  co_await end_group(c);
  if (stopping_) co_return;
  // A child whose start fails is tried again in a later turn, also when there is nothing to wait
  // for: the supervisor has to hear what it is told.
  if (delay <= duration::zero() && which == attempt::first)
    co_await start_group(c);
  else
    wait_for_restart(c, delay);
}

void supervisor_actor::wait_for_restart(child& c, duration delay) {
  set(c, child_status::state::waiting);
  if (delay > duration::zero()) tell(supervisor_event::kind::waiting, &c, c.last, delay);
  forget_due(c);
  c.due = after(now_here("supervisor"), delay);
  due_.emplace(*c.due, c.number);
  if (due_.begin()->second == c.number) timer_.set(delay);
}

void supervisor_actor::forget_due(child& c) {
  if (!c.due) return;
  due_.erase({*c.due, c.number});
  c.due.reset();
}

/// Starts `c` and, by the strategy, those that were ended for its sake, in order.
task<void> supervisor_actor::start_group(child& c) {
  std::vector<std::uint64_t> numbers;
  auto at = options_.strategy == restart_strategy::one_for_all ? children_.begin()
                                                               : children_.find(c.number);
  const bool alone = options_.strategy == restart_strategy::one_for_one || pool();
  for (; at != children_.end() && !(alone && !numbers.empty()); ++at) numbers.push_back(at->first);
  for (const auto number : numbers) {
    child* each = find(number);
    if (each == nullptr || each->actor) continue;
    const auto how = co_await start(*each);
    if (stopping_) co_return;
    if (how == result::failed) {
      co_await restart(*each, failure_, attempt::again);
      co_return;
    }
    if (how == result::ignored && pool()) remove(*each);
  }
}

/// Ends those that, by the strategy, do not live on without `c`, the youngest first. Temporary
/// ones are gone with that.
task<void> supervisor_actor::end_group(child& c) {
  if (options_.strategy == restart_strategy::one_for_one || pool()) co_return;
  const bool all = options_.strategy == restart_strategy::one_for_all;
  std::vector<std::uint64_t> numbers;
  for (auto at = children_.rbegin(); at != children_.rend(); ++at) {
    if (at->first == c.number && !all) break;
    if (at->first != c.number) numbers.push_back(at->first);
  }
  for (const auto number : numbers) {
    child& each = *find(number);
    co_await end(each);
    if (each.spec.restart == restart_type::temporary) remove(each);
  }
}

bool supervisor_actor::restart_permitted() {
  if (options_.intensity == supervisor_options::unlimited) return true;
  const auto present = now_here("supervisor");
  restarts_.push_back(present);
  while (present - restarts_.front() > options_.period) restarts_.pop_front();
  return restarts_.size() <= options_.intensity;
}

void supervisor_actor::give_up(child& c, const caf::error& why) {
  const auto period = std::chrono::duration_cast<std::chrono::milliseconds>(options_.period);
  // A start that failed is told by its cause: the supervisor and the child are named here already.
  auto reason = child_failure(failure::supervisor_gave_up, child_error::code::gave_up, c.spec.id,
                              quoted() + " gave up on child \"" + c.spec.id + "\" (more than " +
                                  std::to_string(options_.intensity) + " restarts within " +
                                  std::to_string(period.count()) + " ms)",
                              is(why, failure::start_failed) ? c.last : why);
  tell(supervisor_event::kind::gave_up, nullptr, reason);
  stop(std::move(reason));
}

void supervisor_actor::consider_auto_shutdown(const child& ended) {
  if (!ended.spec.significant || options_.auto_shutdown == auto_shutdown::never || stopping_)
    return;
  if (options_.auto_shutdown == auto_shutdown::all_significant)
    for (const auto& [number, c] : children_)
      if (c.get() != &ended && c->spec.significant && c->state != child_status::state::stopped)
        return;
  tell_text(supervisor_event::kind::auto_shutdown, nullptr,
            "significant child \"" + ended.spec.id + "\" ended: " + describe(ended.last));
  stop(caf::make_error(caf::exit_reason::user_shutdown));
}

}  // namespace buskin::detail
