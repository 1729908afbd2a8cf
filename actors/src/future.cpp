#include <buskin/actors/future.hpp>

#include <buskin/actors/detail/callback.hpp>
#include <buskin/runtime/runtime.hpp>

namespace buskin {

namespace detail {

future_base::future_base(caf::actor_config& config, const std::source_location& made)
    : owned_broker(config, "buskin.future"), made_(made) {}

future_base::~future_base() {
  if (state() != future_state::failed || fetched_.load(std::memory_order_relaxed)) return;
  report_of(home_system(),
            {"BK002", "the exception of a future was never fetched: " + describe(error_), error_,
             "future " + std::to_string(id()), made_});
}

// -- the outcome ------------------------------------------------------------------------------

void future_base::publish(future_state how) {
  state_.store(how, std::memory_order_release);
  // Callbacks never run inside of whoever sets it: in a turn of our own, before the tasks that wait
  // have theirs.
  if (!callbacks_.empty())
    post([](lean_actor& self) { static_cast<future_base&>(self).run_callbacks(); });
  waiters_.wake();
}

bool future_base::settle(future_state how, std::exception_ptr error) {
  if (!error) throw invalid_state("a promise was given a null exception");
  guard lock(*this);
  if (done()) return false;
  error_ = std::move(error);
  publish(how);
  return true;
}

bool future_base::cancel_with(std::exception_ptr reason) {
  return settle(future_state::cancelled, std::move(reason));
}

bool future_base::cancel(const std::string& message) {
  if (cancel_with(std::make_exception_ptr(cancelled(message)))) return true;
  mark_fetched();
  return false;
}

void future_base::disowned() noexcept {
  if (done()) return;
  mark_fetched();  // nobody failed; whoever waits is told
  fail(std::make_exception_ptr(
      broken_promise("the last promise of the future that was made at " + to_string(made_) +
                     " went without a value; set one, or an exception, or cancel it")));
}

std::exception_ptr future_base::exception() const {
  check_done();
  mark_fetched();
  return error_;
}

void future_base::refuse_second_outcome() const {
  throw invalid_state(std::string("the future has been ") +
                      (state() == future_state::cancelled ? "cancelled" : "set") +
                      " already; try_set_value and try_set_exception ask first");
}

void future_base::check_done() const {
  if (!done())
    throw invalid_state("the future is pending; its outcome can be awaited, or had when done()");
}

// -- those who wait ---------------------------------------------------------------------------

cell_ref<cell<unit>> future_base::wait_for(stack_host& host) {
  guard lock(*this);
  return done() ? cell_ref<cell<unit>>() : waiters_.enlist(host);
}

void future_base::withdraw(cell<unit>& waiting) {
  guard lock(*this);
  waiters_.withdraw(waiting);
}

std::size_t future_base::waiter_count() const {
  guard lock(*this);
  return waiters_.size();
}

std::uint64_t future_base::add_callback(callback function) {
  guard lock(*this);
  callbacks_.push_back({++last_callback_, std::move(function), bindings_here()});
  if (done()) post([](lean_actor& self) { static_cast<future_base&>(self).run_callbacks(); });
  return last_callback_;
}

bool future_base::remove_callback(std::uint64_t number) {
  std::list<entry> removed;  // destroyed after the lock is given up
  guard lock(*this);
  for (auto at = callbacks_.begin(); at != callbacks_.end(); ++at)
    if (at->number == number) {
      removed.splice(removed.begin(), callbacks_, at);
      return true;
    }
  return false;
}

std::size_t future_base::callback_count() const {
  guard lock(*this);
  return callbacks_.size();
}

void future_base::run_callbacks() {
  for (;;) {
    std::list<entry> next;
    {
      guard lock(*this);
      if (callbacks_.empty()) return;
      next.splice(next.begin(), callbacks_, callbacks_.begin());
    }
    auto& each = next.front();
    const context_scope scope(each.locals);
    call_reporting(*this, "future::on_done", [&] { each.function(*this); });
  }
}

std::string future_base::text(const std::string& value) const {
  std::string text = "future, ";
  switch (state()) {
    case future_state::pending:
      text += "pending";
      break;
    case future_state::finished:
      text += value.empty() ? "finished" : "finished: " + value;
      break;
    case future_state::failed:
      text += "failed: " + describe(error_);
      break;
    case future_state::cancelled:
      text += "cancelled";
      break;
  }
  if (const auto count = callback_count(); count != 0)
    text += ", " + std::to_string(count) + (count == 1 ? " callback" : " callbacks");
  return text;
}

// -- the message face -------------------------------------------------------------------------

/// One that asked for the value by a message.
class future_base::value_request final : public cell<unit> {
 public:
  value_request(future_base& from, requester asker)
      : cell<unit>(nullptr), from_(from), asker_(std::move(asker)) {}
  bool deserted() const noexcept override { return asker_.ended(); }
  bool answers(const request_key& request) const noexcept override { return asker_.is(request); }
  void deliver() override {
    if (error()) {
      asker_.answer(caf::make_message(to_error(error())));
      return;
    }
    try {
      asker_.answer(from_.answer());
    } catch (...) {
      asker_.answer(caf::make_message(to_error(std::current_exception())));
    }
  }

 protected:
  void on_resolved() override { from_.leave_later(*this); }

 private:
  future_base& from_;
  requester asker_;
};

void future_base::on_message(caf::mailbox_element_ptr& element) {
  const auto& content = element->content();
  bool was_pending = true;
  if (content.match_elements<await_value>()) {
    const auto asking = cell_ref<cell<unit>>::adopt(new value_request(*this, requester(*element)));
    guard lock(*this);
    if (done())
      asking->resolve(unit{});
    else
      waiters_.enlist(asking);
    return;
  }
  if (content.match_elements<withdraw_request, std::uint64_t>()) {
    guard lock(*this);
    waiters_.dismiss(withdrawn_by(*element), withdrawn());
    return;
  }
  if (content.match_elements<cancel_value>())
    was_pending = cancel("by a message");
  else if (content.match_elements<set_error, caf::error>())
    was_pending = fail(to_exception(content.get_as<caf::error>(1)));
  else if (!set_by_message(content, was_pending)) {
    refuse(*element);
    return;
  }
  if (was_pending) {
    respond(*element, caf::message());
    return;
  }
  try {
    refuse_second_outcome();
  } catch (const invalid_state&) {
    respond(*element, caf::make_message(to_error(std::current_exception())));
  }
}

// -- the wait ---------------------------------------------------------------------------------

future_wait::future_wait(broker_ref<future_base> future, bool pass_on,
                         const std::source_location& where) noexcept
    : wait(wait_kind::other, where, future.id()), future_(std::move(future)), pass_on_(pass_on) {}

future_wait::~future_wait() {
  if (!waiting_) return;
  future_.far() ? request().withdraw() : future_->withdraw(*waiting_);
}

bool future_wait::await_ready() {
  if (future_.far()) [[unlikely]]
    waiting_ = far_request::send(future_, "future::get", await_value::value);
  else
    waiting_ = future_->wait_for(host_here("future::get"));
  return !waiting_;
}

bool future_wait::withdraw() noexcept {
  if (future_.far()) {
    request().withdraw();
    if (pass_on_) tell(future_, cancel_value::value);
    return true;
  }
  future_->withdraw(*waiting_);
  if (pass_on_) future_->cancel("its waiter was cancelled");
  return true;
}

void future_wait::check() {
  if (auto reason = interruption()) std::rethrow_exception(reason);
}

}  // namespace detail

bool callback_handle::remove() const { return future_ && future_->remove_callback(number_); }

}  // namespace buskin
