#include <buskin/actors/detail/watch_actor.hpp>

namespace buskin::detail {

// -- the broker -------------------------------------------------------------------------------

void watch_base::close() {
  guard lock(*this);
  closed_ = true;
  waiters_.wake();
}

bool watch_base::closed() const {
  guard lock(*this);
  return closed_;
}

std::uint64_t watch_base::version() const {
  guard lock(*this);
  return version_;
}

void watch_base::check_open() const {
  if (closed_) throw watch_closed();
}

bool watch_base::newer_than(std::uint64_t seen) const {
  if (version_ != seen) return true;
  check_open();
  return false;
}

bool watch_base::changed_since(std::uint64_t seen) const {
  guard lock(*this);
  return newer_than(seen);
}

cell_ref<cell<unit>> watch_base::wait_for_change(std::uint64_t seen, stack_host& host) {
  guard lock(*this);
  return newer_than(seen) ? cell_ref<cell<unit>>() : waiters_.enlist(host);
}

void watch_base::withdraw(cell<unit>& waiting) {
  guard lock(*this);
  waiters_.withdraw(waiting);
}

std::size_t watch_base::waiter_count() const {
  guard lock(*this);
  return waiters_.size();
}

/// One that asked for a newer value by a message.
class watch_base::change_request final : public cell<unit> {
 public:
  change_request(watch_base& from, requester asker, std::uint64_t seen)
      : cell<unit>(nullptr), from_(from), asker_(std::move(asker)), seen_(seen) {}
  bool deserted() const noexcept override { return asker_.ended(); }
  bool answers(const request_key& request) const noexcept override { return asker_.is(request); }
  void deliver() override {
    try {
      if (error()) std::rethrow_exception(error());
      // What counts is how it stands now: that may be newer, and no end is told before a value.
      static_cast<void>(from_.changed_since(seen_));
      asker_.answer(from_.answer(true));
    } catch (...) {
      asker_.answer(caf::make_message(to_error(std::current_exception())));
    }
  }

 protected:
  void on_resolved() override { from_.leave_later(*this); }

 private:
  watch_base& from_;
  requester asker_;
  const std::uint64_t seen_;
};

void watch_base::on_message(caf::mailbox_element_ptr& element) {
  const auto& content = element->content();
  if (content.match_elements<get_value>()) {
    respond(*element, answer(false));
    return;
  }
  if (content.match_elements<withdraw_request, std::uint64_t>()) {
    guard lock(*this);
    waiters_.dismiss(withdrawn_by(*element), withdrawn());
    return;
  }
  if (content.match_elements<close_source>()) {
    close();
    respond(*element, caf::message());
    return;
  }
  if (content.match_elements<await_change, std::uint64_t>()) {
    const auto seen = content.get_as<std::uint64_t>(1);
    const auto asking =
        cell_ref<cell<unit>>::adopt(new change_request(*this, requester(*element), seen));
    guard lock(*this);
    if (version_ != seen || closed_)
      asking->resolve(unit{});
    else
      waiters_.enlist(asking);
    return;
  }
  try {
    if (set_by_message(content))
      respond(*element, caf::message());
    else
      refuse(*element);
  } catch (const watch_closed&) {
    respond(*element, caf::make_message(to_error(std::current_exception())));
  }
}

// -- the wait ---------------------------------------------------------------------------------

change_wait::change_wait(broker_ref<watch_base> watch, seen_value& seen,
                         const std::source_location& where) noexcept
    : wait(wait_kind::other, where, watch.id()), watch_(std::move(watch)), seen_(seen) {}

change_wait::~change_wait() {
  if (waiting_) give_up();
}

void change_wait::give_up() noexcept {
  watch_.far() ? request().withdraw() : watch_->withdraw(*waiting_);
}

bool change_wait::await_ready() {
  if (watch_.far()) [[unlikely]]
    waiting_ = far_request::send(watch_, "observer::changed", await_change::value,
                                 static_cast<std::uint64_t>(seen_.version));
  else
    waiting_ = watch_->wait_for_change(seen_.version, host_here("observer::changed"));
  return !waiting_;
}

bool change_wait::withdraw() noexcept {
  give_up();
  return true;
}

void change_wait::check() {
  if (auto reason = interruption()) std::rethrow_exception(reason);
  if (!watch_.far()) {
    static_cast<void>(watch_->changed_since(seen_.version));
    return;
  }
  seen_.latest = request().take<caf::message>();
  seen_.version = seen_.latest.get_as<std::uint64_t>(0);
}

void changed_awaiter::await_resume() {
  check();
  if (!watch_.far()) seen().version = watch_->version();
}

}  // namespace buskin::detail
