// What queues, broadcasts and their like have in common: an actor whose state is under a lock, so
// that a task may operate on it in passing, and whose mailbox gives plain CAF actors the same
// operations.
#pragma once

#include <buskin/actors/detail/cell.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/lean_actor.hpp>
#include <buskin/runtime/lean_ref.hpp>

#include <caf/message.hpp>

#include <mutex>
#include <string>

namespace buskin::detail {

class broker : public lean_actor {
 public:
  broker(caf::actor_config& config, const char* kind) : lean_actor(config), kind_(kind) {}
  ~broker() override { deliver_all(outbox_); }
  const char* name() const override { return kind_; }

  /// `answer` leaves when the lock is given up. With the broker's lock held, or by its destructor.
  void leave_later(cell_base& answer) { outbox_.push(cell_ref<cell_base>(&answer)); }

 protected:
  /// Holds the broker's lock. Answers that were given meanwhile leave after it was given up: one
  /// that finds its asker gone may come back here.
  class guard {
   public:
    explicit guard(const broker& of) : of_(of) { of_.state_mutex_.lock(); }
    ~guard() {
      if (of_.outbox_.empty()) {
        of_.state_mutex_.unlock();
        return;
      }
      waiting_line<cell_base> leaving(std::move(of_.outbox_));
      of_.state_mutex_.unlock();
      deliver_all(leaving);
    }
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;

   private:
    const broker& of_;
  };

 private:
  static void deliver_all(waiting_line<cell_base>& answers);

  mutable std::mutex state_mutex_;
  mutable waiting_line<cell_base> outbox_;  // guarded by state_mutex_
  const char* kind_;
};

/// Makes a broker that waits for its first message. Inside a running runtime, or of `owner`.
template <class B, class... Args>
lean_ref<B> make_broker(caf::actor_system& system, Args&&... args) {
  auto actor = make_lean<B>(system, std::forward<Args>(args)...);
  actor->launch(nullptr, true, true);
  return actor;
}

/// The actor system of the runtime of this thread.
caf::actor_system& system_here(const char* operation);

/// What CAF's actors are told to be scheduled on: this thread's worker; null outside of any.
caf::execution_unit* unit_here() noexcept;

/// The host for a cell of the task that runs here.
stack_host& host_here(const char* operation);

/// Who asked by a message, and how to answer from any worker.
class requester {
 public:
  explicit requester(caf::mailbox_element& request)
      : asker_(std::move(request.sender)), id_(request.mid.response_id()) {}
  const caf::strong_actor_ptr& actor() const noexcept { return asker_; }
  caf::message_id response_id() const noexcept { return id_; }
  void answer(caf::message content);
  /// The answer is `element`, which was made for `response_id()`.
  void answer(caf::mailbox_element_ptr element);
  /// Whether the asker is dead.
  bool ended() const noexcept;
  bool is(const request_key& request) const noexcept {
    return request.asker == asker_.get() && request.number == id_.request_id().integer_value();
  }

 private:
  caf::strong_actor_ptr asker_;
  caf::message_id id_;
};

/// The request that `(withdraw_request, number)` takes back, and with what it is answered then.
request_key withdrawn_by(const caf::mailbox_element& element);
std::exception_ptr withdrawn();

/// A cell whose outcome is the answer to a request that came as a message. It leaves at once, or,
/// for a broker that is given, when that has given up its lock.
template <class T>
class reply_cell final : public cell<T> {
 public:
  explicit reply_cell(requester asker) : cell<T>(nullptr), asker_(std::move(asker)) {}
  reply_cell(broker& from, requester asker)
      : cell<T>(nullptr), from_(&from), asker_(std::move(asker)) {}
  bool deserted() const noexcept override { return asker_.ended(); }
  bool answers(const request_key& request) const noexcept override { return asker_.is(request); }
  void deliver() override {
    if (this->error())
      asker_.answer(caf::make_message(to_error(this->error())));
    else if constexpr (std::is_same_v<T, unit>)
      asker_.answer(caf::message());
    else
      asker_.answer(caf::make_message(std::move(*this->value())));
  }

 protected:
  void on_resolved() override {
    if (from_ != nullptr)
      from_->leave_later(*this);
    else
      deliver();
  }

 private:
  broker* const from_ = nullptr;  // owns the line in which this waits
  requester asker_;
};

}  // namespace buskin::detail
