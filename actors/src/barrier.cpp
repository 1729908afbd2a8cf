// The states and their order are those of asyncio's Barrier (CPython 3.13, Lib/asyncio/locks.py).
#include <buskin/actors/barrier.hpp>

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/far_request.hpp>
#include <buskin/runtime/errors.hpp>

#include <cstdint>
#include <exception>
#include <limits>
#include <utility>
#include <vector>

namespace buskin {

namespace detail {

namespace {

/// One that waits. Its fields are guarded by the barrier's lock.
class party : public cell<unit> {
 public:
  enum class place {
    early,    // before the door: the round before has not left, or it has not had its turn since
    arrived,  // waits for the others
    leaving,  // the round is complete or broken, it has not had its turn since
    gone
  };

  explicit party(stack_host* host) : cell<unit>(host) {}

  /// Whether it came by a message. Such a one has no turns here: it arrives as soon as there is
  /// room, and has left when it is let go.
  virtual bool by_message() const noexcept { return false; }
  virtual bool is(const caf::strong_actor_ptr&) const noexcept { return false; }

  place at = place::early;
  std::size_t index = 0;
};

class message_party final : public party {
 public:
  message_party(broker& barrier, requester asker)
      : party(nullptr), barrier_(barrier), asker_(std::move(asker)) {}

  bool by_message() const noexcept override { return true; }
  bool is(const caf::strong_actor_ptr& who) const noexcept override {
    return who && asker_.actor() == who;
  }
  bool deserted() const noexcept override { return asker_.ended(); }
  bool answers(const request_key& request) const noexcept override { return asker_.is(request); }
  void deliver() override {
    if (error())
      asker_.answer(caf::make_message(to_error(error())));
    else
      asker_.answer(caf::make_message(static_cast<std::uint64_t>(index)));
  }

 protected:
  void on_resolved() override { barrier_.leave_later(*this); }

 private:
  broker& barrier_;  // owns the line in which this waits
  requester asker_;
};

using place = party::place;

}  // namespace

// What always holds: `arrived_` has members only while the barrier fills, `early_` only while it
// drains or is reset. An actor that comes by messages is one party, however often it asks.
class barrier_actor final : public broker {
 public:
  barrier_actor(caf::actor_config& config, std::size_t parties)
      : broker(config, "buskin.barrier"), parties_(parties) {}

  cell_ref<cell<unit>> arrive(stack_host& host) {
    guard lock(*this);
    if (state_ == state::broken) throw broken_barrier();
    return queue_up(cell_ref<party>::adopt(new party(&host)));
  }

  /// The turn of one that was woken: true when its wait is over. One that was early arrives now; it
  /// counts from here on and not before, so that the last one to leave the round before may still
  /// reset the barrier without a harm to it.
  bool proceed(stack_host& host, cell_ref<cell<unit>>& waiting) {
    if (!waiting->resolved()) return false;
    guard lock(*this);
    auto& one = static_cast<party&>(*waiting);
    if (one.at != place::early) return true;
    one.at = place::gone;
    if (state_ == state::broken) return true;
    waiting = queue_up(cell_ref<party>::adopt(new party(&host)));
    return static_cast<party&>(*waiting).at == place::leaving;
  }

  /// Whether it may go on without having waited.
  bool passes(const party& one) const {
    guard lock(*this);
    return one.at == place::leaving;
  }

  /// The turn of one that was let go. Throws broken_barrier.
  std::size_t leave(party& one) {
    guard lock(*this);
    const bool whole = one.at == place::leaving && !one.error() && state_ == state::draining;
    step_out(one);
    admit();
    if (!whole) throw broken_barrier();
    return one.index;
  }

  void withdraw(party& one) {
    guard lock(*this);
    step_out(one);
    admit();
  }

  void reset() {
    guard lock(*this);
    state_ = inside_ == 0 ? state::filling : state::resetting;
    fail(arrived_, place::leaving);
  }

  void abort() {
    guard lock(*this);
    state_ = state::broken;
    fail(arrived_, place::leaving);
    fail(early_, place::gone);
  }

