#include "game.hpp"

#include "books.hpp"

#include <buskin/actors/barrier.hpp>
#include <buskin/actors/broadcast.hpp>
#include <buskin/actors/condition.hpp>
#include <buskin/actors/event.hpp>
#include <buskin/actors/lock.hpp>
#include <buskin/actors/queue.hpp>
#include <buskin/actors/semaphore.hpp>
#include <buskin/actors/supervisor.hpp>
#include <buskin/actors/task_group.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/io/process.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/runtime/manual_clock.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>
#include <buskin/runtime/to_thread.hpp>

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <exception>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace stress {

using namespace buskin;
using namespace std::chrono_literals;

tally& tally::operator+=(const tally& other) {
  moves += other.moves;
  timeouts += other.timeouts;
  cancelled += other.cancelled;
  killed += other.killed;
  items += other.items;
  return *this;
}

std::string to_string(const tally& counts) {
  return std::to_string(counts.moves) + " moves, " + std::to_string(counts.timeouts) +
         " timeouts, " + std::to_string(counts.cancelled) + " cancelled, " +
         std::to_string(counts.killed) + " killed, " + std::to_string(counts.items) + " items";
}

namespace {

using dice = std::mt19937_64;

std::uint64_t roll(dice& d, std::uint64_t sides) { return d() % sides; }

/// Everything that is played with. Outlives the players.
struct table {
  explicit table(const rules& how) : rules(how) {}

  const rules& rules;
  complaints faults;
  lock mutex;
  room mutex_room{"lock", 1, faults};
  semaphore seats{3};
  room seats_room{"semaphore", 3, faults};
  bounded_semaphore desks{2};
  room desks_room{"bounded semaphore", 2, faults};
  event flag;
  condition news;
  room news_room{"condition's lock", 1, faults};
  barrier pair{2};
  queue<std::uint64_t> narrow{3};
  ledger narrow_books{"bounded queue", faults};
  queue<std::uint64_t> wide;
  ledger wide_books{"unbounded queue", faults};
  broadcast<std::uint64_t> radio{4};
  std::atomic<std::uint64_t> published{0};
  std::atomic<std::uint64_t> moves{0}, timeouts{0};
};

/// A turn for the others, or a short while.
task<void> pause(dice& d) {
  if (roll(d, 2) == 0)
    co_await yield();
  else
    co_await sleep(std::chrono::microseconds(roll(d, 300)));
}

// -- moves. What they throw besides a timeout ends the player. ----------------------------------

task<void> hold_lock(table& t, dice& d) {
  const auto held = co_await t.mutex.hold();
  const room::visit inside(t.mutex_room);
  co_await pause(d);
}

/// Without a guard: killed, it gives back nothing by itself.
template <class Semaphore>
task<void> take_permit(Semaphore permits, room& where, dice& d) {
  co_await permits.acquire();
  try {
    const room::visit inside(where);
    co_await pause(d);
  } catch (...) {
    permits.release();
    throw;
  }
  permits.release();
}

task<void> wait_for_flag(table& t, dice& d) {
  switch (roll(d, 3)) {
    case 0:
      t.flag.set();
      break;
    case 1:
      t.flag.clear();
      break;
    default:
      co_await t.flag.wait();
  }
}

task<void> share_news(table& t, dice& d) {
  const auto held = co_await t.news.hold();
  {
    const room::visit inside(t.news_room);
    if (roll(d, 2) == 0) {
      t.news.notify(1 + roll(d, 3));
      co_return;
    }
  }
  std::exception_ptr failure;
  try {
    co_await t.news.wait();
  } catch (...) {
    failure = std::current_exception();
  }
  // However the wait ended: the lock is held again.
  const room::visit inside(t.news_room);
  if (failure) std::rethrow_exception(failure);
  co_await pause(d);
}

task<void> meet(table& t, dice& d) {
  try {
    if (roll(d, 8) == 0) t.pair.reset();
    co_await t.pair.wait();
  } catch (const broken_barrier&) {
    t.pair.reset();
  }
}

task<void> send_item(queue<std::uint64_t> to, ledger& books) {
  const auto item = books.begin();
  try {
    co_await to.put(item);
  } catch (...) {
    books.refused(item);
    throw;
  }
  books.accepted(item);
}

task<void> get_item(queue<std::uint64_t> from, ledger& books) {
  books.got(co_await from.get());
  from.task_done();
}

task<void> listen(table& t, dice& d) {
  if (roll(d, 2) == 0) {
    ++t.published;
    t.radio.publish(roll(d, 100));
    co_return;
  }
  auto radio = t.radio.subscribe();
  for (std::uint64_t heard = 0; heard < 3;) {
    const auto item = co_await radio.next();
    heard += 1 + item.missed;
    if (heard > t.published) t.faults.add("more was heard than was published");
  }
}

task<void> move(table& t, dice& d);

/// Several moves at once, owned by a group.
task<void> move_together(table& t, dice& d) {
  // The children run while the parent waits for the group, each with dice of its own.
  co_await task_group().run([&](task_group& group) -> task<void> {
    for (int i = 0; i != 3; ++i)
      group.spawn([](table& where, std::uint64_t seed) -> task<void> {
        dice own(seed);
        try {
          co_await wait_for(move(where, own), std::chrono::microseconds(roll(own, 500)));
        } catch (const timeout_error&) {
          ++where.timeouts;
        }
      }(t, d()));
    co_return;
  });
}

task<void> move(table& t, dice& d) {
  ++t.moves;
  switch (roll(d, 12)) {
    case 0:
      return hold_lock(t, d);
    case 1:
      return take_permit(t.seats, t.seats_room, d);
    case 2:
      return take_permit(t.desks, t.desks_room, d);
    case 3:
      return wait_for_flag(t, d);
    case 4:
      return share_news(t, d);
    case 5:
      return meet(t, d);
    case 6:
      return send_item(t.narrow, t.narrow_books);
    case 7:
      return get_item(t.narrow, t.narrow_books);
    case 8:
      return send_item(t.wide, t.wide_books);
    case 9:
      return get_item(t.wide, t.wide_books);
    case 10:
      return listen(t, d);
    default:
      return roll(d, 4) == 0 ? move_together(t, d) : pause(d);
  }
}

task<void> player(table& t, std::uint64_t seed) {
  dice d(seed);
  for (std::size_t i = 0; i != t.rules.moves; ++i) {
    try {
      co_await wait_for(move(t, d), std::chrono::microseconds(roll(d, 1500)));
    } catch (const timeout_error&) {
      ++t.timeouts;
    }
    if (roll(d, 4) == 0) co_await pause(d);
  }
}

// -- the round ----------------------------------------------------------------------------------

/// Plays until all players have had their moves; meanwhile cancels and kills some of them.
task<void> referee(table& t, dice& d, tally& counts) {
  std::vector<task_handle<void>> players;
  const auto enter = [&] { players.push_back(spawn(player(t, d()))); };
  for (std::size_t i = 0; i != t.rules.players; ++i) enter();
  for (std::size_t i = 0; i != t.rules.substitutes; ++i) {
    co_await sleep(std::chrono::microseconds(roll(d, 200)));
    const auto& victim = players[roll(d, players.size())];
    if (victim.done()) continue;
    if (roll(d, 3) == 0) {
      caf::anon_send_exit(victim.actor(), caf::exit_reason::kill);
      ++counts.killed;
    } else if (victim.cancel("out")) {
      ++counts.cancelled;
    }
    enter();
  }
  for (const auto& each : players) {
    try {
      co_await each;
    } catch (const cancelled&) {
    } catch (...) {
      t.faults.add("a player failed: " + describe(std::current_exception()));
    }
  }
}

void settle_books(table& t, tally& counts) {
  if (t.mutex.is_locked()) t.faults.add("the lock is held by nobody");
  if (t.news.mutex().is_locked()) t.faults.add("the condition's lock is held by nobody");
  if (t.seats.available() != 3)
    t.faults.add("the semaphore has " + std::to_string(t.seats.available()) + " permits of 3");
  if (t.desks.available() != 2)
    t.faults.add("the bounded semaphore has " + std::to_string(t.desks.available()) +
                 " permits of 2");
  const std::size_t waiting =
      t.mutex.waiter_count() + t.seats.waiter_count() + t.desks.waiter_count() +
      t.flag.waiter_count() + t.news.waiter_count() + t.pair.waiting() + t.narrow.getter_count() +
      t.narrow.putter_count() + t.wide.getter_count() + t.wide.putter_count();
  if (waiting != 0) t.faults.add(std::to_string(waiting) + " waiters that are no more");
  while (!t.narrow.empty()) t.narrow_books.got(t.narrow.get_nowait());
  while (!t.wide.empty()) t.wide_books.got(t.wide.get_nowait());
  t.narrow_books.close();
  t.wide_books.close();
  counts.moves = t.moves;
  counts.timeouts = t.timeouts;
  counts.items = t.narrow_books.items() + t.wide_books.items();
}

}  // namespace

outcome play(const rules& how, std::uint64_t seed) {
  outcome result;
  complaints incidents;
  manual_clock virtual_time(manual_clock::mode::jump);
  runtime_options options;
  options.workers = how.workers;
  options.signals = signal_handling::none;
  if (how.workers == 1) options.clock = &virtual_time;
  options.on_incident = [&](const incident& what) {
    incidents.add("incident: " + buskin::to_string(what));
  };
  {
    runtime owner(options);
    dice d(seed);
    auto round = [&]() -> task<void> {
      table t(how);
      // A player that hangs is found by this, and named by the report of the shutdown.
      co_await wait_for(referee(t, d, result.counts),
                        how.workers == 1 ? duration(1h) : duration(60s));
      settle_books(t, result.counts);
      result.faults = t.faults.take();
    };
    try {
      owner.run_until_complete(round());
    } catch (...) {
      result.faults.push_back("the round failed: " + describe(std::current_exception()));
    }
    const auto& report = owner.shutdown();
    if (!report.clean()) result.faults.push_back(buskin::to_string(report));
    if (owner.alive() != 0) result.faults.push_back("actors are left");
  }
  for (auto& each : incidents.take()) result.faults.push_back(std::move(each));
  return result;
}

// -- a round that is broken off -----------------------------------------------------------------

namespace {

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                       std::filesystem::directory_iterator());
}

