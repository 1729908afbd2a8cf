// What an actor that only waits weighs, in bytes; and how many of them fit.
//
// (heap in use with N of them - heap in use before) / N, as malloc counts it (its own rounding
// included): everything of the actor, its control block, its coroutine frame, its mailbox, its
// place in lists. Erlang counts its own bytes (erlang:memory), so does Go (stacks and heap). The
// weights hardly differ from run to run, so there is one.
//
// With --alive N: N tasks wait at once, and the kernel says how much memory the process has.
#include <support/peer_program.hpp>

#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/receive.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/runtime.hpp>

#include <caf/event_based_actor.hpp>

#include <malloc.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t count = 50'000;

std::size_t heap_in_use() {
  const auto heap = mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

class idle_lean final : public buskin::lean_actor {
 public:
  using lean_actor::lean_actor;

 protected:
  void on_message(caf::mailbox_element_ptr&) override {}
};

class idle_handlers final : public buskin::behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override {
    return {[](int) {}};
  }
};

class idle_caf final : public caf::event_based_actor {
 public:
  using event_based_actor::event_based_actor;
  caf::behavior make_behavior() override {
    return {[](int) {}};
  }
};

buskin::task<void> idle_task() { co_await buskin::receive<int>(); }

buskin::runtime_options plain() {
  buskin::runtime_options options;
  options.signals = buskin::signal_handling::none;
  return options;
}

double weigh(const char* what, std::size_t size,
             const std::function<caf::actor(buskin::runtime&)>& start) {
  buskin::runtime owner(plain());
  // The run queue and the free lists grow in a first run; they are the runtime's.
  std::vector<caf::actor> handles;
  handles.reserve(2 * count);
  std::size_t before = 0;
  for (const bool counts : {false, true}) {
    if (counts) before = heap_in_use();
    for (std::size_t i = 0; i != count; ++i) {
      handles.push_back(start(owner));
      if (i % 100 == 99) owner.poll();
    }
    owner.poll();
  }
  const double bytes = static_cast<double>(heap_in_use() - before) / static_cast<double>(count);
  std::printf("%-28s %7.0f bytes idle (sizeof %zu)\n", what, bytes, size);
  return bytes;
}

void weigh_peer(const char* what, const std::optional<bench::peer_program>& program, double ours) {
  if (!program) return;
  const double bytes = program->doing(what, "idle", 2 * count).run().front();
  std::printf("%-28s %7.0f bytes idle, %.1f of our tasks\n", what, bytes, bytes / ours);
}

constexpr double task_budget = 600;

void weigh_all() {
  using task_actor = buskin::detail::task_actor<void>;
  weigh("lean_actor", sizeof(idle_lean),
        [](buskin::runtime& owner) { return buskin::spawn_actor<idle_lean>(owner.system()); });
  weigh("behavior_actor", sizeof(idle_handlers),
        [](buskin::runtime& owner) { return buskin::spawn_actor<idle_handlers>(owner.system()); });
  const double task = weigh("task in receive", sizeof(task_actor), [](buskin::runtime& owner) {
    return buskin::spawn(owner, idle_task()).actor();
  });
  std::printf("%-28s target %.0f  %s\n", "", task_budget, task <= task_budget ? "ok" : "MISSED");
  weigh("CAF's event_based_actor", sizeof(idle_caf), [](buskin::runtime& owner) {
    return caf::actor_cast<caf::actor>(owner.system().spawn<idle_caf>());
  });
  weigh_peer("Erlang process", bench::peer_program::erlang(1), task);
  weigh_peer("goroutine", bench::peer_program::go(1), task);
}

/// "VmRSS:  123 kB" of this process, in bytes.
double resident(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field)) return std::stod(line.substr(field.size())) * 1024;
  return 0;
}

void keep_alive(std::size_t tasks) {
  using steady = std::chrono::steady_clock;
  const auto seconds = [](steady::duration time) {
    return std::chrono::duration<double>(time).count();
  };
  auto options = plain();
  options.shutdown_timeout = std::chrono::minutes(10);  // they are many
  buskin::runtime owner(options);
  const double before = resident("VmRSS:");
  const auto began = steady::now();
  for (std::size_t i = 0; i != tasks; ++i) {
    buskin::spawn(owner, idle_task());
    if (i % 100 == 99) owner.poll();
  }
  owner.poll();
  const auto started = steady::now();
  const std::size_t alive = owner.alive();
  const double now = resident("VmRSS:");
  std::printf("%zu tasks alive: VmRSS %.2f GB, %.0f bytes a task; started in %.1f s", alive,
              now / 1e9, (now - before) / static_cast<double>(alive), seconds(started - began));
  std::fflush(stdout);
  owner.shutdown();
  std::printf(", ended in %.1f s, VmHWM %.2f GB\n", seconds(steady::now() - started),
              resident("VmHWM:") / 1e9);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) {
    weigh_all();
  } else if (argc == 3 && std::string_view(argv[1]) == "--alive") {
    keep_alive(std::strtoull(argv[2], nullptr, 10));
  } else {
    std::fprintf(stderr, "usage: %s [--alive N]\n", argv[0]);
    return 2;
  }
}
