#include <buskin/actors/event.hpp>

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/waiters.hpp>

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
    } else {
      refuse(*element);
    }
  }

 private:
  // All guarded by the broker's lock.
  waiters waiters_;
  bool set_ = false;
};

event_wait::event_wait(lean_ref<broker> event, const std::source_location& where) noexcept
    : wait(wait_kind::event, where, event->id()), event_(std::move(event)) {}

event_actor& event_wait::target() const noexcept { return static_cast<event_actor&>(*event_); }

event_wait::~event_wait() {
  if (waiting_) target().withdraw(*waiting_);
}

bool event_wait::await_ready() {
  waiting_ = target().wait_for(host_here("event::wait"));
  return !waiting_;
}

bool event_wait::withdraw() noexcept {
  target().withdraw(*waiting_);
  return true;
}

void event_wait::await_resume() {
  if (!waiting_) return;
  if (auto reason = interruption()) std::rethrow_exception(reason);
  if (waiting_->error()) std::rethrow_exception(waiting_->error());
}

}  // namespace detail

event::event()
    : actor_(detail::make_broker<detail::event_actor>(detail::system_here("event")).get()) {}
detail::event_actor& event::self() const noexcept {
  return static_cast<detail::event_actor&>(*actor_);
}
void event::set() const { self().set(); }
void event::clear() const { self().clear(); }
bool event::is_set() const { return self().is_set(); }
std::size_t event::waiter_count() const { return self().waiter_count(); }
caf::actor event::actor() const { return actor_.handle(); }

}  // namespace buskin
