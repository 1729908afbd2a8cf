#include <buskin/io/run_at.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/monitor.hpp>
#include <buskin/io/node_down.hpp>
#include <buskin/runtime/current_task.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>

#include "steward_actor.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>

namespace buskin::io {

placement::placement(std::vector<std::string> all, order order)
    : nodes(std::move(all)), how(order), next(std::make_shared<std::atomic<std::size_t>>(0)) {
  if (nodes.empty()) throw std::invalid_argument("a placement has no node");
}

namespace detail {

namespace {

/// How long a node may take to say that it has started something.
constexpr auto patience = std::chrono::seconds(30);

/// The task there. Throws why that node does not do it.
task<caf::actor> start_at(node from, std::string where, std::string what, caf::message arguments,
                          std::source_location source) {
  const auto there = co_await from.reach(where, {}, source);
  const auto steward = co_await there.lookup(steward_name, source);
  co_return co_await ask<caf::actor>(steward, time_limit(patience, source), run_offer::value, what,
                                     arguments);
}

/// To its end, also when it is to end earlier.
task<caf::error> end_of(caf::actor running) {
  const auto watch = monitor(caf::actor_cast<caf::strong_actor_ptr>(running));
  std::exception_ptr called_off;
  try {
    co_return co_await watch;
  } catch (const cancelled&) {
    called_off = std::current_exception();
  }
  caf::anon_send_exit(running, caf::exit_reason::user_shutdown);
  (void)co_await watch;
  std::rethrow_exception(called_off);
}

}  // namespace

task<void> run_at(node from, placement where, std::string what, caf::message arguments,
                  std::source_location source) {
  const std::size_t count = where.nodes.size();
  const std::size_t first = where.how == placement::order::first ? 0 : where.next->load() % count;
  caf::actor running;
  std::string failures;
  for (std::size_t i = 0; i != count && !running; ++i) {
    const std::size_t at = (first + i) % count;
    try {
      running = co_await start_at(from, where.nodes[at], what, arguments, source);
      where.next->store(at + 1);
    } catch (const cancelled&) {
      throw;
    } catch (const std::exception& error) {
      failures += (failures.empty() ? "" : "; ") + where.nodes[at] + ": " + error.what();
    }
  }
  if (!running) throw node_down("\"" + what + "\" cannot be run anywhere: " + failures);
  const auto reason = co_await end_of(running);
  if (reason) std::rethrow_exception(to_exception(reason));
}

}  // namespace detail

}  // namespace buskin::io
