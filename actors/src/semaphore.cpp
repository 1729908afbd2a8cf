#include <buskin/actors/semaphore.hpp>

#include "permits_actor.hpp"

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/far_request.hpp>
#include <buskin/actors/lock.hpp>
#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/errors.hpp>

#include <caf/actor_addr.hpp>
#include <caf/actor_cast.hpp>
#include <caf/local_actor.hpp>

#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace buskin {

namespace detail {

namespace {

/// The task that runs here, if it is one; also while it is being destroyed.
task_actor_base* task_here() noexcept {
  return here.actor != nullptr ? here.actor->as_task() : nullptr;
}

/// On whose record goes what is taken here.
keeper keeper_here() {
  if (task_here() != nullptr) return keeper::task();
  caf::actor_control_block* actor = nullptr;
  if (here.stack != nullptr)  // a handler's coroutine, perhaps of one of CAF's own actors
    actor = here.stack->host().self().ctrl();
  else if (here.actor != nullptr)
    actor = here.actor->ctrl();
  return keeper::actor(caf::actor_cast<caf::actor_addr>(caf::strong_actor_ptr(actor)));
}

class permit_holding final : public holding {
 public:
  explicit permit_holding(lean_ref<permits_actor> permits) : permits_(std::move(permits)) {
    of = permits_.get();
    if (permits_->name() == std::string_view("buskin.lock")) lock = permits_->id();
  }
  void give_back() noexcept override { permits_->task_ended(count); }

  std::size_t forgone = 0;  // releases to come that mean nothing

