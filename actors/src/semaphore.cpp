#include <buskin/actors/semaphore.hpp>

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/lock.hpp>
#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/errors.hpp>

#include <cstddef>
#include <limits>
#include <memory>
#include <stdexcept>
#include <utility>

namespace buskin {

namespace detail {

namespace {

/// The task that runs here, if it is one; also while it is being destroyed.
task_actor_base* task_here() noexcept { return dynamic_cast<task_actor_base*>(here.actor); }

/// A coroutine that waits.
class waiting_coroutine final : public cell<unit> {
 public:
  waiting_coroutine(stack_host& host, bool keeps_record)
      : cell<unit>(&host), keeps_record_(keeps_record) {}
  bool keeps_record() const noexcept { return keeps_record_; }

 private:
  const bool keeps_record_;
};

/// Whether a permit that goes to `waiter` is in a task's record.
bool keeps_record(const cell<unit>& waiter) {
  const auto* coroutine = dynamic_cast<const waiting_coroutine*>(&waiter);
  return coroutine != nullptr && coroutine->keeps_record();
}

}  // namespace

// What always holds: while somebody waits there is no free permit. Tasks keep a record of what they
// hold, other holders (who asked by a message, coroutine handlers) do not: `unrecorded_` counts
// theirs. Anybody may release, so `released_by_others_` says how many of the records are behind the
// truth.
class permits_actor final : public broker {
 public:
  permits_actor(caf::actor_config& config, const char* kind, std::size_t count, std::size_t limit)
      : broker(config, kind), count_(count), limit_(limit) {}

  bool try_take(bool recorded) {
    guard lock(state_mutex_);
    return take(recorded);
  }

  /// True when a permit was taken at once.
  bool take_or_wait(stack_host& host, bool recorded, cell_ref<cell<unit>>& waiting) {
    guard lock(state_mutex_);
    if (take(recorded)) return true;
    waiting = cell_ref<cell<unit>>::adopt(new waiting_coroutine(host, recorded));
    line_.push(waiting);
    return false;
  }

  void withdraw(cell<unit>& waiting) {
    guard lock(state_mutex_);
    if (waiting.abandon()) {
      line_.erase(waiting);
      return;
    }
    if (!keeps_record(waiting) && unrecorded_ != 0) --unrecorded_;
    put_back();
  }

  /// False when that would be more than the limit.
  bool give(bool by_holder) {
    guard lock(state_mutex_);
    if (count_ >= limit_) return false;
    if (!by_holder) {
      if (unrecorded_ != 0)
        --unrecorded_;
      else
        ++released_by_others_;
    }
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
      if (reply->deserted()) return;
      if (take(false))
        reply->resolve(unit{});
      else
        line_.push(reply);
    } else if (content.match_elements<release_permit>()) {
      if (give(false))
        respond(*element, caf::message());
      else
        respond(*element, caf::make_message(to_error(std::make_exception_ptr(
                              invalid_state("released more often than acquired")))));
    } else {
      refuse(*element);
    }
  }

 private:
  bool take(bool recorded) {
    if (count_ == 0) return false;
    --count_;
    if (!recorded) ++unrecorded_;
    return true;
  }
  void put_back() {
    while (auto waiting = line_.pop()) {
      if (waiting->deserted() || !waiting->resolve(unit{})) continue;
      if (!keeps_record(*waiting)) ++unrecorded_;
      return;
    }
    ++count_;
  }

  // All guarded by state_mutex_.
  std::size_t count_;
  const std::size_t limit_;
  waiting_line<cell<unit>> line_;
  std::size_t unrecorded_ = 0;
  std::size_t released_by_others_ = 0;
};

namespace {

class permit_holding final : public holding {
 public:
  explicit permit_holding(lean_ref<broker> permits) : permits_(std::move(permits)) {
    of = permits_.get();
  }
  void give_back() noexcept override {
    static_cast<permits_actor&>(*permits_).give_back_of_the_dead(count);
  }

  std::size_t forgone = 0;  // releases to come that mean nothing

 private:
  lean_ref<broker> permits_;
};

/// The record of `permits` that the task which runs here keeps; null for none.
permit_holding* record_here(const broker* permits) noexcept {
  auto* task = task_here();
  return task != nullptr ? static_cast<permit_holding*>(task->holding_of(permits)) : nullptr;
}

/// The same, made if need be; null outside of tasks.
permit_holding* keep_record_here(const lean_ref<broker>& permits) {
  auto* task = task_here();
  if (task == nullptr) return nullptr;
  auto* record = static_cast<permit_holding*>(task->holding_of(permits.get()));
  if (record != nullptr) return record;
  auto made = std::make_unique<permit_holding>(permits);
  record = made.get();
  task->take_hold(std::move(made));
  return record;
}

/// The task that runs here holds one more.
void note_acquired(const lean_ref<broker>& permits) {
  if (auto* record = keep_record_here(permits)) ++record->count;
}

void drop_if_empty(permit_holding& record) noexcept {
  if (record.count == 0 && record.forgone == 0) task_here()->let_go(record);
}

}  // namespace

permit_wait::permit_wait(lean_ref<broker> permits, wait_kind kind,
                         const std::source_location& where) noexcept
    : wait(kind, where, permits->id()), permits_(std::move(permits)) {}

permits_actor& permit_wait::permits() const noexcept {
  return static_cast<permits_actor&>(*permits_);
}

permit_wait::~permit_wait() {
  if (waiting_ && !settled_) permits().withdraw(*waiting_);
}

bool permit_wait::await_ready() {
  if (!permits().take_or_wait(host_here("acquire"), task_here() != nullptr, waiting_)) return false;
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

namespace {

std::size_t checked(std::size_t count) {
  if (count > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()))
    throw std::invalid_argument("the number of permits is negative, or too large: " +
                                std::to_string(static_cast<std::ptrdiff_t>(count)));
  return count;
}

}  // namespace

permits::permits(const char* kind, std::size_t count, std::size_t limit)
    : actor_(make_broker<permits_actor>(system_here(kind), kind, checked(count), limit).get()) {}

permits_actor& permits::self() const noexcept { return static_cast<permits_actor&>(*actor_); }

permit_wait permits::acquire(wait_kind kind, const std::source_location& where) const {
  return {actor_, kind, where};
}

bool permits::try_acquire() const {
  if (!self().try_take(task_here() != nullptr)) return false;
  note_acquired(actor_);
  return true;
}

void permits::release(const char* what) const {
  auto* record = record_here(actor_.get());
  const bool by_holder = record != nullptr && record->count != 0;
  if (!self().give(by_holder))
    throw invalid_state(std::string("the ") + what +
                        " was released more often than it was acquired");
  if (!by_holder) return;
  --record->count;
  drop_if_empty(*record);
}

void permits::end_hold(const char* what) const noexcept {
  auto* record = record_here(actor_.get());
  if (record != nullptr && record->forgone != 0) {
    --record->forgone;
    drop_if_empty(*record);
  } else if (here.stack == nullptr && task_here() == nullptr) {
    // The frame of a killed handler, say, which keeps no record: it may have given the permit up
    // for a time.
    self().give(false);
  } else {
    release(what);
  }
}

void permits::forgo() const noexcept {
  if (auto* record = keep_record_here(actor_)) ++record->forgone;
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
  return with_waiters(
      free == 0 ? "semaphore, exhausted"
                : "semaphore, " + std::to_string(free) + (free == 1 ? " permit" : " permits"),
      s.waiter_count());
}

std::string to_string(const lock& l) {
  return with_waiters(l.is_locked() ? "lock, held" : "lock, free", l.waiter_count());
}

}  // namespace buskin