  std::size_t parties() const noexcept { return parties_; }
  std::size_t filled() {
    guard lock(*this);
    forget_the_dead();
    return state_ == state::filling ? inside_ : 0;
  }
  bool broken() const {
    guard lock(*this);
    return state_ == state::broken;
  }

 protected:
  void on_message(caf::mailbox_element_ptr& element) override {
    const auto& content = element->content();
    if (content.match_elements<await_barrier>()) {
      if (!arrive(*element))
        respond(*element, caf::make_message(to_error(std::make_exception_ptr(broken_barrier()))));
    } else if (content.match_elements<leave_barrier>()) {
      respond(*element,
              caf::make_message(take_out(element->sender, "this party left the barrier")));
    } else if (content.match_elements<withdraw_request, std::uint64_t>()) {
      const auto request = withdrawn_by(*element);
      take_out([&](const party& one) { return one.answers(request); }, withdrawn());
    } else if (content.match_elements<reset_barrier>()) {
      reset();
      respond(*element, caf::message());
    } else if (content.match_elements<abort_barrier>()) {
      abort();
      respond(*element, caf::message());
    } else {
      refuse(*element);
    }
  }

 private:
  enum class state { filling, draining, resetting, broken };

  /// False when the barrier is broken.
  bool arrive(caf::mailbox_element& request) {
    take_out(request.sender, "this party came to the barrier again, by a later request");
    guard lock(*this);
    if (state_ == state::broken) return false;
    queue_up(cell_ref<party>::adopt(new message_party(*this, requester(request))));
    return true;
  }

  /// Takes the party out which an actor is by a message; its request fails. False if there is none.
  bool take_out(const caf::strong_actor_ptr& who, const char* why) {
    return take_out([&](const party& one) { return one.is(who); },
                    std::make_exception_ptr(invalid_state(why)));
  }
  template <class Matches>
  bool take_out(Matches theirs, std::exception_ptr why) {
    guard lock(*this);
    party* one = arrived_.find(theirs);
    if (one == nullptr) one = early_.find(theirs);
    if (one == nullptr) return false;
    dismiss(*one, std::move(why));
    return true;
  }

  // All of these with the broker's lock held.

  cell_ref<cell<unit>> queue_up(const cell_ref<party>& one) {
    if (state_ == state::filling)
      enter(one);
    else
      early_.push(one);
    return cell_ref<cell<unit>>(one.get());
  }

  void enter(const cell_ref<party>& one) {
    if (one->deserted()) {
      dismiss(*one, ended());
      return;
    }
    one->index = inside_++;
    if (!vacated_.empty()) {
      one->index = vacated_.back();
      vacated_.pop_back();
    }
    if (inside_ == parties_) forget_the_dead();
    if (inside_ != parties_) {
      one->at = place::arrived;
      arrived_.push(one);
      return;
    }
    state_ = state::draining;
    if (one->by_message())
      let_go(*one);
    else
      one->at = place::leaving;  // it is here, and need not be woken
    while (auto other = arrived_.pop()) let_go(*other);
  }

  void let_go(party& one) {
    one.at = place::leaving;
    one.resolve(unit{});
    if (one.by_message()) step_out(one);
  }

  /// Parties that came by a message and ended before the round was complete.
  void forget_the_dead() {
    while (party* one = arrived_.find([](const party& each) { return each.deserted(); }))
      dismiss(*one, ended());
  }
  static std::exception_ptr ended() {
    return std::make_exception_ptr(invalid_state("this party of the barrier ended"));
  }

  /// Takes out one that waits. What it referred to goes when the lock was given up.
  void dismiss(party& one, std::exception_ptr why) {
    const cell_ref<party> until_then(&one);
    step_out(one);
    one.fail(std::move(why));
  }

  void step_out(party& one) {
    switch (std::exchange(one.at, place::gone)) {
      case place::early:
        early_.erase(one);
        break;
      case place::arrived:
        arrived_.erase(one);
        vacated_.push_back(one.index);
        if (--inside_ == 0) vacated_.clear();
        break;
      case place::leaving:
        if (--inside_ == 0) open();
        break;
      case place::gone:
        break;
    }
  }

