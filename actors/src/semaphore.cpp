#include <buskin/actors/semaphore.hpp>

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/lock.hpp>
#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/errors.hpp>

namespace buskin {

namespace detail {

/// The task that runs here, if it is one.
namespace {
task_actor_base* task_here() noexcept {
  return here.stack != nullptr ? dynamic_cast<task_actor_base*>(here.actor) : nullptr;
}
}  // namespace

// What always holds: while somebody waits there is no free permit. Records of who holds what are kept
// by the holders; `released_by_others_` says how many of them are behind the truth.
class permits_actor final : public broker {
 public:
  permits_actor(caf::actor_config& config, const char* kind, std::size_t count, std::size_t limit)
      : broker(config, kind), count_(count), limit_(limit) {}

  bool try_take() {
    guard lock(state_mutex_);
    return take();
  }

  /// True when a permit was taken at once.
  bool take_or_wait(stack_host& host, cell_ref<cell<unit>>& waiting) {
    guard lock(state_mutex_);
    if (take()) return true;
    waiting = cell_ref<cell<unit>>::adopt(new cell<unit>(&host));
    line_.push(waiting);
    return false;
  }

  void withdraw(cell<unit>& waiting) {
    guard lock(state_mutex_);
    if (waiting.abandon())
      line_.erase(waiting);
    else
      put_back();
  }

  /// False when that would be more than the limit.
  bool give(bool by_holder) {
    guard lock(state_mutex_);
    if (limit_ != 0 && count_ >= limit_) return false;
    if (!by_holder) ++released_by_others_;
    put_back();
    return true;
  }

  /// A holder ended with `held` permits that it did not release itself.
  void give_back_of_the_dead(std::size_t held) {
    guard lock(state_mutex_);
    for (; held != 0; --held) {
      if (released_by_others_ != 0)
        --released_by_others_;  // another task released it in its name
      else
        put_back();
    }
  }

  std::size_t available() const {
    guard lock(state_mutex_);
    return count_;
  }
  std::size_t waiters() const {
    guard lock(state_mutex_);
    return line_.size();
  }

 protected:
  void on_message(caf::mailbox_element_ptr& element) override {
    const auto& content = element->content();
    if (content.match_elements<acquire_permit>()) {
      auto reply = cell_ref<cell<unit>>::adopt(new reply_cell<unit>(requester(*element)));
      guard lock(state_mutex_);
      if (take())
        reply->resolve(unit{});
      else
        line_.push(reply);
    } else if (content.match_elements<release_permit>()) {
      if (give(true))
        respond(*element, caf::message());
      else
        respond(*element, caf::make_message(to_error(std::make_exception_ptr(
                              invalid_state("released more often than acquired")))));
    } else {
      refuse(*element);
    }
  }

 private:
  bool take() {
    if (count_ == 0) return false;
    --count_;
    return true;
  }
  void put_back() {
    while (auto waiting = line_.pop())
      if (waiting->resolve(unit{})) return;
    ++count_;
  }

  // All guarded by state_mutex_.
  std::size_t count_;
  const std::size_t limit_;
  waiting_line<cell<unit>> line_;
  std::size_t released_by_others_ = 0;
};

namespace {

class permit_holding final : public holding {
 public:
  explicit permit_holding(lean_ref<broker> permits) : permits_(std::move(permits)) { of = permits_.get(); }
  void give_back() noexcept override { static_cast<permits_actor&>(*permits_).give_back_of_the_dead(count); }

 private:
  lean_ref<broker> permits_;
};

/// The task that runs here holds one more.
void note_acquired(const lean_ref<broker>& permits) {
  auto* task = task_here();
  if (task == nullptr) return;
  auto* record = task->holding_of(permits.get());
  if (record == nullptr) {
    auto made = std::make_unique<permit_holding>(permits);
    record = made.get();
    task->take_hold(std::move(made));
  }
  ++record->count;
}

/// True when the task that runs here held one.
bool note_released(const broker* permits) {
  auto* task = task_here();
  auto* record = task != nullptr ? task->holding_of(permits) : nullptr;
  if (record == nullptr) return false;
  if (--record->count == 0) task->let_go(*record);
  return true;
}

}  // namespace

permit_wait::permit_wait(lean_ref<broker> permits, wait_kind kind, const std::source_location& where) noexcept
    : wait(kind, where, permits->id()), permits_(std::move(permits)) {}

permits_actor& permit_wait::permits() const noexcept { return static_cast<permits_actor&>(*permits_); }

permit_wait::~permit_wait() {
  if (waiting_ && !settled_) permits().withdraw(*waiting_);
}

bool permit_wait::await_ready() {
  if (!permits().take_or_wait(host_here("acquire"), waiting_)) return false;
  settled_ = true;
  note_acquired(permits_);
  return true;
}

bool permit_wait::withdraw() noexcept {
  permits().withdraw(*waiting_);
  settled_ = true;
  return true;
}

void permit_wait::await_resume() {
  if (!waiting_) return;
  if (auto reason = interruption()) std::rethrow_exception(reason);
  settled_ = true;
  if (waiting_->error()) std::rethrow_exception(waiting_->error());
  note_acquired(permits_);
}

permits::permits(const char* kind, std::size_t count, std::size_t limit)
    : actor_(make_broker<permits_actor>(system_here(kind), kind, count, limit).get()) {}

permits_actor& permits::self() const noexcept { return static_cast<permits_actor&>(*actor_); }

permit_wait permits::acquire(wait_kind kind, const std::source_location& where) const { return {actor_, kind, where}; }

bool permits::try_acquire() const {
  if (!self().try_take()) return false;
  note_acquired(actor_);
  return true;
}

void permits::release(const char* what) const {
  const bool by_holder = note_released(actor_.get());
  if (!self().give(by_holder))
    throw invalid_state(std::string("the ") + what + " was released more often than it was acquired");
}

std::size_t permits::available() const { return self().available(); }
std::size_t permits::waiters() const { return self().waiters(); }
caf::actor permits::actor() const { return actor_.handle(); }

}  // namespace detail

namespace {

std::string with_waiters(std::string text, std::size_t waiters) {
  if (waiters != 0) text += ", " + std::to_string(waiters) + (waiters == 1 ? " waits" : " wait");
  return text;
}

}  // namespace

std::string to_string(const semaphore& s) {
  const auto free = s.available();
  return with_waiters(free == 0 ? "semaphore, exhausted" : "semaphore, " + std::to_string(free) + (free == 1 ? " permit" : " permits"),
                      s.waiter_count());
}

std::string to_string(const lock& l) { return with_waiters(l.is_locked() ? "lock, held" : "lock, free", l.waiter_count()); }

}  // namespace buskin
