// The end of a runtime, in its written order.
#include "runtime_impl.hpp"

#include <buskin/runtime/errors.hpp>

#include <caf/exit_reason.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <deque>
#include <vector>

namespace buskin {

namespace {

using steady = std::chrono::steady_clock;

shutdown_phase phase_of(const caf::abstract_actor& actor) {
  const auto* lean = dynamic_cast<const lean_actor*>(&actor);
  return lean != nullptr ? lean->phase() : shutdown_phase::ordinary;
}

/// The end of a phase that begins now; never behind the end of all.
steady::time_point limit_of(std::chrono::milliseconds phase, steady::time_point end) {
  const auto now = steady::now();
  // Compared in its own unit: the longest of limits has no length in a finer one.
  return std::chrono::floor<std::chrono::milliseconds>(end - now) > phase ? now + phase : end;
}

}  // namespace

bool runtime::impl::drive_until(const std::function<bool()>& finished,
                                steady::time_point deadline) {
  driving scope(*this, driving::nesting::in_another_runtime);
  asio::steady_timer alarm(first().io(), deadline);
  bool late = false;
  // Also behind the deadline everybody has a turn.
  for (int i = 0; i != 64 && !finished() && round(false); ++i) {
  }
  alarm.async_wait([&late, this](const asio::error_code& failure) {
    late = !failure;
    first().wake();  // this may run in a round that sleeps after it has looked at the I/O
  });
  drive_until([&] { return late || finished(); });
  if (!late) {
    alarm.cancel();
    // The handler refers to `late`: let it run before it goes out of scope.
    first().io().poll();
  }
  return finished();
}

bool runtime::impl::end_phase(const char* name, std::optional<shutdown_phase> kind,
                              steady::time_point deadline) {
  // About so many requests are under way: those of millions would be as much memory again as they
  // are. A few are made even where somebody keeps the worker busy.
  constexpr std::size_t most_at_once = 512;
  constexpr std::size_t least_at_once = 32;
  auto& all = scheduler();
  std::vector<caf::actor_id> asked;  // sorted, where it is looked into
  std::deque<caf::strong_actor_ptr> to_ask;
  std::optional<std::uint64_t> looked_at;
  const auto alive = [&] { return kind ? all.alive(*kind) : all.alive(); };
  const auto ended = [&] {
    if (alive() == 0) return true;
    // The living are looked through once, and again only when there are new ones among them.
    if (const auto born = all.born(); to_ask.empty() && looked_at != born) {
      looked_at = born;
      const auto before = static_cast<std::ptrdiff_t>(asked.size());
      all.for_each_alive([&](caf::abstract_actor& actor) {
        if ((kind && phase_of(actor) != *kind) ||
            std::binary_search(asked.begin(), asked.begin() + before, actor.id()))
          return;
        asked.push_back(actor.id());
        to_ask.emplace_back(actor.ctrl());
      });
      std::sort(asked.begin() + before, asked.end());
      std::inplace_merge(asked.begin(), asked.begin() + before, asked.end());
    }
    auto room = most_at_once - std::min(most_at_once - least_at_once, first().queued());
    for (; room != 0 && !to_ask.empty(); --room) {
      caf::anon_send_exit(to_ask.front(), caf::exit_reason::user_shutdown);
      to_ask.pop_front();
    }
    if (!to_ask.empty()) first().wake();  // the next ones are not slept over
    return false;
  };
  const auto began = steady::now();
  const bool done = ended() || drive_until(ended, deadline);
  report->phases.push_back({name, asked.size(), done ? 0 : alive(),
                            std::max(deadline - began, steady::duration::zero()),
                            steady::now() - began});
  return done;
}

const shutdown_report& runtime::shutdown() {
  if (impl_->closed.load(std::memory_order_acquire)) return *impl_->report;
  if (impl_->driven.load(std::memory_order_acquire))
    throw invalid_state("runtime \"" + impl_->options.name +
                        "\" is being driven and cannot be shut down; stop it first");
  auto& report = impl_->report.emplace();
  impl_->scheduler().await_ends();
  const auto& limits = impl_->options.phase_timeouts;
  const auto began = steady::now();
  const auto deadline = began + impl_->options.shutdown_timeout;
  // Each phase has its turn even when an earlier one was late; then its actors are asked and looked
  // at once.
  impl_->end_phase("acceptors", shutdown_phase::acceptor, limit_of(limits.acceptors, deadline));
  impl_->end_phase("supervisors", shutdown_phase::supervisor,
                   limit_of(limits.supervisors, deadline));
  impl_->end_phase("tasks", shutdown_phase::ordinary, limit_of(limits.tasks, deadline));
  // What is left: children of owners that have ended without them, and whoever was started
  // meanwhile.
  if (!impl_->end_phase("left over", std::nullopt, deadline)) {
    report.stragglers = all_tasks();
    report.at = now();
    const auto killing = steady::now();
    const auto alive = [this] { return impl_->scheduler().alive(); };
    impl_->scheduler().for_each_alive(
        [](caf::abstract_actor& actor) { caf::anon_send_exit(&actor, caf::exit_reason::kill); });
    impl_->drive_until([&] { return alive() == 0; }, killing + std::chrono::seconds(1));
    report.abandoned = all_tasks();
    report.phases.push_back({"killed", report.stragglers.size(), alive(), std::chrono::seconds(1),
                             steady::now() - killing});
  }
  // Also behind the deadline: there may be nothing left to wait for.
  const auto closing = steady::now();
  impl_->executors.close([this] { impl_->first().wake(); });
  const std::function<bool()> executors_ended = [this] { return impl_->executors.ended(); };
  if (executors_ended() || impl_->drive_until(executors_ended, deadline))
    impl_->executors.join();
  else
    report.jobs = impl_->executors.give_up();
  report.phases.push_back({"executors", report.jobs.size(), report.jobs.size(),
                           std::max(deadline - closing, steady::duration::zero()),
                           steady::now() - closing});
  report.took = steady::now() - began;
  impl_->closed.store(true, std::memory_order_release);
  forget_signal_handlers();
  if (impl_->host) impl_->host->set(nullptr);
  return report;
}

int detail::exit_status(runtime& owner, int result) {
  return result == 0 && !owner.shutdown().clean() ? owner.options().forced_exit_status : result;
}

}  // namespace buskin
