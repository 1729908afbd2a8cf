// M11 of the faults: the k-th allocation fails, for every k. This program replaces operator new.
#include <buskin/actors/ask.hpp>
#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/handlers.hpp>
#include <buskin/actors/lock.hpp>
#include <buskin/actors/queue.hpp>
#include <buskin/actors/task_group.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/child_process.hpp"

#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>

namespace {

/// How many allocations of this thread are left until one fails; never, while it is negative.
/// Threads that CAF has of its own do not survive theirs.
thread_local long until_failure = -1;
bool failed = false;

bool fails_now() noexcept {
  if (until_failure < 0 || until_failure-- != 0) return false;
  failed = true;
  return true;
}

void* allocate(std::size_t size) {
  if (fails_now()) throw std::bad_alloc();
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

void* allocate(std::size_t size, std::align_val_t alignment) {
  if (fails_now()) throw std::bad_alloc();
  const auto unit = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(unit, (size + unit - 1) / unit * unit)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return allocate(size, alignment);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::child_process;

task<int> add(int a, int b) { co_return a + b; }

task<void> spawning() {
  auto one = spawn(add(1, 2), {"one"});
  auto [two, three] = co_await gather(add(1, 1), add(1, 2));
  if (co_await one != 3 || two != 2 || three != 3) ::_exit(90);
}

task<void> queueing() {
  const queue<std::string> q(2);
  co_await task_group().run([&q](task_group& group) -> task<void> {
    group.spawn([](queue<std::string> to) -> task<void> {
      for (int i = 0; i != 5; ++i) co_await to.put("a text that is too long to be kept in place");
    }(q));
    for (int i = 0; i != 5; ++i) co_await q.get();
  });
}

task<void> sleeping() {
  const lock l;
  const auto guard = co_await l.hold();
  co_await sleep(100us);
}

class adder : public behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override {
    return handlers(this, [](int x) -> task<int> { co_return x + 1; });
  }
};

task<void> asking() {
  const auto actor = spawn_actor<adder>(runtime::current().system());
  if (co_await ask<int>(actor, 10s, 1) != 2) ::_exit(90);
}

enum outcome { survived, nothing_failed, canary_failed, unclean };

/// Does `work` with its k-th allocation failing, then without any failing.
int with_failure(long k, task<void> (*work)()) {
  runtime_options options;
  options.signals = signal_handling::none;
  options.on_incident = [](const incident&) {};  // it may tell of tasks that failed
  options.shutdown_timeout = 10s;
  runtime owner(options);
  const auto attempt = [&] {
    try {
      owner.run_until_complete(work());
      return true;
    } catch (...) {
      return false;
    }
  };
  until_failure = k;
  attempt();
  until_failure = -1;
  if (!failed) return nothing_failed;
  if (!attempt()) return canary_failed;
  return owner.shutdown().clean() ? survived : unclean;
}

/// A process for each k. What is lost and waited for in vain is found by its alarm.
void sweep(task<void> (*work)()) {
  for (long k = 0; k != 10'000; ++k) {
    child_process child([&](auto) {
      ::alarm(30);
      return with_failure(k, work);
    });
    const int code = child.wait();
    if (code == nothing_failed) {
      BOOST_TEST(k > 5);  // there was something to fail
      return;
    }
    BOOST_TEST(code == survived, "allocation " << k << " failed: ended with " << code);
  }
  BOOST_ERROR("it allocates without end");
}

BOOST_AUTO_TEST_SUITE(allocation_)

BOOST_AUTO_TEST_CASE(tasks_that_cannot_be_made_fail_and_the_next_ones_run) { sweep(spawning); }
BOOST_AUTO_TEST_CASE(a_queue_loses_no_waiter_to_a_lack_of_memory) { sweep(queueing); }
BOOST_AUTO_TEST_CASE(neither_does_a_lock_nor_a_timer) { sweep(sleeping); }
BOOST_AUTO_TEST_CASE(a_request_is_answered_although_there_is_no_memory_for_its_handler) {
  sweep(asking);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
