#include <buskin/runtime/detail/task_actor.hpp>

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/runtime.hpp>

#include <caf/sec.hpp>

namespace buskin::detail {

task_actor_base::task_actor_base(caf::actor_config& config, std::string name,
                                 const std::source_location& created)
    : lean_actor(config), created_(created) {
  if (!name.empty()) name_ = std::make_unique<const std::string>(std::move(name));
  // A task lives until it has ended, whether or not somebody holds a handle; on_end gives this
  // reference back.
  hold();
}

task_actor_base::~task_actor_base() {
  while (take_unread()) {
  }
  if (error_ && state() == task_state::failed && !fetched_.load(std::memory_order_relaxed)) {
    const context_scope inside{context_ref(stack_.context_slot())};
    report_of(home_system(),
              {"BK002", "the exception of a task was never fetched: " + describe(error_), error_,
               task_name(), created_});
  }
}

bool task_actor_base::cancel(std::exception_ptr reason) {
  if (done()) return false;
  if (here.actor == this) {
    // By itself: it surfaces at the next suspension, and counts also if there is none.
    stack_.cancel(std::move(reason));
    signal();
    return true;
  }
  cancelled_early_.store(true, std::memory_order_release);
  return post([reason = std::move(reason)](lean_actor& self) {
    auto& task = static_cast<task_actor_base&>(self);
    task.stack_.cancel(reason);
    task.on_signal();
  });
}

std::exception_ptr task_actor_base::exception() const noexcept {
  mark_fetched();
  return error_;
}

std::string task_actor_base::task_name() const {
  return name_ ? *name_ : "task-" + std::to_string(id());
}

std::string task_actor_base::title() const { return "task \"" + task_name() + "\""; }

// -- turns ------------------------------------------------------------------------------------

void task_actor_base::on_start() { on_signal(); }

void task_actor_base::on_kill(caf::error reason) {
  const auto* pending = stack_.waiting();
  if (pending == nullptr || !pending->holds_frames()) {
    quit(std::move(reason));
    return;
  }
  // What uses the frames is called off; they are destroyed as soon as it has let go of them.
  if (killed_) return;
  killed_ = true;
  exit_reason_ = std::move(reason);
  stack_.cancel(std::make_exception_ptr(cancelled("killed")));
  on_signal();
}

void task_actor_base::on_signal() {
  if (killed_) {
    if (const auto* pending = stack_.waiting(); pending == nullptr || !pending->holds_frames())
      quit(std::move(exit_reason_));
    return;
  }
  if (!begun_) {
    // Cancelled before its first step: the request, which is in the mailbox, comes first, and the
    // body never runs.
    if (!stack_.cancel_pending() && cancelled_early_.load(std::memory_order_acquire)) return;
    if (stack_.cancel_pending()) {
      settle();
      return;
    }
    begun_ = true;
  }
  stack_.advance();
  if (stack_.done()) settle();
}

void task_actor_base::on_exit_request(caf::exit_msg& request) {
  if (!request.reason) return;
  if (!exit_reason_) exit_reason_ = request.reason;
  std::string who =
      request.source ? " by actor " + std::to_string(request.source.id()) : std::string();
  stack_.cancel(
      std::make_exception_ptr(cancelled("asked to end" + who + ": " + describe(request.reason))));
  on_signal();
}

void task_actor_base::settle() {
  if (done()) return;
  if (begun_) error_ = collect();
  if (!error_ && stack_.cancel_pending()) error_ = stack_.pending_cancel();
  stack_.destroy();
  auto reason = to_error(error_);
  // One that was asked to end tells its links and monitors the reason it was given, as CAF's actors
  // do.
  if (exit_reason_ && is(reason, failure::cancelled)) reason = std::move(exit_reason_);
  quit(std::move(reason));
}

void task_actor_base::on_end() noexcept {
  if (stack_.started()) {  // killed in the middle: the frames go first, their destructors still run
                           // inside the actor
    stack_.destroy();
    error_ = std::make_exception_ptr(cancelled("killed"));
    mark_fetched();
  }
  auto state = task_state::finished;
  if (error_) {
    try {
      std::rethrow_exception(error_);
    } catch (const cancelled&) {
      state = task_state::cancelled;
    } catch (...) {
      state = task_state::failed;
    }
  }
  while (holdings_) {
    const auto first = std::move(holdings_);
    holdings_ = std::move(first->next_);
    first->give_back();
  }
  state_.store(state, std::memory_order_release);
  // Requests that nobody received are not left without an answer.
  while (const auto element = take_unread())
    respond(*element, caf::make_message(caf::make_error(caf::sec::request_receiver_down)));
  drop();
}

// -- messages ---------------------------------------------------------------------------------

void task_actor_base::on_message(caf::mailbox_element_ptr& element) {
  if (receiver_ != nullptr && receiver_->offer(element)) {
    receiver_ = nullptr;
    on_signal();
    return;
  }
  auto* raw = element.release();
  if (unread_ == nullptr) {
    raw->next = raw;
  } else {
    raw->next = unread_->next;
    unread_->next = raw;
  }
  unread_ = raw;
}

bool task_actor_base::receive(message_waiter& waiter) {
  // Once around, from the oldest to the newest.
  caf::mailbox_element* const newest = unread_;
  for (caf::mailbox_element* before = newest; before != nullptr;) {
    auto* at = static_cast<caf::mailbox_element*>(before->next);
    auto* next = static_cast<caf::mailbox_element*>(at->next);
    caf::mailbox_element_ptr element(at);
    if (waiter.offer(element)) {
      before->next = next;
      if (at == newest) unread_ = before == at ? nullptr : before;
      return true;
    }
    before = element.release();
    if (at == newest) break;
  }
  if (fetch_for(waiter)) return true;
  receiver_ = &waiter;
  return false;
}

caf::mailbox_element_ptr task_actor_base::take_unread() noexcept {
  if (unread_ == nullptr) return nullptr;
  auto* oldest = static_cast<caf::mailbox_element*>(unread_->next);
  if (oldest == unread_)
    unread_ = nullptr;
  else
    unread_->next = oldest->next;
  oldest->next = nullptr;
  return caf::mailbox_element_ptr(oldest);
}

holding* task_actor_base::holding_of(const void* of) const noexcept {
  holding* at = holdings_.get();
  while (at != nullptr && at->of != of) at = at->next_.get();
  return at;
}

void task_actor_base::take_hold(std::unique_ptr<holding> what) noexcept {
  what->next_ = std::move(holdings_);
  holdings_ = std::move(what);
}

void task_actor_base::let_go(holding& what) noexcept {
  std::unique_ptr<holding>* at = &holdings_;
  while (*at && at->get() != &what) at = &(*at)->next_;
  if (!*at) return;
  const auto found = std::move(*at);
  *at = std::move(found->next_);
}

void task_actor_base::locks_held(std::vector<std::uint64_t>& ids) const {
  for (const holding* at = holdings_.get(); at != nullptr; at = at->next_.get())
    if (at->lock != 0 && at->count != 0) ids.push_back(at->lock);
}

std::size_t task_actor_base::stored() const noexcept {
  if (unread_ == nullptr) return 0;
  std::size_t count = 1;
  const caf::mailbox_element* at = unread_;
  while ((at = static_cast<const caf::mailbox_element*>(at->next)) != unread_) ++count;
  return count;
}

void task_actor_base::stop_receiving(message_waiter& waiter) noexcept {
  if (receiver_ == &waiter) receiver_ = nullptr;
}

}  // namespace buskin::detail