/// Does not end when it is asked to.
task<void> deaf(std::atomic<bool>& began) {
  began = true;
  for (;;) {
    try {
      co_await sleep(1h);
    } catch (const cancelled&) {
    }
  }
}

/// Children that fail again and again, at times while they are started.
supervisor restart_storm(dice& d) {
  supervisor_options options;
  options.name = "storm";
  options.intensity = supervisor_options::unlimited;
  options.strategy =
      roll(d, 2) == 0 ? restart_strategy::one_for_one : restart_strategy::one_for_all;
  options.failed_start = failed_start::retry;
  std::vector<child_spec> children;
  for (int i = 0; i != 8; ++i) {
    child_spec each;
    each.id = std::to_string(i);
    each.backoff = backoff{.initial = std::chrono::microseconds(1 + roll(d, 200))};
    each.start = [own = std::make_shared<dice>(d())] {
      if (roll(*own, 8) == 0) throw std::runtime_error("no start");
      return [](duration life) -> task<void> {
        co_await sleep(life);
        throw std::runtime_error("a short life");
      }(std::chrono::microseconds(roll(*own, 500)));
    };
    children.push_back(std::move(each));
  }
  return supervisor(std::move(children), options);
}

/// Waits for bytes that never come. That the other one ends first is no fault.
task<void> read_in_vain(io::connection peer) {
  try {
    co_await peer.read_until("never");
  } catch (const incomplete_read&) {
  } catch (const std::system_error&) {
  }
}

