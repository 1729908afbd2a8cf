#include <buskin/actors/event.hpp>

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/far_request.hpp>
#include <buskin/actors/detail/waiters.hpp>

#include <cstdint>
#include <exception>
#include <utility>

namespace buskin {

namespace detail {

class event_actor final : public broker {
 public:
  explicit event_actor(caf::actor_config& config) : broker(config, "buskin.event") {}

  void set() {
    guard lock(*this);
    set_ = true;
    waiters_.wake();
  }
  void clear() {
    guard lock(*this);
    set_ = false;
  }
  bool is_set() const {
    guard lock(*this);
    return set_;
  }
  std::size_t waiter_count() const {
    guard lock(*this);
    return waiters_.size();
  }

  /// Empty when the flag is set.
  cell_ref<cell<unit>> wait_for(stack_host& host) {
    guard lock(*this);
    if (set_) return {};
    return waiters_.enlist(host);
  }
  void withdraw(cell<unit>& waiting) {
    guard lock(*this);
    waiters_.withdraw(waiting);
  }

 protected:
  void on_message(caf::mailbox_element_ptr& element) override {
    const auto& content = element->content();
    if (content.match_elements<await_event>()) {
      guard lock(*this);
      if (set_)
        respond(*element, caf::message());
      else
        waiters_.enlist(
            cell_ref<cell<unit>>::adopt(new reply_cell<unit>(*this, requester(*element))));
    } else if (content.match_elements<set_event>()) {
      set();
      respond(*element, caf::message());
    } else if (content.match_elements<clear_event>()) {
      clear();
      respond(*element, caf::message());
    } else if (content.match_elements<is_event_set>()) {
      respond(*element, caf::make_message(is_set()));
    } else if (content.match_elements<withdraw_request, std::uint64_t>()) {
      guard lock(*this);
      waiters_.dismiss(withdrawn_by(*element), withdrawn());
    } else {
      refuse(*element);
    }
  }

 private:
  // All guarded by the broker's lock.
  waiters waiters_;
  bool set_ = false;
};

event_wait::event_wait(broker_ref<event_actor> event, const std::source_location& where) noexcept
    : wait(wait_kind::event, where, event.id()), event_(std::move(event)) {}

far_request& event_wait::request() const noexcept { return static_cast<far_request&>(*waiting_); }

event_wait::~event_wait() {
  if (waiting_) give_up();
}

void event_wait::give_up() noexcept {
  event_.far() ? request().withdraw() : event_->withdraw(*waiting_);
}

bool event_wait::await_ready() {
  if (event_.far()) [[unlikely]]
    waiting_ = far_request::send(event_, "event::wait", await_event::value);
  else
    waiting_ = event_->wait_for(host_here("event::wait"));
  return !waiting_;
}

bool event_wait::withdraw() noexcept {
  give_up();
  return true;
}

void event_wait::await_resume() {
  if (!waiting_) return;
  if (auto reason = interruption()) std::rethrow_exception(reason);
  if (event_.far()) return request().take<void>();
  if (waiting_->error()) std::rethrow_exception(waiting_->error());
}

}  // namespace detail

event::event() : event(detail::make_broker<detail::event_actor>(detail::system_here("event"))) {}
event::event(detail::broker_ref<detail::event_actor> actor) noexcept : actor_(std::move(actor)) {}
event event::at(const caf::actor& whom) {
  return event(detail::broker_ref<detail::event_actor>(whom, "event"));
}
void event::set() const { actor_.far() ? detail::tell(actor_, set_event::value) : actor_->set(); }
void event::clear() const {
  actor_.far() ? detail::tell(actor_, clear_event::value) : actor_->clear();
}
bool event::is_set() const {
  return actor_.here_for("event::is_set", "ask it with (is_event_set)").is_set();
}
std::size_t event::waiter_count() const {
  return actor_.here_for("event::waiter_count", "only its own process can look at it")
      .waiter_count();
}
caf::actor event::actor() const { return actor_.handle(); }

}  // namespace buskin
