#include <buskin/actors/condition.hpp>

#include "permits_actor.hpp"

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/far_request.hpp>
#include <buskin/actors/detail/returnable.hpp>
#include <buskin/actors/detail/waiters.hpp>
#include <buskin/runtime/errors.hpp>

#include <caf/actor_cast.hpp>

#include <coroutine>
#include <cstdint>
#include <exception>
#include <utility>

namespace buskin {

namespace detail {

/// The line of those who wait for a notification. By a message an actor may wait that holds the
/// lock by a message: it is on the lock's record of that one that the condition gives the lock up,
/// and takes it again before it answers.
class condition_actor final : public broker {
 public:
  condition_actor(caf::actor_config& config, lean_ref<permits_actor> lock)
      : broker(config, "buskin.condition"), lock_(std::move(lock)) {}

  cell_ref<cell<unit>> enlist(stack_host& host) {
    guard lock(*this);
    return waiters_.enlist(host);
  }
  void withdraw(cell<unit>& waiting) {
    guard lock(*this);
    waiters_.withdraw(waiting);
  }
  void notify(std::size_t count) {
    guard lock(*this);
    waiters_.wake(count);
  }
  std::size_t waiter_count() const {
    guard lock(*this);
    return waiters_.size();
  }

  /// One that waits by a message was notified, or took its request back: then `why` is its answer
  /// when it has the lock. Without the broker's lock.
  void take_the_lock_for(requester asker, bool elsewhere, std::exception_ptr why = nullptr);
  const lean_ref<permits_actor>& its_lock() const noexcept { return lock_; }
  /// The answer to such a one was not taken: neither is the lock, nor the notification.
  void come_back(unit, const caf::actor_addr& asker) {
    lock_->give_if_held(asker);
    notify(1);
  }
  void come_back(std::uint64_t, const caf::actor_addr& asker) { come_back(unit(), asker); }

 protected:
  void on_message(caf::mailbox_element_ptr& element) override;

 private:
  void wait_by_message(caf::mailbox_element& request, bool elsewhere);
  bool take_out(const request_key& request);
  void notify_by_message(caf::mailbox_element& request, std::uint64_t count);

  const lean_ref<permits_actor> lock_;
  waiters waiters_;  // guarded by the broker's lock
};

namespace {

/// Waits for the notification by a message.
class notification_request final : public cell<unit> {
 public:
  notification_request(condition_actor& from, requester asker, bool elsewhere)
      : cell<unit>(nullptr), from_(from), asker_(std::move(asker)), elsewhere_(elsewhere) {}
  bool deserted() const noexcept override { return asker_.ended(); }
  bool answers(const request_key& request) const noexcept override { return asker_.is(request); }
  /// Its asker waits no longer, but gets the lock.
  void take_back() {
    taken_back_ = true;
    fail(withdrawn());
  }
  void deliver() override {
    if (error() && !taken_back_)
      asker_.answer(caf::make_message(to_error(error())));
    else
      from_.take_the_lock_for(std::move(asker_), elsewhere_, error());
  }

 protected:
  void on_resolved() override { from_.leave_later(*this); }

 private:
  condition_actor& from_;  // owns the line in which this waits
  requester asker_;
  const bool elsewhere_;
  bool taken_back_ = false;
};

/// Waits for the lock then. It is never `deserted`: what it is handed comes back with its answer,
/// and so does the notification.
class relock final : public permit_waiter {
 public:
  relock(permits_actor& lock, caf::actor_addr condition, requester asker, bool elsewhere,
         std::exception_ptr why, keeper whose)
      : permit_waiter(nullptr, std::move(whose)),
        lock_(lock),
        condition_(std::move(condition)),
        asker_(std::move(asker)),
        elsewhere_(elsewhere),
        why_(std::move(why)) {}
  void deliver() override {
    if (error() || why_) {
      asker_.answer(caf::make_message(to_error(error() ? error() : why_)));
      return;
    }
    const auto condition = caf::actor_cast<caf::strong_actor_ptr>(condition_);
    auto* const from = condition ? static_cast<condition_actor*>(condition->get()) : nullptr;
    if (from == nullptr)
      answer(lean_ref<permits_actor>(&lock_), unit());
    else if (elsewhere_)
      answer(lean_ref<condition_actor>(from), std::uint64_t{1});
    else
      answer(lean_ref<condition_actor>(from), unit());
  }