 private:
  lean_ref<permits_actor> permits_;
};

/// The record of `permits` that the task which runs here keeps; null for none.
permit_holding* record_here(const permits_actor* permits) noexcept {
  auto* task = task_here();
  return task != nullptr ? static_cast<permit_holding*>(task->holding_of(permits)) : nullptr;
}

/// The same, made if need be; null outside of tasks.
permit_holding* keep_record_here(const broker_ref<permits_actor>& permits) {
  auto* task = task_here();
  if (task == nullptr) return nullptr;
  auto* record = static_cast<permit_holding*>(task->holding_of(&*permits));
  if (record != nullptr) return record;
  auto made = std::make_unique<permit_holding>(permits.local());
  record = made.get();
  task->take_hold(std::move(made));
  return record;
}

/// The task that runs here holds one more.
void note_acquired(const broker_ref<permits_actor>& permits) {
  if (auto* record = keep_record_here(permits)) ++record->count;
}

void drop_if_empty(permit_holding& record) noexcept {
  if (record.count == 0 && record.forgone == 0) task_here()->let_go(record);
}

constexpr const char* look_there = "only its own process can look at it";

/// What the holder was given goes back if it is on its record yet. Also where the holder has ended:
/// then it is not, or will not be.
void end_far_hold(const any_broker_ref& permits, const caf::actor_addr& holder) noexcept {
  const auto who = caf::actor_cast<caf::strong_actor_ptr>(holder);
  if (!who) return;
  try {
    permits.actor()->enqueue(who, caf::make_message_id(), caf::make_message(return_answer::value),
                             unit_here());
  } catch (const std::bad_alloc&) {
    // It goes back when the holder ends.
  }
}

}  // namespace

permit_wait::permit_wait(broker_ref<permits_actor> permits, wait_kind kind,
                         const std::source_location& where) noexcept
    : wait(kind, where, permits.id()), permits_(std::move(permits)) {}

permit_waiter& permit_wait::waiter() const noexcept {
  return static_cast<permit_waiter&>(*waiting_);
}
far_request& permit_wait::request() const noexcept { return static_cast<far_request&>(*waiting_); }

permit_wait::~permit_wait() {
  if (waiting_ && !settled_) give_up();
}

void permit_wait::give_up() noexcept {
  permits_.far() ? request().withdraw() : permits_->withdraw(waiter());
}

bool permit_wait::await_ready() {
  if (permits_.far()) [[unlikely]] {
    waiting_ = far_request::send(permits_, "acquire", acquire_permit::value);
    keeper_ = caf::actor_cast<caf::actor_addr>(speaker_here());
    return false;
  }
  const auto whose = keeper_here();
  keeper_ = whose.who();
  cell_ref<permit_waiter> waiting;
  if (!permits_->take_or_wait(host_here("acquire"), whose, waiting)) {
    waiting_ = std::move(waiting);
    return false;
  }
  settled_ = true;
  note_acquired(permits_);
  return true;
}

bool permit_wait::withdraw() noexcept {
  give_up();
  settled_ = true;
  return true;
}

void permit_wait::await_resume() {
  if (!waiting_) return;
  if (auto reason = interruption()) std::rethrow_exception(reason);
  settled_ = true;
  if (permits_.far()) return request().take<void>();  // who holds it is recorded there
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
    : actor_(make_broker<permits_actor>(system_here(kind), kind, checked(count), limit)) {}

permits::permits(const char* kind, const caf::actor& whom) : actor_(whom, kind) {
  if (!actor_.far() && actor_->name() != "buskin." + std::string(kind))
    throw std::invalid_argument("actor " + std::to_string(actor_.id()) + " is a " + actor_->name() +
                                ", where a " + kind + " was sought");
}

permit_wait permits::acquire(wait_kind kind, const std::source_location& where) const {
  return {actor_, kind, where};
}

bool permits::try_acquire(const char* operation) const {
  if (!actor_.here_for(operation, "await acquire").try_take(keeper_here())) return false;
  note_acquired(actor_);
  return true;
}

void permits::release(const char* what) const {
  if (actor_.far()) return tell(actor_, release_permit::value);
  auto* record = record_here(&*actor_);
  if (record != nullptr && record->count == 0) record = nullptr;
  auto whose = record != nullptr ? keeper::task() : keeper_here();
  // A task that has no record here may have acquired by a message.
  if (record == nullptr && whose.what() == keeper::kind::task)
    whose = keeper::actor(here.actor->address());
  if (!actor_->give(whose))
    throw invalid_state(std::string("the ") + what +
                        " was released more often than it was acquired");
  if (record == nullptr) return;
  --record->count;
  drop_if_empty(*record);
}

void permits::end_hold(const char* what, const caf::actor_addr& holder) const noexcept {
  if (actor_.far()) return end_far_hold(actor_, holder);
  auto* record = record_here(&*actor_);
  if (record != nullptr && record->forgone != 0) {
    --record->forgone;
    drop_if_empty(*record);
  } else if (here.stack != nullptr || task_here() != nullptr) {
    release(what);
  } else if (holder) {
    // The frame of a killed handler, say. If the record has no permit any more it was given up for
    // a time, or came back when the actor ended.
    actor_->give_if_held(holder);
  } else {
    actor_->give(keeper::nobody());
  }
}

void permits::forgo() const noexcept {
  if (auto* record = keep_record_here(actor_)) ++record->forgone;
}

std::size_t permits::available(const char* operation) const {
  return actor_.here_for(operation, look_there).available();
}
std::size_t permits::waiters(const char* operation) const {
  return actor_.here_for(operation, look_there).waiter_count();
}

}  // namespace detail

namespace {

std::string with_waiters(std::string text, std::size_t waiters) {
  if (waiters != 0) text += ", " + std::to_string(waiters) + (waiters == 1 ? " waits" : " wait");
  return text;
}

}  // namespace

std::string to_string(const semaphore& s) {
  if (const auto& broker = s.permits_.ref(); broker.far()) return "semaphore " + broker.far_text();
  const auto free = s.available();
  return with_waiters(
      free == 0 ? "semaphore, exhausted"
                : "semaphore, " + std::to_string(free) + (free == 1 ? " permit" : " permits"),
      s.waiter_count());
}

std::string to_string(const lock& l) {
  if (const auto& broker = l.permits_.ref(); broker.far()) return "lock " + broker.far_text();
  return with_waiters(l.is_locked() ? "lock, held" : "lock, free", l.waiter_count());
}

}  // namespace buskin
