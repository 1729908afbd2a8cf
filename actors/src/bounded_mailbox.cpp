#include <buskin/actors/detail/bounded_mailbox.hpp>

#include <buskin/actors/deliver.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>

#include <caf/actor_cast.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>
#include <caf/type_nr.hpp>

#include <algorithm>
#include <stdexcept>

namespace buskin {

const char* to_string(overflow policy) noexcept {
  switch (policy) {
    case overflow::wait:
      return "wait";
    case overflow::drop_oldest:
      return "drop oldest";
    case overflow::drop_newest:
      return "drop newest";
    case overflow::refuse:
      return "refuse";
  }
  return "?";
}

std::optional<mailbox_status> mailbox_of(const caf::actor& whom) {
  if (!whom) return std::nullopt;
  auto* holder = dynamic_cast<detail::bounded_holder*>(caf::actor_cast<caf::abstract_actor*>(whom));
  if (holder == nullptr) return std::nullopt;
  return holder->mailbox().status();
}

namespace detail {

namespace {

mailbox_options with_marks(mailbox_options options) {
  if (options.high_water == 0)
    options.high_water = std::max<std::size_t>(1, options.capacity - options.capacity / 4);
  if (options.low_water == 0) options.low_water = options.high_water / 3;
  return options;
}

void answer(const caf::mailbox_element& element, caf::error error) {
  if (element.sender && element.mid.is_request())
    element.sender->enqueue(nullptr, element.mid.response_id(), caf::make_message(std::move(error)),
                            nullptr);
}

std::exception_ptr gone(const lean_actor& owner) {
  return std::make_exception_ptr(
      request_failed("actor " + std::to_string(owner.id()) + " has ended; it takes no messages"));
}

}  // namespace

const mailbox_options& checked(const mailbox_options& options) {
  const auto all = with_marks(options);
  if (all.capacity == 0)
    throw std::invalid_argument(
        "a bounded mailbox holds at least one message; for one without bound use spawn or "
        "spawn_actor");
  if (all.high_water > all.capacity || all.low_water >= all.high_water)
    throw std::invalid_argument(
        "the marks of a mailbox must be in order: low_water < high_water <= capacity");
  return options;
}

bounded_mailbox::bounded_mailbox(lean_actor& owner, mailbox_options options)
    : owner_(owner), options_(with_marks(std::move(options))) {
  counts_.capacity = options_.capacity;
}

bool bounded_mailbox::counts(const caf::mailbox_element& element) noexcept {
  const auto id = element.mid;
  if (id.is_response() || id.integer_value() == call_message_id) return false;
  const auto type = element.content().type_token();
  return type != caf::make_type_token<caf::exit_msg>() &&
         type != caf::make_type_token<caf::down_msg>();
}

std::string bounded_mailbox::full() const {
  return "the mailbox of " + owner_.title() + " is full: " + std::to_string(options_.capacity) +
         " messages wait, and its policy is to " + to_string(options_.policy);
}

void bounded_mailbox::reject(caf::mailbox_element_ptr element) const {
  if (element != nullptr) answer(*element, to_error(std::make_exception_ptr(mailbox_full(full()))));
}

// -- in ---------------------------------------------------------------------------------------

void bounded_mailbox::admit(caf::mailbox_element_ptr element, aftermath& after) {
  items_.push_back(std::move(element));
  ++counts_.accepted;
  after.signal = true;
  after.size = items_.size();
  if (!above_ && items_.size() >= options_.high_water) {
    above_ = after.high = true;
    ++counts_.crossings;
  }
}

/// Under the lock. What is not taken stays in `element`, or goes to `after.rejected`.
bounded_mailbox::fate bounded_mailbox::put(caf::mailbox_element_ptr& element, stack_host* host,
                                           cell_ref<cell<unit>>* place, aftermath& after) {
  if (closed_) return fate::closed;
  if (items_.size() < options_.capacity) {
    admit(std::move(element), after);
    return fate::taken;
  }
  switch (options_.policy) {
    case overflow::wait:
      if (host != nullptr) {
        *place = cell_ref<cell<unit>>::adopt(new cell<unit>(host));
        line_.push_back({std::move(element), *place});
        return fate::waits;
      }
      if (element->mid.is_request()) {
        line_.push_back({std::move(element), {}});
        return fate::waits;
      }
      break;
    case overflow::drop_oldest:
      after.rejected = std::move(items_.front());
      items_.pop_front();
      ++counts_.dropped;
      admit(std::move(element), after);
      return fate::taken;
    case overflow::drop_newest:
      ++counts_.dropped;
      return fate::dropped;
    case overflow::refuse:
      break;
  }
  ++counts_.refused;
  return fate::refused;
}

void bounded_mailbox::enqueue(caf::mailbox_element_ptr element) {
  aftermath after;
  fate how{};
  {
    std::lock_guard guard(mutex_);
    how = put(element, nullptr, nullptr, after);
  }
  settle(after);
  if (how == fate::closed)
    answer(*element, caf::make_error(caf::sec::request_receiver_down));
  else
    reject(std::move(element));
}

bounded_mailbox::fate bounded_mailbox::offer(caf::mailbox_element_ptr element, stack_host& host,
                                             cell_ref<cell<unit>>& place) {
  aftermath after;
  fate how{};
  {
    std::lock_guard guard(mutex_);
    how = put(element, &host, &place, after);
  }
  settle(after);
  return how;
}

bool bounded_mailbox::withdraw(cell<unit>& place) {
  std::lock_guard guard(mutex_);
  if (!place.abandon()) return false;
  line_.remove_if([&](const waiting_sender& each) { return each.place.get() == &place; });
  return true;
}

// -- out --------------------------------------------------------------------------------------

/// Under the lock, after a message went out: the next in line comes in.
void bounded_mailbox::took_one(aftermath& after) {
  while (!line_.empty() && items_.size() < options_.capacity) {
    auto next = std::move(line_.front());
    line_.pop_front();
    if (next.place && !next.place->resolve(unit{})) continue;
    admit(std::move(next.element), after);
  }
  if (above_ && items_.size() <= options_.low_water) {
    above_ = false;
    after.low = true;
  }
  after.size = items_.size();
}

caf::mailbox_element_ptr bounded_mailbox::pop() {
  caf::mailbox_element_ptr element;
  aftermath after;
  {
    std::lock_guard guard(mutex_);
    if (items_.empty()) return nullptr;
    element = std::move(items_.front());
    items_.pop_front();
    took_one(after);
  }
  settle(after);
  return element;
}

bool bounded_mailbox::give_to(message_waiter& waiter) {
  aftermath after;
  {
    std::lock_guard guard(mutex_);
    const auto found = std::find_if(items_.begin(), items_.end(),
                                    [&](auto& element) { return waiter.offer(element); });
    if (found == items_.end()) return false;
    items_.erase(found);
    took_one(after);
  }
  settle(after);
  return true;
}

/// Without the lock: what others are to be told.
void bounded_mailbox::settle(aftermath& after) {
  if (after.signal) owner_.signal();
  reject(std::move(after.rejected));
  if (!options_.events) return;
  const auto tell = [&](mailbox_event::kind what) {
    options_.events({what, owner_.title(),
                     caf::actor_cast<caf::actor>(caf::strong_actor_ptr(owner_.ctrl())),
                     after.size});
  };
  if (after.high) tell(mailbox_event::kind::high_water);
  if (after.low) tell(mailbox_event::kind::low_water);
}

void bounded_mailbox::close() noexcept {
  std::deque<caf::mailbox_element_ptr> items;
  std::list<waiting_sender> line;
  {
    std::lock_guard guard(mutex_);
    closed_ = true;
    items.swap(items_);
    line.swap(line_);
  }
  for (auto& each : items) answer(*each, caf::make_error(caf::sec::request_receiver_down));
  for (auto& each : line) {
    if (each.place)
      each.place->fail(gone(owner_));
    else
      answer(*each.element, caf::make_error(caf::sec::request_receiver_down));
  }
}

mailbox_status bounded_mailbox::status() const {
  std::lock_guard guard(mutex_);
  auto status = counts_;
  status.size = items_.size();
  status.waiting = line_.size();
  return status;
}

std::size_t bounded_mailbox::size() const noexcept {
  std::lock_guard guard(mutex_);
  return items_.size();
}

// -- deliver ----------------------------------------------------------------------------------

caf::strong_actor_ptr sender_here() {
  return here.actor != nullptr ? caf::strong_actor_ptr(here.actor->ctrl()) : nullptr;
}

deliver_awaiter::deliver_awaiter(caf::strong_actor_ptr whom, const time_limit& limit,
                                 caf::mailbox_element_ptr message)
    : timer_wait(wait_record::no_deadline, wait_kind::queue_put, limit.where),
      whom_(std::move(whom)),
      message_(std::move(message)),
      limit_(limit.length) {
  if (!whom_) throw invalid_state("deliver was given an actor handle that refers to nobody");
  record_.whom = whom_->id();
}

deliver_awaiter::~deliver_awaiter() {
  if (place_ && !withdrawn_) leave();
}

/// Takes the place in line back. False when the message is in the mailbox.
bool deliver_awaiter::leave() noexcept {
  auto* holder = dynamic_cast<bounded_holder*>(whom_->get());
  return holder->mailbox().withdraw(*place_);
}

bool deliver_awaiter::await_ready() {
  auto& host = stack_here("deliver").host();
  auto* target = whom_->get();
  auto* holder = dynamic_cast<bounded_holder*>(target);
  const auto gone = [&] {
    return request_failed("actor " + std::to_string(whom_->id()) +
                          " has ended; it takes no messages");
  };
  if (holder == nullptr) {
    if (target->getf(caf::abstract_actor::is_terminated_flag)) throw gone();
    target->enqueue(std::move(message_), host.self().context());
    return true;
  }
  switch (holder->mailbox().offer(std::move(message_), host, place_)) {
    case bounded_mailbox::fate::taken:
    case bounded_mailbox::fate::dropped:
      return true;
    case bounded_mailbox::fate::refused:
      throw mailbox_full(holder->mailbox().full());
    case bounded_mailbox::fate::closed:
      throw gone();
    case bounded_mailbox::fate::waits:
      break;
  }
  if (limit_ != infinite) {
    record_.until = after(now_here("deliver"), limit_);
    begin("deliver");
  }
  return false;
}

bool deliver_awaiter::withdraw() noexcept {
  timer_wait::withdraw();
  withdrawn_ = leave();
  return withdrawn_;
}

void deliver_awaiter::await_resume() {
  timer_wait::withdraw();
  if (!place_) return;
  if (!withdrawn_ && (place_->resolved() || !leave())) {
    if (auto reason = place_->resolved() ? place_->error() : nullptr)
      std::rethrow_exception(reason);
    return;  // it is in the mailbox; a cancellation surfaces at the next await
  }
  if (auto reason = interruption()) std::rethrow_exception(reason);
  throw timeout_error("there was no room in the mailbox of actor " + std::to_string(whom_->id()) +
                      " in time");
}

}  // namespace detail

}  // namespace buskin
