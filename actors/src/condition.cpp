#include <buskin/actors/condition.hpp>

#include <buskin/actors/detail/waiters.hpp>
#include <buskin/runtime/errors.hpp>

namespace buskin {

namespace detail {

/// Only the line of those who wait. It has no messages: whoever waits must hold the lock, which a
/// message cannot.
class condition_actor final : public broker {
 public:
  explicit condition_actor(caf::actor_config& config) : broker(config, "buskin.condition") {}

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

 protected:
  void on_message(caf::mailbox_element_ptr& element) override { refuse(*element); }

 private:
  waiters waiters_;  // guarded by the broker's lock
};

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
      actor_(detail::make_broker<detail::condition_actor>(detail::system_here("condition")).get()) {
}

detail::condition_actor& condition::self() const noexcept {
  return static_cast<detail::condition_actor&>(*actor_);
}
std::size_t condition::waiter_count() const { return self().waiter_count(); }

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
