// Callbacks: soon, at a time, and again and again.
#include "runtime_impl.hpp"

#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include <stdexcept>

namespace buskin {

// -- callbacks ------------------------------------------------------------------------------------

bool timer_handle::state::in_reach() const noexcept {
  return detail::here.worker == &where || where.owner().threaded();
}

void timer_handle::state::arm() {
  alive = shared_from_this();
  where.timers().arm(timer, when);
}

void timer_handle::state::due() noexcept { post(std::exchange(alive, nullptr)); }

void timer_handle::state::post(std::shared_ptr<state> self) {
  detail::post_function(
      where,
      [self = std::move(self)] {
        if (!self->claimed.exchange(true, std::memory_order_acq_rel))
          std::exchange(self->function, nullptr)();
      },
      asked_at, locals);
}

bool timer_handle::state::cancel() noexcept {
  const auto keep = shared_from_this();
  if (claimed.exchange(true, std::memory_order_acq_rel)) return false;
  function = nullptr;
  if (!timed) return true;
  if (in_reach()) {
    if (timer.disarm()) alive = nullptr;
  } else {
    detail::post_function(where, [keep] {
      if (keep->timer.disarm()) keep->alive = nullptr;
    });
  }
  return true;
}

void timer_handle::state::drop() noexcept {
  const auto keep = shared_from_this();
  timer.disarm();
  alive = nullptr;
  if (!claimed.exchange(true, std::memory_order_acq_rel)) function = nullptr;
}

bool timer_handle::cancel() noexcept {
  const auto callback = std::exchange(state_, {}).lock();
  return callback && callback->cancel();
}

void runtime::impl::remember(const std::shared_ptr<timer_handle::state>& callback) {
  std::lock_guard guard(handler_mutex);
  if (callbacks.size() >= callbacks_worth_a_look) {
    std::erase_if(callbacks, [](const auto& each) { return each.expired(); });
    callbacks_worth_a_look = std::max<std::size_t>(64, callbacks.size() * 2);
  }
  callbacks.push_back(callback);
}

void runtime::impl::forget_callbacks() {
  std::vector<std::weak_ptr<timer_handle::state>> all;
  {
    std::lock_guard guard(handler_mutex);
    all.swap(callbacks);
  }
  for (const auto& each : all)
    if (const auto callback = each.lock()) callback->drop();
}

void runtime::check_open(const char* operation) const {
  if (impl_->closed.load(std::memory_order_acquire))
    throw invalid_state("runtime \"" + impl_->options.name + "\" was shut down; " + operation +
                        " has no effect any more");
}

timer_handle runtime::post(std::function<void()> function, const std::source_location& where) {
  check_open("call_soon");
  const auto callback = std::make_shared<timer_handle::state>(
      timer_handle::state::kind::soon, impl_->first(), now(), std::move(function), where);
  callback->post(callback);
  return timer_handle(callback, callback->when);
}

timer_handle runtime::post_at(time_point when, std::function<void()> function,
                              const std::source_location& where) {
  check_open("call_at");
  auto& first = impl_->first();
  const auto callback = std::make_shared<timer_handle::state>(
      timer_handle::state::kind::timed, first, when, std::move(function), where);
  impl_->remember(callback);
  if (callback->in_reach()) {
    callback->arm();
    // A sleeping worker has to set its alarm anew.
    if (detail::here.worker != &first) first.wake();
  } else {
    detail::post_function(first, [callback] {
      if (!callback->claimed.load(std::memory_order_acquire)) callback->arm();
    });
  }
  return timer_handle(callback, when);
}

// -- again and again ------------------------------------------------------------------------------

namespace detail {

task<void> tick_for_ever(runtime& owner, std::shared_ptr<periodic_state> state, time_point first,
                         duration period, tick what, std::string name, std::source_location asked) {
  for (auto due = first;;) {
    co_await sleep_until(due, asked);
    state->ticks.fetch_add(1, std::memory_order_relaxed);
    std::exception_ptr error;
    try {
      if (what.begin)
        co_await what.begin();
      else
        what.call();
    } catch (...) {
      error = std::current_exception();
    }
    // Whoever cancels this means the ticks, also when the tick would not hear of it.
    if (here.stack->cancelling() != 0) {
      if (error) std::rethrow_exception(error);
      throw cancelled("the periodic task was cancelled");
    }
    if (error)
      owner.report({"BK003", "a periodic call threw: " + describe(error), error, name, asked});
    // The points of the grid that are behind us are left out.
    const auto late = owner.now() - due;
    const auto missed = late > duration::zero() ? (late - duration(1)) / period : 0;
    state->skipped.fetch_add(static_cast<std::uint64_t>(missed), std::memory_order_relaxed);
    due = after(due + missed * period, period);
  }
}

}  // namespace detail

periodic::periodic(lean_ref<detail::task_actor<void>> ticking,
                   std::shared_ptr<detail::periodic_state> state)
    : ticking_(std::move(ticking)), state_(std::move(state)) {}

bool periodic::cancel() {
  if (!state_ || ticking_->done() || state_->cancelled.exchange(true, std::memory_order_acq_rel))
    return false;
  return ticking_->cancel(std::make_exception_ptr(cancelled("the periodic task was cancelled")));
}

bool periodic::done() const noexcept { return !ticking_ || ticking_->done(); }
std::uint64_t periodic::ticks() const noexcept {
  return state_ ? state_->ticks.load(std::memory_order_relaxed) : 0;
}
std::uint64_t periodic::skipped() const noexcept {
  return state_ ? state_->skipped.load(std::memory_order_relaxed) : 0;
}

periodic runtime::start_periodic(duration period, detail::tick what, periodic_options options,
                                 const std::source_location& where) {
  if (period <= duration::zero())
    throw std::invalid_argument("a period must be longer than nothing");
  check_open("every");
  auto state = std::make_shared<detail::periodic_state>();
  auto body = detail::tick_for_ever(*this, state, after(now(), options.first.value_or(period)),
                                    period, std::move(what), options.name, where);
  return {detail::start_task(*this, std::move(body), {std::move(options.name)}, where),
          std::move(state)};
}

}  // namespace buskin
