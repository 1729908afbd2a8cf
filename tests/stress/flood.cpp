#include "game.hpp"

#include <buskin/actors/ask.hpp>
#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/queue.hpp>
#include <buskin/actors/spawn_bounded.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include <caf/send.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

namespace stress {

using namespace buskin;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t mebibyte = 1 << 20;
constexpr std::size_t room = 1000;

/// In MiB.
struct memory {
  std::size_t address_space = 0;
  std::size_t resident = 0;

  static memory now() {
    memory found;
    std::ifstream("/proc/self/statm") >> found.address_space >> found.resident;
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return {found.address_space * page / mebibyte, found.resident * page / mebibyte};
  }
};

void limit_address_space(std::size_t headroom) {
  const auto most = static_cast<rlim_t>((memory::now().address_space + headroom) * mebibyte);
  const rlimit limit{most, most};
  if (::setrlimit(RLIMIT_AS, &limit) != 0)
    throw std::runtime_error("the address space cannot be limited");
}

/// Some microseconds of work.
void work() {
  const auto end = std::chrono::steady_clock::now() + 5us;
  while (std::chrono::steady_clock::now() < end) {
  }
}

class slow_actor : public behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override {
    return {[](const std::string&) { work(); }};
  }
};

class canary_actor : public behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override {
    return {[](int x) { return x; }};
  }
};

task<void> slow_reader(queue<std::string> from) {
  for (int i = 1;; ++i) {
    co_await from.get();
    work();
    if (i % 50 == 0) co_await yield();
  }
}

/// The thread that floods, from here to the end of the scope.
class flooding {
 public:
  flooding(caf::actor to, queue<std::string> items)
      : thread_([this, to = std::move(to), items = std::move(items)] {
          const std::string text(60, 'x');
          for (; !stop_.load(std::memory_order_relaxed); ++sent_) {
            caf::anon_send(to, text);
            items.put_nowait(text);
          }
        }) {}
  ~flooding() {
    stop_ = true;
    thread_.join();
  }
  std::uint64_t sent() const { return sent_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> sent_{0};
  std::thread thread_;
};

/// Looks at the memory until the time is up, or it has grown too much.
task<void> look_on(const flood_rules& how, outcome& result) {
  const auto canary = spawn_actor<canary_actor>(runtime::current().system());
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(how.seconds);
  const std::size_t start = memory::now().resident;
  while (std::chrono::steady_clock::now() < end) {
    co_await sleep(10ms);
    const std::size_t present = memory::now().resident;
    if (present > start + how.growth) {
      result.faults.push_back("the memory grew from " + std::to_string(start) + " to " +
                              std::to_string(present) + " MiB");
      co_return;
    }
    if (co_await ask<int>(canary, 5s, 7) != 7) result.faults.push_back("a wrong answer");
    ++result.counts.moves;
  }
}

task<void> run_flood(const flood_rules& how, outcome& result) {
  auto& system = runtime::current().system();
  const auto actor = how.bounded ? spawn_bounded<slow_actor>(
                                       system, {.capacity = room, .policy = overflow::drop_oldest})
                                 : spawn_actor<slow_actor>(system);
  const queue<std::string> q({.capacity = how.bounded ? room : 0,
                              .when_full = how.bounded ? overflow::drop_oldest : overflow::wait});
  auto reader = spawn(slow_reader(q), {"slow reader"});
  {
    const flooding flood(actor, q);
    co_await look_on(how, result);
    result.counts.items = flood.sent();
  }
  if (how.bounded) {
    const auto status = mailbox_of(actor);
    if (!status || status->dropped == 0 || status->size > room)
      result.faults.push_back("the mailbox did not shed what was too much");
    if (q.dropped_count() == 0 || q.size() > room)
      result.faults.push_back("the queue did not shed what was too much");
  }
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  reader.cancel();
}

}  // namespace

outcome flood(const flood_rules& how) {
  outcome result;
  runtime_options options;
  options.workers = 2;
  options.signals = signal_handling::none;
  options.on_incident = [&](const incident& what) {
    std::fprintf(stderr, "%s\n", to_string(what).c_str());
  };
  runtime owner(options);
  if (how.headroom) limit_address_space(*how.headroom);
  try {
    owner.run_until_complete(run_flood(how, result));
  } catch (const std::exception& error) {
    result.faults.push_back(std::string("the flood was too much: ") + error.what());
  }
  return result;
}

}  // namespace stress
