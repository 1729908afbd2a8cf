#include <buskin/actors/condition.hpp>

#include "permits_actor.hpp"

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/returnable.hpp>
#include <buskin/actors/detail/waiters.hpp>
#include <buskin/runtime/errors.hpp>

#include <caf/actor_cast.hpp>

#include <cstdint>
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

  /// One that waits by a message was notified. Without the broker's lock.
  void take_the_lock_for(requester asker);
  /// The answer to such a one was not taken: neither is the lock, nor the notification.
  void come_back(unit, const caf::actor_addr& asker) {
    lock_->give_if_held(asker);
    notify(1);
  }

 protected:
  void on_message(caf::mailbox_element_ptr& element) override;

 private:
  void wait_by_message(caf::mailbox_element& request);
  void notify_by_message(caf::mailbox_element& request, std::uint64_t count);

  const lean_ref<permits_actor> lock_;
  waiters waiters_;  // guarded by the broker's lock
};

namespace {

/// Waits for the notification by a message.
class notification_request final : public cell<unit> {
 public:
  notification_request(condition_actor& from, requester asker)
      : cell<unit>(nullptr), from_(from), asker_(std::move(asker)) {}
  bool deserted() const noexcept override { return asker_.ended(); }
  void deliver() override {
    if (error())
      asker_.answer(caf::make_message(to_error(error())));
    else
      from_.take_the_lock_for(std::move(asker_));
  }

 protected:
  void on_resolved() override { from_.leave_later(*this); }

 private:
  condition_actor& from_;  // owns the line in which this waits
  requester asker_;
};

/// Waits for the lock then. It is never `deserted`: what it is handed comes back with its answer,
/// and so does the notification.
class relock final : public permit_waiter {
 public:
  relock(permits_actor& lock, caf::actor_addr condition, requester asker, keeper whose)
      : permit_waiter(nullptr, std::move(whose)),
        lock_(lock),
        condition_(std::move(condition)),
        asker_(std::move(asker)) {}
  void deliver() override {
    if (error()) {
      asker_.answer(caf::make_message(to_error(error())));
      return;
    }
    if (const auto condition = caf::actor_cast<caf::strong_actor_ptr>(condition_))
      answer(lean_ref<condition_actor>(static_cast<condition_actor*>(condition->get())));
    else
      answer(lean_ref<permits_actor>(&lock_));
  }

 protected:
  void on_resolved() override { lock_.leave_later(*this); }

 private:
  template <class B>
  void answer(lean_ref<B> from) {
    asker_.answer(caf::mailbox_element_ptr(new returnable_element<unit, B>(
        asker_.response_id(), std::move(from), whose().who(), unit{})));
  }

  permits_actor& lock_;              // owns the line in which this waits
  const caf::actor_addr condition_;  // not a reference: the condition refers to the lock
  requester asker_;
};

}  // namespace

void condition_actor::take_the_lock_for(requester asker) {
  auto whose = keeper::actor(caf::actor_cast<caf::actor_addr>(asker.actor()));
  lock_->take_or_wait(cell_ref<permit_waiter>::adopt(
      new relock(*lock_, address(), std::move(asker), std::move(whose))));
}

void condition_actor::wait_by_message(caf::mailbox_element& request) {
  const auto who = caf::actor_cast<caf::actor_addr>(request.sender);
  const auto waiting =
      cell_ref<cell<unit>>::adopt(new notification_request(*this, requester(request)));
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
    wait_by_message(*element);
  else if (content.match_elements<notify_condition>())
    notify_by_message(*element, 1);
  else if (content.match_elements<notify_condition, std::uint64_t>())
    notify_by_message(*element, content.get_as<std::uint64_t>(1));
  else if (content.match_elements<acquire_permit>() || content.match_elements<release_permit>())
    lock_->enqueue(std::move(element), context());
  else
    refuse(*element);
}

namespace {

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

condition::condition(lock with)
    : lock_(std::move(with)),
      actor_(detail::make_broker<detail::condition_actor>(
                 detail::system_here("condition"),
                 lean_ref<detail::permits_actor>(&lock_.permits_.ref().here_for(
                     "condition", "a condition is made where its lock is")))
                 .get()) {}

detail::condition_actor& condition::self() const noexcept {
  return static_cast<detail::condition_actor&>(*actor_);
}
std::size_t condition::waiter_count() const { return self().waiter_count(); }
caf::actor condition::actor() const { return actor_.handle(); }

void condition::notify(std::size_t count) const {
  if (!lock_.is_locked())
    throw invalid_state("a condition is notified by a task that holds its lock");
  self().notify(count);
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
    if (waiting_.resolved()) of_.self().notify(1);
  }
  void end() noexcept { ended_ = true; }

 private:
  const condition& of_;  // both are the coroutine's
  const detail::cell<detail::unit>& waiting_;
  bool ended_ = false;
};

task<void> condition::wait_on(condition self, std::source_location where) {
  if (!self.lock_.is_locked())
    throw invalid_state("a condition is awaited by a task that holds its lock");
  auto waiting = self.self().enlist(detail::host_here("condition::wait"));
  without_lock meanwhile(self, *waiting);
  std::exception_ptr interruption;
  try {
    co_await detail::notification_wait(self.self(), waiting, where);
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
  if (waiting->resolved()) self.self().notify(1);  // ours is passed on
  std::rethrow_exception(interruption);
}

}  // namespace buskin