 protected:
  void on_resolved() override { lock_.leave_later(*this); }

 private:
  template <class B, class T>
  void answer(lean_ref<B> from, T what) {
    asker_.answer(caf::mailbox_element_ptr(new returnable_element<T, B>(
        asker_.response_id(), std::move(from), whose().who(), std::move(what))));
  }

  permits_actor& lock_;              // owns the line in which this waits
  const caf::actor_addr condition_;  // not a reference: the condition refers to the lock
  requester asker_;
  const bool elsewhere_;  // the answer has a content, by which it is told from the lock's own
  const std::exception_ptr why_;
};

}  // namespace

void condition_actor::take_the_lock_for(requester asker, bool elsewhere, std::exception_ptr why) {
  auto whose = keeper::actor(caf::actor_cast<caf::actor_addr>(asker.actor()));
  lock_->take_or_wait(cell_ref<permit_waiter>::adopt(new relock(
      *lock_, address(), std::move(asker), elsewhere, std::move(why), std::move(whose))));
}

/// False when no such request waits for a notification.
bool condition_actor::take_out(const request_key& request) {
  guard lock(*this);
  const cell_ref<cell<unit>> waiting(waiters_.find(request));
  if (!waiting) return false;
  waiters_.forget(*waiting);
  static_cast<notification_request&>(*waiting).take_back();
  return true;
}

void condition_actor::wait_by_message(caf::mailbox_element& request, bool elsewhere) {
  const auto who = caf::actor_cast<caf::actor_addr>(request.sender);
  const auto waiting =
      cell_ref<cell<unit>>::adopt(new notification_request(*this, requester(request), elsewhere));
  {
    guard lock(*this);
    waiters_.enlist(waiting);
  }
  // In this order, so that no notification is missed.
  if (who && lock_->give_if_held(who)) return;
  guard lock(*this);
  waiters_.dismiss(*waiting, std::make_exception_ptr(invalid_state(
                                 "a condition is awaited by an actor that holds its lock: acquire "
                                 "it by a message first, and wait for the answer")));
}

void condition_actor::notify_by_message(caf::mailbox_element& request, std::uint64_t count) {
  if (lock_->available() != 0) {
    respond(request, caf::make_message(to_error(std::make_exception_ptr(invalid_state(
                         "a condition is notified by an actor that holds its lock")))));
    return;
  }
  notify(count);
  respond(request, caf::message());
}

void condition_actor::on_message(caf::mailbox_element_ptr& element) {
  const auto& content = element->content();
  if (content.match_elements<await_condition>())
    wait_by_message(*element, false);
  else if (content.match_elements<await_notification>())
    wait_by_message(*element, true);
  else if (content.match_elements<notify_condition>())
    notify_by_message(*element, 1);
  else if (content.match_elements<notify_condition, std::uint64_t>())
    notify_by_message(*element, content.get_as<std::uint64_t>(1));
  else if (content.match_elements<acquire_permit>() || content.match_elements<release_permit>())
    lock_->enqueue(std::move(element), context());
  else if (content.match_elements<withdraw_request, std::uint64_t>()) {
    if (!take_out(withdrawn_by(*element))) lock_->enqueue(std::move(element), context());
  } else if (content.match_elements<return_answer>())
    lock_->enqueue(std::move(element), context());
  else if (content.match_elements<return_answer, std::uint64_t>())
    come_back(unit(), caf::actor_cast<caf::actor_addr>(element->sender));
  else
    refuse(*element);
}

namespace {

/// The same at a condition in another process. It comes out when the lock was taken again there,
/// also after a cancellation.
class far_notification_wait final : public wait {
 public:
  far_notification_wait(const any_broker_ref& condition, const std::source_location& where)
      : wait(wait_kind::condition, where, condition.id()), condition_(condition) {}
  ~far_notification_wait() {
    if (request_) request_->withdraw();
  }
  bool ready() noexcept override { return request_->resolved(); }
  bool withdraw() noexcept override {
    if (!request_->resolved()) request_->call_back();
    return false;
  }
  bool await_ready() {
    request_ = far_request::send(condition_, "condition::wait", await_notification::value);
    return false;
  }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  void await_resume() {
    try {
      request_->take<void>();
    } catch (const cancelled&) {
      if (auto reason = interruption()) std::rethrow_exception(reason);
      throw;
    }
  }

