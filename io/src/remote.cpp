#include <buskin/io/remote.hpp>

#include <buskin/actors/backoff.hpp>
#include <buskin/actors/lock.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/io/node_refused.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "node_core.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <system_error>

namespace buskin::io {

namespace detail {

/// What always holds: `found_` is of `peer_`, and was alive when it was found.
class remote_core {
 public:
  remote_core(node from, std::string where, std::string name, std::string expected)
      : node_(std::move(from)),
        where_(std::move(where)),
        name_(std::move(name)),
        expected_(std::move(expected)) {}

  std::string title() const { return "\"" + name_ + "\" at " + where_; }

  task<caf::actor> resolve(std::source_location source) {
    if (auto found = known()) co_return found;
    const auto at = co_await node_.reach(where_, expected_, source);
    auto found = co_await at.lookup(name_, source);
    std::lock_guard guard(mutex_);
    found_ = found;
    co_return found;
  }

 private:
  caf::actor known() const {
    std::lock_guard guard(mutex_);
    if (found_ && caf::actor_cast<caf::abstract_actor*>(found_)->getf(
                      caf::abstract_actor::is_terminated_flag))
      found_ = nullptr;
    return found_;
  }

  const node node_;
  const std::string where_;
  const std::string name_;
  const std::string expected_;
  mutable std::mutex mutex_;
  mutable caf::actor found_;  // guarded by mutex_
};

namespace {

constexpr backoff between_attempts{.initial = std::chrono::milliseconds(20),
                                   .maximum = std::chrono::seconds(2)};

/// As `backoff` wants it.
double a_random_number() {
  thread_local std::minstd_rand source{std::random_device{}()};
  return std::uniform_real_distribution<double>(-1.0, 1.0)(source);
}

}  // namespace

attempts::attempts(std::shared_ptr<remote_core> core, const remote_request& how,
                   const std::source_location& where)
    : core_(std::move(core)),
      how_(how),
      where_(where),
      until_(after(now_here("remote::ask"), how.limit)) {}

duration attempts::left() const {
  return std::max(until_ - now_here("remote::ask"), duration::zero());
}

task<void> attempts::pause() {
  const auto wait = between_attempts.wait(++failures_, a_random_number());
  co_await sleep(std::min(wait, left()), where_);
}

task<caf::actor> attempts::receiver() {
  for (;;) {
    try {
      co_return co_await wait_for(core_->resolve(where_), left());
    } catch (const node_refused&) {
      throw;
    } catch (const std::invalid_argument&) {
      throw;
    } catch (const invalid_state&) {  // the node was closed
      throw;
    } catch (const cancelled&) {
      throw;
    } catch (const timeout_error&) {
      if (!last_) last_ = std::current_exception();
    } catch (...) {  // nobody is there, or nobody of that name
      if (how_.down == when_down::fail) throw;
      last_ = std::current_exception();
    }
    if (left() <= duration::zero())
      throw timeout_error("nobody could be asked: " + core_->title() + ": " + describe(last_));
    co_await pause();
  }
}

}  // namespace detail

remote::remote(node from, std::string where, std::string name, std::string expected)
    : core_(std::make_shared<detail::remote_core>(std::move(from), std::move(where),
                                                  std::move(name), std::move(expected))) {}

task<caf::actor> remote::resolve(std::source_location source) const {
  const auto core = core_;
  co_return co_await core->resolve(source);
}

}  // namespace buskin::io
