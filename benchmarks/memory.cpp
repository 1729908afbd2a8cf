// What an actor that only waits weighs, in bytes.
//
// (heap in use with N of them - heap in use before) / N, as malloc counts it (its own rounding
// included): everything of the actor, its control block, its coroutine frame, its place in lists.
// For information; nothing is compared with a peer.
#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/receive.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/runtime.hpp>

#include <caf/event_based_actor.hpp>

#include <malloc.h>

#include <cstddef>
#include <cstdio>
#include <functional>
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

void weigh(const char* what, std::size_t size,
           const std::function<caf::actor(buskin::runtime&)>& start) {
  buskin::runtime_options options;
  options.signals = buskin::signal_handling::none;
  buskin::runtime owner(options);
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
}

}  // namespace

int main() {
  using task_actor = buskin::detail::task_actor<void>;
  weigh("lean_actor", sizeof(idle_lean),
        [](buskin::runtime& owner) { return buskin::spawn_actor<idle_lean>(owner.system()); });
  weigh("behavior_actor", sizeof(idle_handlers),
        [](buskin::runtime& owner) { return buskin::spawn_actor<idle_handlers>(owner.system()); });
  weigh("task in receive", sizeof(task_actor),
        [](buskin::runtime& owner) { return buskin::spawn(owner, idle_task()).actor(); });
  weigh("CAF's event_based_actor", sizeof(idle_caf), [](buskin::runtime& owner) {
    return caf::actor_cast<caf::actor>(owner.system().spawn<idle_caf>());
  });
}
