#include <buskin/runtime/lean_actor.hpp>

#include <buskin/runtime/detail/dead_letter_office.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/detail/watchdog.hpp>
#include <buskin/runtime/detail/worker.hpp>

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <caf/type_nr.hpp>

#include <new>

namespace buskin {

namespace detail {

namespace {
caf::empty_type_erased_tuple nothing;
}

call_element::call_element() { mid = caf::message_id(call_message_id); }
caf::type_erased_tuple& call_element::content() { return nothing; }
const caf::type_erased_tuple& call_element::content() const { return nothing; }
caf::message call_element::move_content_to_message() { return {}; }
caf::message call_element::copy_content_to_message() const { return {}; }

}  // namespace detail

namespace {

void dispose(caf::mailbox_element* list) noexcept {
  while (list != nullptr) {
    auto* next = static_cast<caf::mailbox_element*>(list->next);
    caf::mailbox_element_ptr owner(list);
    list = next;
  }
}

void answer_with_down(caf::mailbox_element& element) {
  if (element.sender && element.mid.is_request())
    element.sender->enqueue(nullptr, element.mid.response_id(),
                            caf::make_message(caf::make_error(caf::sec::request_receiver_down)),
                            nullptr);
}

struct bouncer {
  void operator()(caf::mailbox_element* element) const {
    answer_with_down(*element);
    caf::mailbox_element_ptr owner(element);
  }
};

}  // namespace

// -- construction -----------------------------------------------------------------------------

lean_actor::lean_actor(caf::actor_config& config) : local_actor(config) {}

lean_actor::~lean_actor() {
  dispose(pending_);
  if (live_after != nullptr) detail::scheduler::of(home_system()).forget(*this, phase_);
}

void lean_actor::on_destroy() {
  // Without local_actor's part, which asks CAF's clock: an actor that never ended (a broker) may
  // outlive its runtime.
  if (getf(is_cleaned_up_flag)) return;
  on_exit();
  caf::error reason;
  try {
    reason = caf::make_error(caf::exit_reason::unreachable);
  } catch (const std::bad_alloc&) {
    // Without memory for a reason it ends without one.
  }
  monitorable_actor::cleanup(std::move(reason), nullptr);
  monitorable_actor::on_destroy();
}

void lean_actor::launch(caf::execution_unit*, bool lazy, bool) {
  if (tracked_) detail::scheduler::of(home_system()).remember(*this);
  if (lazy && inbox_.try_block()) return;
  schedule();
}

void lean_actor::launch_here() {
  // Each level is a good part of a kilobyte of the thread's stack, or more without optimisation.
  constexpr int deepest = 64;
  thread_local int depth = 0;
  detail::worker* current = detail::here.worker;
  if (current == nullptr || &current->system() != &home_system() ||
      (home() != nullptr && home() != current) || depth == deepest)
    return launch(nullptr, false, true);
  if (tracked_) detail::scheduler::of(home_system()).remember(*this);
  intrusive_ptr_add_ref(ctrl());  // the turn's, then maybe the run queue's
  ++depth;
  const auto result = resume(current, current->owner().throughput());
  --depth;
  if (result != resume_later)
    intrusive_ptr_release(ctrl());
  else if (home() != nullptr)
    home() == current ? current->push_pinned(this) : home()->submit(this);
  else
    current->push(this);
}

// -- mailbox ----------------------------------------------------------------------------------

void lean_actor::enqueue(caf::mailbox_element_ptr element, caf::execution_unit*) {
  auto sender = element->mid.is_request() ? element->sender : nullptr;
  const auto id = element->mid;
  if (!push(std::move(element)) && sender)
    sender->enqueue(nullptr, id.response_id(),
                    caf::make_message(caf::make_error(caf::sec::request_receiver_down)), nullptr);
}

bool lean_actor::push(caf::mailbox_element_ptr element) noexcept {
  switch (inbox_.push_front(std::move(element))) {
    case caf::intrusive::inbox_result::unblocked_reader:
      schedule();
      return true;
    case caf::intrusive::inbox_result::success:
      return true;
    default:
      return false;
  }
}

void lean_actor::schedule() noexcept {
  intrusive_ptr_add_ref(ctrl());  // the run queue's
  detail::worker* current = detail::here.worker;
  if (detail::worker* const own = home(); own != nullptr) {
    if (own == current)
      current->push_pinned(this);
    else
      own->submit(this);
  } else if (current != nullptr && &current->system() == &home_system()) {
    current->push(this);
  } else {
    detail::scheduler::of(home_system()).enqueue(this);
  }
}

void lean_actor::signal() noexcept {
  if (detail::here.actor == this) {  // the turn that is under way sees it
    attention_.store(true, std::memory_order_relaxed);
    return;
  }
  attention_.store(true, std::memory_order_seq_cst);
  if (inbox_.try_unblock()) schedule();
}

void lean_actor::signal_here() noexcept {
  // Never inside another actor's turn: turns within turns would grow the stack with the length of a
  // chain of actors.
  if (detail::here.actor == nullptr)
    if (turn now(*this); now) {
      on_signal();
      return;
    }
  signal();
}

/// Moves what has arrived to pending_, oldest first. False when there is nothing.
bool lean_actor::fetch() noexcept {
  if (pending_ != nullptr) return true;
  caf::mailbox_element* newest = inbox_.take_head();
  std::size_t count = 0;
  while (newest != nullptr) {
    auto* older = static_cast<caf::mailbox_element*>(newest->next);
    newest->next = pending_;
    pending_ = newest;
    newest = older;
    ++count;
  }
  detail::note_mailbox(*this, count);
  return pending_ != nullptr;
}

/// Gives the turn up. False when something came in between: then the turn goes on.
bool lean_actor::block() noexcept {
  if (pending_ != nullptr) return false;
  if (!inbox_.try_block()) return false;
  return !(attention_.load(std::memory_order_seq_cst) && inbox_.try_unblock());
}

// -- turns ------------------------------------------------------------------------------------

lean_actor::turn::turn(lean_actor& target) noexcept : target_(target), outer_(detail::here) {
  if (outer_.actor == &target) {
    entered_ = nested_ = true;
    return;
  }
  const auto may_be_here = [&] {
    const detail::worker* const own = target.home();
    return own == nullptr || own == outer_.worker;
  };
  entered_ = outer_.worker != nullptr && may_be_here() &&
             &outer_.worker->system() == &target.home_system() && target.inbox_.try_unblock();
  if (!entered_) return;
  // In its last turn it may have followed a stream to another worker: the turn is for that one.
  if (!may_be_here()) {
    entered_ = false;
    target.schedule();
    return;
  }
  target.context(outer_.worker);
  detail::here.actor = &target;
  detail::here.stack = nullptr;
}

lean_actor::turn::~turn() {
  if (!entered_ || nested_) return;
  detail::here = outer_;
  if (target_.stage_.load(std::memory_order_relaxed) == stage::ending || target_.again_ ||
      target_.pending_ != nullptr || !target_.block()) {
    if (target_.again_) target_.attention_.store(true, std::memory_order_relaxed);
    target_.again_ = false;
    target_.schedule();
  }
}

caf::resumable::resume_result lean_actor::resume(caf::execution_unit* unit, size_t max_throughput) {
  context(unit);
  const detail::running outer = detail::here;
  detail::here.actor = this;
  detail::here.stack = nullptr;
  auto result = awaiting_message;
  if (stage_.load(std::memory_order_relaxed) == stage::fresh) start();
  for (size_t handled = 0, signals = 0;;) {
    if (stage_.load(std::memory_order_relaxed) == stage::ending) {
      finish(unit);
      result = done;
      break;
    }
    const bool permitted = handled < max_throughput;
    if (permitted && fetch()) {
      caf::mailbox_element_ptr element(pending_);
      pending_ = static_cast<caf::mailbox_element*>(element->next);
      element->next = nullptr;
      current_mailbox_element(element.get());
      dispatch(element);
      current_mailbox_element(nullptr);
      ++handled;
      continue;
    }
    // Messages come first: a cancellation that was requested before a wait ended is seen before
    // that end. Also by a task that does nothing but yield.
    if (!again_ && signals != max_throughput && take_signal()) {
      ++signals;
      continue;
    }
    if (again_ || !permitted || attention_.load(std::memory_order_relaxed)) {
      if (again_) attention_.store(true, std::memory_order_relaxed);
      again_ = false;
      result = resume_later;
      break;
    }
    // Someone else may run the actor as soon as it is blocked, so the thread's record is put back
    // before that.
    detail::here = outer;
    if (block()) return awaiting_message;
    detail::here.actor = this;
    detail::here.stack = nullptr;
  }
  detail::here = outer;
  return result;
}

/// Lets a signal that came be dealt with.
bool lean_actor::take_signal() {
  if (!attention_.load(std::memory_order_relaxed)) return false;
  attention_.store(false, std::memory_order_seq_cst);
  on_signal();
  return true;
}

void lean_actor::start() {
  stage_.store(stage::running, std::memory_order_relaxed);
  on_start();
}

void lean_actor::dispatch(caf::mailbox_element_ptr& owner) {
  caf::mailbox_element& element = *owner;
  const auto id = element.mid;
  if (id.integer_value() == detail::call_message_id) {
    static_cast<detail::call_element&>(element).run(*this);
    return;
  }
  if (id.is_response()) {
    const auto request = id.request_id().integer_value();
    for (detail::reply_slot** at = &replies_; *at != nullptr; at = &(*at)->next_)
      if ((*at)->id_ == request) {
        detail::reply_slot* slot = *at;
        *at = slot->next_;
        slot->reply(std::move(owner));
        take_signal();  // what waited for the answer goes on before the next message
        return;
      }
    // To a request that was given up: nobody else may see it. Nor is it taken by being reported:
    // what it hands over goes back to the broker that sent it.
    detail::note_dead_letter(*this, dead_letter::kind::late_answer,
                             std::as_const(element).content());
    return;
  }
  if (element.content().type_token() == caf::make_type_token<caf::exit_msg>()) {
    auto& request = element.content().get_mutable_as<caf::exit_msg>(0);
    if (request.reason == caf::exit_reason::kill)
      on_kill(std::move(request.reason));
    else
      on_exit_request(request);
    return;
  }
  on_message(owner);
}

void lean_actor::on_exit_request(caf::exit_msg& request) {
  if (request.reason) quit(std::move(request.reason));
}

// -- replies ----------------------------------------------------------------------------------

void lean_actor::await_reply(std::uint64_t id, detail::reply_slot& slot) noexcept {
  slot.id_ = caf::message_id(id).request_id().integer_value();
  slot.next_ = replies_;
  replies_ = &slot;
}

void lean_actor::forget_reply(detail::reply_slot& slot) noexcept {
  for (detail::reply_slot** at = &replies_; *at != nullptr; at = &(*at)->next_)
    if (*at == &slot) {
      *at = slot.next_;
      return;
    }
}

void lean_actor::refuse(caf::mailbox_element& element) {
  detail::note_dead_letter(*this, dead_letter::kind::unknown, element.content());
  respond(element, caf::make_message(caf::make_error(caf::sec::unexpected_message)));
}

void lean_actor::respond(caf::mailbox_element& element, caf::message content) {
  if (!element.mid.is_request() || !element.sender) return;
  element.sender->enqueue(detail::wrap_message(caf::strong_actor_ptr(ctrl()),
                                               element.mid.response_id(), std::move(content)),
                          context());
}

// -- the end ----------------------------------------------------------------------------------

void lean_actor::quit(caf::error reason) {
  if (stage_.load(std::memory_order_relaxed) >= stage::ending) return;
  fail_state_ = std::move(reason);
  stage_.store(stage::ending, std::memory_order_relaxed);
}

void lean_actor::finish(caf::execution_unit* unit) noexcept {
  on_end();
  stage_.store(stage::ended, std::memory_order_release);
  replies_ = nullptr;
  while (pending_ != nullptr) {
    caf::mailbox_element_ptr element(pending_);
    pending_ = static_cast<caf::mailbox_element*>(element->next);
    answer_with_down(*element);
  }
  bouncer refuse_rest;
  inbox_.close(refuse_rest);
  if (live_after != nullptr) detail::scheduler::of(home_system()).forget(*this, phase_);
  cleanup(caf::error(fail_state_), unit);
}

void lean_actor::abandon(const caf::error& reason) noexcept {
  if (ended() || inbox_.closed()) return;
  const detail::running outer = detail::here;
  detail::here.actor = this;
  detail::here.stack = nullptr;
  if (fail_state_ == caf::none) fail_state_ = reason;
  finish(nullptr);
  detail::here = outer;
}

std::size_t lean_actor::queued() noexcept {
  std::size_t count = stored();
  fetch();
  for (const auto* at = pending_; at != nullptr;
       at = static_cast<const caf::mailbox_element*>(at->next))
    ++count;
  return count;
}

std::string lean_actor::title() const { return std::string(name()) + " " + std::to_string(id()); }

}  // namespace buskin
