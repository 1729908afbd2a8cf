// The supervisor's life: start, one job after the other, end.
#include "supervisor_actor.hpp"

#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <stdexcept>

namespace buskin::detail {

supervisor_actor::supervisor_actor(caf::actor_config& config, std::vector<child_spec> children,
                                   supervisor_options options)
    : lean_actor(config),
      options_(std::move(options)),
      events_(home_system(), options_.event_backlog),
      random_(options_.seed) {
  if (pool()) {
    if (children.size() != 1)
      throw std::invalid_argument(quoted() +
                                  ": simple_one_for_one takes one specification, for all children");
    template_ = checked(std::move(children.front()), options_, false);
    return;
  }
  for (auto& spec : children) {
    const std::string id = spec.id;
    if (find(id) != nullptr)
      throw std::invalid_argument(quoted() + ": child \"" + id +
                                  "\" exists already; ids are used once");
    enter(checked(std::move(spec), options_, true));
  }
}

supervisor_actor::~supervisor_actor() = default;

// -- turns ------------------------------------------------------------------------------------

void supervisor_actor::on_start() {
  root_ = live().release();
  root_.promise().started_by(nullptr);
  stack_.start(root_);
  on_signal();
}

void supervisor_actor::on_signal() {
  if (timer_.take()) {
    const auto present = now_here("supervisor");
    while (!due_.empty() && due_.begin()->first <= present) {
      child& c = *find(due_.begin()->second);
      forget_due(c);
      jobs_.push_back(due_job{c.number});
    }
    if (!due_.empty()) timer_.set(due_.begin()->first - present);
  }
  if (!stack_.started() || stack_.done()) return;
  stack_.advance();
  if (stack_.done()) settle();
}

void supervisor_actor::settle() {
  try {
    root_.promise().take();
  } catch (...) {  // out of memory, say: on_end ends the children
    reason_ = to_error(std::current_exception());
  }
  // Being told to shut down is a normal end for whoever watches.
  quit(reason_ == caf::exit_reason::user_shutdown ? caf::error() : std::move(reason_));
}

void supervisor_actor::on_exit_request(caf::exit_msg& request) {
  if (!request.reason) return;
  stop(std::move(request.reason));
  on_signal();
}

void supervisor_actor::stop(caf::error reason) {
  if (stopping_) return;
  stopping_ = true;
  reason_ = std::move(reason);
}

void supervisor_actor::on_end() noexcept {
  stack_.destroy();
  timer_.clear();
  // Killed in the middle of its work: the children are not left behind.
  for (auto& [number, c] : children_)
    if (c->actor) caf::anon_send_exit(c->actor, caf::exit_reason::kill);
  jobs_.clear();
  await_start_.clear();
  events_.close();
  drop();
}

// -- the coroutine ----------------------------------------------------------------------------

task<void> supervisor_actor::live() {
  co_await start_initial();
  while (!stopping_) {
    if (jobs_.empty()) {
      auto something = [this] { return stopping_ || !jobs_.empty(); };
      co_await until_moment<decltype(something), moment>(something, wait_record::no_deadline);
      continue;
    }
    auto next = std::move(jobs_.front());
    jobs_.pop_front();
    co_await std::visit([this](auto& what) { return on(std::move(what)); }, next);
  }
  co_await end_all();
}

task<void> supervisor_actor::start_initial() {
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, c] : children_) numbers.push_back(number);
  for (const auto number : numbers) {
    child* c = find(number);
    if (c == nullptr || c->actor) continue;  // a retry of an earlier one's group came before
    const auto how = co_await start(*c);
    if (stopping_) break;
    if (how == result::ignored && c->spec.restart == restart_type::temporary) remove(*c);
    if (how == result::failed && options_.failed_start == failed_start::retry)
      co_await restart(*c, failure_, attempt::again);
    else if (how == result::failed)
      stop(failure_);
    if (stopping_) break;
  }
  if (stopping_) {
    std::lock_guard guard(mutex_);
    if (is(reason_, failure::start_failed) || is(reason_, failure::supervisor_gave_up))
      start_failure_ = to_exception(reason_);
    co_return;  // whoever waits for the start is told at the end, when all is rolled back
  }
  initialized_ = true;
  for (auto& reply : await_start_) reply.give();
  await_start_.clear();
}

task<void> supervisor_actor::end_all() {
  if (pool()) {
    co_await end_pool();
    co_return;
  }
  while (!children_.empty()) {
    // The youngest that still runs; those that end meanwhile by themselves do not disturb.
    child* last = nullptr;
    for (auto at = children_.rbegin(); at != children_.rend() && last == nullptr; ++at)
      if (at->second->actor || at->second->due) last = at->second.get();
    if (last == nullptr) co_return;
    co_await end(*last);
  }
}

/// All at the same time, as Erlang does with children of one kind.
task<void> supervisor_actor::end_pool() {
  const auto limits = *template_.shutdown;
  for (auto& [number, c] : children_) {
    forget_due(*c);
    if (!c->actor) continue;
    c->asked = true;
    caf::anon_send_exit(c->actor,
                        limits.asks() ? caf::exit_reason::user_shutdown : caf::exit_reason::kill);
  }
  auto ended = [this] { return actors_.empty(); };
  if (limits.asks()) {
    co_await until_moment<decltype(ended), moment>(
        ended, limits.limited() ? after(now_here("supervisor"), limits.limit())
                                : wait_record::no_deadline);
    for (auto& [number, c] : children_)
      if (c->actor) kill(*c, limits.limit());
  }
  co_await until_moment<decltype(ended), moment>(
      ended, after(now_here("supervisor"), options_.kill_patience));
  for (auto& [number, c] : children_)
    if (c->actor) abandon(*c);
}

// -- what is asked by other threads --------------------------------------------------------------

std::exception_ptr supervisor_actor::refusal() const {
  {
    std::lock_guard guard(mutex_);
    if (start_failure_) return start_failure_;
  }
  return std::make_exception_ptr(invalid_state(quoted() + " has ended; it takes no requests"));
}

std::vector<child_status> supervisor_actor::which() const {
  std::vector<child_status> all;
  std::lock_guard guard(mutex_);
  all.reserve(children_.size());
  for (const auto& [number, c] : children_)
    all.push_back(
        {c->spec.id, c->state, c->restarts, caf::actor_cast<caf::actor>(c->actor), c->spec.type});
  return all;
}

child_counts supervisor_actor::count() const {
  child_counts counts;
  std::lock_guard guard(mutex_);
  counts.specs = pool() ? 1 : children_.size();
  for (const auto& [number, c] : children_) {
    if (c->actor) ++counts.active;
    ++(c->spec.type == child_type::supervisor ? counts.supervisors : counts.workers);
  }
  return counts;
}

child_spec supervisor_actor::spec_of(const std::string& id) const {
  if (pool() && id == template_.id) return template_;
  std::lock_guard guard(mutex_);
  const auto at = ids_.find(id);
  if (at == ids_.end())
    throw child_error(child_error::code::not_found, id, quoted() + " has no child \"" + id + "\"");
  return children_.at(at->second)->spec;
}

}  // namespace buskin::detail