  /// The last one has left: the door is open for those who are early.
  void open() {
    vacated_.clear();
    if (state_ != state::broken) state_ = state::filling;
  }

  /// Lets those in who are early, as long as the door is open.
  void admit() {
    while (state_ == state::filling) {
      const auto one = early_.pop();
      if (!one) return;
      if (one->by_message())
        enter(one);
      else
        one->resolve(unit{});
    }
  }

  void fail(waiting_line<party>& line, place next) {
    while (auto one = line.pop()) {
      one->at = next;
      one->fail(std::make_exception_ptr(broken_barrier()));
      if (one->by_message()) step_out(*one);
    }
  }

  const std::size_t parties_;
  // All guarded by the broker's lock.
  state state_ = state::filling;
  std::size_t inside_ = 0;            // that arrived in this round and have not left
  std::vector<std::size_t> vacated_;  // places of those who gave up in this round
  waiting_line<party> arrived_;
  waiting_line<party> early_;
};

barrier_wait::barrier_wait(broker_ref<barrier_actor> barrier,
                           const std::source_location& where) noexcept
    : wait(wait_kind::barrier, where, barrier.id()), barrier_(std::move(barrier)) {}

far_request& barrier_wait::request() const noexcept { return static_cast<far_request&>(*waiting_); }

barrier_wait::~barrier_wait() {
  if (waiting_) give_up();
}

void barrier_wait::give_up() noexcept {
  barrier_.far() ? request().withdraw() : barrier_->withdraw(static_cast<party&>(*waiting_));
}

bool barrier_wait::await_ready() {
  if (barrier_.far()) [[unlikely]] {
    waiting_ = far_request::send(barrier_, "barrier::wait", await_barrier::value);
    return false;
  }
  waiting_ = barrier_->arrive(host_here("barrier::wait"));
  return barrier_->passes(static_cast<party&>(*waiting_));
}

bool barrier_wait::ready() noexcept {
  return barrier_.far() ? waiting_->resolved() : barrier_->proceed(here.stack->host(), waiting_);
}

bool barrier_wait::withdraw() noexcept {
  give_up();
  return true;
}

std::size_t barrier_wait::await_resume() {
  if (auto reason = interruption()) std::rethrow_exception(reason);
  if (barrier_.far()) return static_cast<std::size_t>(request().take<std::uint64_t>());
  return barrier_->leave(static_cast<party&>(*waiting_));
}

}  // namespace detail

namespace {

std::size_t checked(std::size_t parties) {
  // A negative number turns into more than PTRDIFF_MAX.
  if (parties == 0 ||
      parties > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()))
    throw std::invalid_argument("a barrier has at least one party");
  return parties;
}

}  // namespace

barrier::barrier(std::size_t parties)
    : barrier(detail::make_broker<detail::barrier_actor>(detail::system_here("barrier"),
                                                         checked(parties))) {}
barrier::barrier(detail::broker_ref<detail::barrier_actor> actor) noexcept
    : actor_(std::move(actor)) {}
barrier barrier::at(const caf::actor& whom) {
  return barrier(detail::broker_ref<detail::barrier_actor>(whom, "barrier"));
}

detail::barrier_actor& barrier::look(const char* operation) const {
  return actor_.here_for(operation, "only its own process can look at it");
}
void barrier::reset() const {
  actor_.far() ? detail::tell(actor_, reset_barrier::value) : actor_->reset();
}
void barrier::abort() const {
  actor_.far() ? detail::tell(actor_, abort_barrier::value) : actor_->abort();
}
std::size_t barrier::parties() const { return look("barrier::parties").parties(); }
std::size_t barrier::waiting() const { return look("barrier::waiting").filled(); }
bool barrier::broken() const { return look("barrier::broken").broken(); }
caf::actor barrier::actor() const { return actor_.handle(); }

}  // namespace buskin