/// A server and its client; and a program.
task<void> wait_for_the_outside() {
  const auto server = co_await io::serve("127.0.0.1:0", read_in_vain);
  auto client = co_await io::connect("127.0.0.1:" + std::to_string(server.port()));
  auto program = co_await io::exec({"sleep", "600"});
  co_await read_in_vain(client);
  co_await program.wait();
}

task<void> crowd(table& t, std::uint64_t seed, std::atomic<bool>* stuck) {
  dice d(seed);
  const auto storm = restart_storm(d);
  for (std::size_t i = 0; i != t.rules.players; ++i) {
    spawn(player(t, d()), {"player"});
    if (i == t.rules.players / 4 && stuck != nullptr) spawn(deaf(*stuck), {"deaf"});
    if (i == t.rules.players / 2) spawn(wait_for_the_outside(), {"outside"});
    if (roll(d, 4) == 0) co_await pause(d);
  }
  co_await to_thread([] { std::this_thread::sleep_for(2ms); });
  co_await sleep(1h);
}

void look_at(const shutdown_report& report, bool stuck, complaints& faults) {
  const bool as_expected = report.stragglers.size() == (stuck ? 1U : 0U) && report.jobs.empty() &&
                           report.abandoned.empty();
  const bool named = !stuck || (!report.stragglers.empty() &&
                                report.stragglers[0].name.find("deaf") != std::string::npos);
  if (!as_expected || !named) faults.add(buskin::to_string(report));
  if (report.took > 5s) faults.add("the shutdown took too long; " + buskin::to_string(report));
}

}  // namespace

outcome break_off(const rules& how, std::uint64_t seed) {
  outcome result;
  complaints faults;
  const auto descriptors = open_descriptors();
  {
    runtime_options options;
    options.workers = how.workers;
    options.signals = signal_handling::none;
    options.shutdown_timeout = 1s;
    options.on_incident = [&](const incident& what) {
      faults.add("incident: " + buskin::to_string(what));
    };
    dice d(seed);
    std::atomic<bool> stuck{false};
    runtime owner(options);
    std::optional<table> t;
    owner.run_until_complete([&]() -> task<void> {
      t.emplace(how);
      co_return;
    }());
    owner.submit(crowd(*t, d(), roll(d, 2) == 0 ? &stuck : nullptr), "crowd");
    // The moment: a few turns, or a few milliseconds.
    if (how.workers == 1 && roll(d, 2) == 0)
      for (auto turns = roll(d, 3000); turns != 0 && owner.step();) --turns;
    else
      owner.poll_for(std::chrono::microseconds(roll(d, 15'000)));
    look_at(owner.shutdown(), stuck, faults);
    if (owner.alive() != 0) faults.add("actors are left");
    settle_books(*t, result.counts);
    for (auto& each : t->faults.take()) faults.add(std::move(each));
  }
  if (open_descriptors() > descriptors) faults.add("descriptors were left open");
  if (::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD) faults.add("a process was left");
  result.faults = faults.take();
  return result;
}

}  // namespace stress
