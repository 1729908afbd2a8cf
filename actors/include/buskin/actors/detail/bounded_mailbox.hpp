// A mailbox with a bound, beside the inbox of an actor, and the actors that have one.
//
// What always holds: not more than `capacity` ordinary messages wait in it; whoever waits in line
// waits while it is full; each message that was not handled was dropped, refused, or bounced at the
// end, and is counted. An actor without a bound has nothing of this.
#pragma once

#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/detail/cell.hpp>
#include <buskin/actors/mailbox.hpp>
#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/lean_actor.hpp>

#include <caf/mailbox_element.hpp>

#include <deque>
#include <list>
#include <mutex>
#include <source_location>
#include <utility>

namespace buskin::detail {

class bounded_mailbox {
 public:
  /// What became of a message that was offered.
  enum class fate : std::uint8_t { taken, waits, dropped, refused, closed };

  bounded_mailbox(lean_actor& owner, mailbox_options options);

  // -- any thread -------------------------------------------------------------------------------
  /// A message by a sender that does not wait. Tells the owner.
  void enqueue(caf::mailbox_element_ptr element);
  /// The same of a sender that waits in `place`, made for `host`, if there is no room.
  fate offer(caf::mailbox_element_ptr element, stack_host& host, cell_ref<cell<unit>>& place);
  /// A waiting sender gives up. False when its message was taken already.
  bool withdraw(cell<unit>& place);
  mailbox_status status() const;
  std::size_t size() const noexcept;
  std::string full() const;

  // -- in the owner's turn ------------------------------------------------------------------------
  /// The oldest message, or null.
  caf::mailbox_element_ptr pop();
  /// Gives the oldest message that `waiter` takes.
  bool give_to(message_waiter& waiter);
  bool empty() const noexcept { return size() == 0; }
  /// The owner ends: bounces what is left, and whoever waits.
  void close() noexcept;

  /// Whether a message is one that counts: no answer, no request to end, none of our own calls.
  static bool counts(const caf::mailbox_element& element) noexcept;

 private:
  struct waiting_sender {
    caf::mailbox_element_ptr element;
    cell_ref<cell<unit>> place;  // null for a request: its sender waits for the answer anyway
  };
  /// What is to be done after the lock was released.
  struct aftermath {
    bool signal = false;
    bool high = false;
    bool low = false;
    std::size_t size = 0;
    caf::mailbox_element_ptr rejected;
  };

  fate put(caf::mailbox_element_ptr& element, stack_host* host, cell_ref<cell<unit>>* place,
           aftermath& after);
  void admit(caf::mailbox_element_ptr element, aftermath& after);
  void took_one(aftermath& after);
  void settle(aftermath& after);
  void reject(caf::mailbox_element_ptr element) const;

  lean_actor& owner_;
  const mailbox_options options_;
  mutable std::mutex mutex_;
  // All guarded by mutex_.
  std::deque<caf::mailbox_element_ptr> items_;
  std::list<waiting_sender> line_;
  mailbox_status counts_;
  bool above_ = false;  // the high-water mark was reached and not yet left
  bool closed_ = false;
};

/// An actor that has one.
class bounded_holder {
 public:
  virtual bounded_mailbox& mailbox() noexcept = 0;

 protected:
  ~bounded_holder() = default;
};

/// `T`, an actor with handlers, with a bounded mailbox.
template <class T>
class bounded_behavior final : public T, public bounded_holder {
 public:
  template <class... Args>
  bounded_behavior(caf::actor_config& config, const mailbox_options& options, Args&&... args)
      : T(config, std::forward<Args>(args)...), mailbox_(*this, options) {}

  using T::enqueue;
  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override {
    if (bounded_mailbox::counts(*element))
      mailbox_.enqueue(std::move(element));
    else
      T::enqueue(std::move(element), unit);
  }
  bounded_mailbox& mailbox() noexcept override { return mailbox_; }
  std::size_t queued() noexcept override { return T::queued() + mailbox_.size(); }

 protected:
  void on_signal() override {
    T::on_signal();
    if (this->quitting() || !this->accepts()) return;
    auto element = mailbox_.pop();
    if (element == nullptr) return;
    this->current_mailbox_element(element.get());
    this->on_message(element);
    this->current_mailbox_element(nullptr);
    if (!mailbox_.empty()) this->signal();
  }
  void on_end() noexcept override {
    mailbox_.close();
    T::on_end();
  }

 private:
  bounded_mailbox mailbox_;
};

/// A task with a bounded mailbox.
template <class R>
class bounded_task final : public task_actor<R>, public bounded_holder {
 public:
  bounded_task(caf::actor_config& config, task<R> body, std::string name,
               const std::source_location& created, const mailbox_options& options)
      : task_actor<R>(config, std::move(body), std::move(name), created),
        mailbox_(*this, options) {}

  using task_actor<R>::enqueue;
  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override {
    if (bounded_mailbox::counts(*element))
      mailbox_.enqueue(std::move(element));
    else
      task_actor<R>::enqueue(std::move(element), unit);
  }
  bounded_mailbox& mailbox() noexcept override { return mailbox_; }
  std::size_t queued() noexcept override { return task_actor<R>::queued() + mailbox_.size(); }

 protected:
  bool fetch_for(message_waiter& waiter) override { return mailbox_.give_to(waiter); }
  void on_signal() override {
    if (auto* waiter = this->receiver(); waiter != nullptr && mailbox_.give_to(*waiter))
      this->stop_receiving(*waiter);
    task_actor<R>::on_signal();
  }
  void on_end() noexcept override {
    mailbox_.close();
    task_actor<R>::on_end();
  }

 private:
  bounded_mailbox mailbox_;
};

/// Starts a task as `start_task` does, with a bounded mailbox.
template <class R>
lean_ref<task_actor<R>> start_bounded_task(runtime& owner, task<R> body,
                                           const mailbox_options& mailbox, start_options options,
                                           const std::source_location& created) {
  auto actor = make_lean<bounded_task<R>>(system_of(owner), std::move(body),
                                          std::move(options.name), created, mailbox);
  actor->track(options.phase);
  if (options.home != nullptr) actor->pin(*options.home);
  actor->launch(nullptr, false, true);
  return lean_ref<task_actor<R>>(actor.get());
}

/// Throws std::invalid_argument for options that make no sense.
const mailbox_options& checked(const mailbox_options& options);

}  // namespace buskin::detail