 private:
  const any_broker_ref condition_;
  cell_ref<far_request> request_;
};

class notification_wait final : public wait {
 public:
  notification_wait(condition_actor& from, cell_ref<cell<unit>> waiting,
                    const std::source_location& where)
      : wait(wait_kind::condition, where, from.id()), from_(from), waiting_(std::move(waiting)) {}
  ~notification_wait() { from_.withdraw(*waiting_); }
  bool ready() noexcept override { return waiting_->resolved(); }
  bool withdraw() noexcept override {
    from_.withdraw(*waiting_);
    return true;
  }
  bool await_ready() const noexcept { return waiting_->resolved(); }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  void await_resume() {
    if (auto reason = interruption()) std::rethrow_exception(reason);
  }

 private:
  condition_actor& from_;  // the coroutine that awaits holds a reference
  cell_ref<cell<unit>> waiting_;
};

}  // namespace

}  // namespace detail

namespace {

lean_ref<detail::permits_actor> here_of(const detail::broker_ref<detail::permits_actor>& lock) {
  return lean_ref<detail::permits_actor>(
      &lock.here_for("condition", "a condition is made where its lock is"));
}

}  // namespace

condition::condition(lock with)
    : lock_(std::move(with)),
      actor_(detail::make_broker<detail::condition_actor>(detail::system_here("condition"),
                                                          here_of(lock_.permits_.ref()))) {}

condition::condition(detail::broker_ref<detail::condition_actor> actor, lock its_lock) noexcept
    : lock_(std::move(its_lock)), actor_(std::move(actor)) {}

condition condition::at(const caf::actor& whom) {
  detail::broker_ref<detail::condition_actor> found(whom, "condition");
  if (found.far()) return {std::move(found), lock(detail::permits("lock", whom))};
  lock its_lock(detail::permits(detail::broker_ref<detail::permits_actor>(found->its_lock())));
  return {std::move(found), std::move(its_lock)};
}

std::size_t condition::waiter_count() const {
  return actor_.here_for("condition::waiter_count", "only its own process can look at it")
      .waiter_count();
}
caf::actor condition::actor() const { return actor_.handle(); }

void condition::notify(std::size_t count) const {
  if (actor_.far())
    return detail::tell(actor_, notify_condition::value, static_cast<std::uint64_t>(count));
  if (!lock_.is_locked())
    throw invalid_state("a condition is notified by a task that holds its lock");
  actor_->notify(count);
}

task<void> condition::wait(std::source_location where) const { return wait_on(*this, where); }

/// The time in which a coroutine has given the lock up. If it is killed then, the guard in one of
/// its outer frames must not release what somebody else may hold by now, and a notification that
/// came for it is for another waiter.
class condition::without_lock {
 public:
  without_lock(const condition& of, const detail::cell<detail::unit>& waiting)
      : of_(of), waiting_(waiting) {
    of_.lock_.release();
  }
  without_lock(const without_lock&) = delete;
  without_lock& operator=(const without_lock&) = delete;
  ~without_lock() {
    if (ended_) return;
    of_.lock_.permits_.forgo();
    if (waiting_.resolved()) of_.actor_->notify(1);
  }
  void end() noexcept { ended_ = true; }

 private:
  const condition& of_;  // both are the coroutine's
  const detail::cell<detail::unit>& waiting_;
  bool ended_ = false;
};

task<void> condition::wait_on(condition self, std::source_location where) {
  if (self.actor_.far()) {
    co_await detail::far_notification_wait(self.actor_, where);
    co_return;
  }
  if (!self.lock_.is_locked())
    throw invalid_state("a condition is awaited by a task that holds its lock");
  auto waiting = self.actor_->enlist(detail::host_here("condition::wait"));
  without_lock meanwhile(self, *waiting);
  std::exception_ptr interruption;
  try {
    co_await detail::notification_wait(*self.actor_, waiting, where);
  } catch (...) {
    interruption = std::current_exception();
  }
  // Whatever happened, the caller holds the lock when we return or throw.
  for (bool again = true; again;) {
    try {
      co_await self.lock_.acquire(where);
      again = false;
    } catch (const cancelled&) {
      if (!interruption) interruption = std::current_exception();
    }
  }
  meanwhile.end();
  if (!interruption) co_return;
  if (waiting->resolved()) self.actor_->notify(1);  // ours is passed on
  std::rethrow_exception(interruption);
}

}  // namespace buskin
