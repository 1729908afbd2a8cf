// The loop: fairness between messages, timers and I/O, sleeping when idle, and several workers.
#include <buskin/runtime/detail/worker.hpp>

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/lean_actor.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <asio/post.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::stage;

runtime_options real(unsigned workers = 1) {
  runtime_options options;
  options.signals = signal_handling::none;
  options.workers = workers;
  return options;
}

template <class T>
lean_ref<detail::task_actor<T>> start(runtime& owner, task<T> body,
                                      detail::worker* home = nullptr) {
  return detail::start_task(owner, std::move(body), {{}, shutdown_phase::ordinary, home},
                            std::source_location::current());
}

std::chrono::microseconds cpu_time() {
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  const auto of = [](const timeval& t) {
    return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
  };
  return of(use.ru_utime) + of(use.ru_stime);
}

/// Sends itself a message for every one it gets.
class lean_self_sender final : public lean_actor {
 public:
  using lean_actor::lean_actor;
  std::uint64_t turns = 0;

 protected:
  void on_start() override { again_and_again(); }
  void on_message(caf::mailbox_element_ptr&) override {
    ++turns;
    again_and_again();
  }

 private:
  void again_and_again() {
    enqueue(caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, 1), context());
  }
};

caf::behavior caf_self_sender(caf::event_based_actor* self) {
  self->send(self, 1);
  return {[self](int) { self->send(self, 1); }};
}

BOOST_AUTO_TEST_SUITE(worker_)

// -- fairness -----------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(two_endless_caf_self_senders_starve_neither_a_third_actor_nor_a_timer) {
  runtime owner(real());
  const auto one = owner.system().spawn(caf_self_sender);
  const auto two = owner.system().spawn(caf_self_sender);
  int answered = 0;
  const auto third = owner.system().spawn(
      [&](caf::event_based_actor*) -> caf::behavior { return {[&](int) { ++answered; }}; });
  auto main = [&]() -> task<void> {
    for (int i = 0; i != 20; ++i) {
      caf::anon_send(third, i);
      co_await sleep(1ms);
    }
  };
  owner.run(main());
  BOOST_TEST(answered >= 19);
}

BOOST_AUTO_TEST_CASE(two_endless_lean_self_senders_starve_neither_a_third_actor_nor_a_timer) {
  runtime owner(real());
  auto one = detail::make_lean<lean_self_sender>(owner.system());
  auto two = detail::make_lean<lean_self_sender>(owner.system());
  for (auto& each : {one, two}) {
    each->track(shutdown_phase::ordinary);
    each->launch(nullptr, false, true);
  }
  int turns = 0;
  auto main = [&]() -> task<void> {
    for (int i = 0; i != 20; ++i) {
      co_await sleep(1ms);
      co_await yield();
      ++turns;
    }
  };
  owner.run(main());
  BOOST_TEST(turns == 20);
  BOOST_TEST(one->turns > 0U);
  BOOST_TEST(two->turns > 0U);
}

BOOST_AUTO_TEST_CASE(a_flood_of_asio_handlers_does_not_starve_actors) {
  bool stop = false;
  std::uint64_t handlers = 0;
  std::function<void()> flood;  // outlives the runtime, which may run the last of them
  runtime owner(real());
  flood = [&] {
    ++handlers;
    if (!stop) asio::post(owner.io(), flood);
  };
  for (int i = 0; i != 100; ++i) flood();
  int turns = 0;
  auto main = [&]() -> task<void> {
    for (int i = 0; i != 1000; ++i) {
      co_await yield();
      ++turns;
    }
    for (int i = 0; i != 5; ++i) co_await sleep(1ms);
    stop = true;
  };
  owner.run(main());
  BOOST_TEST(turns == 1000);
  BOOST_TEST(handlers > 1000U);
}

BOOST_AUTO_TEST_CASE(a_flood_of_messages_does_not_starve_asio_handlers) {
  int handled = 0;
  std::function<void()> chain;
  runtime owner(real());
  const auto one = owner.system().spawn(caf_self_sender);
  chain = [&] {
    if (++handled != 50) asio::post(owner.io(), chain);
  };
  asio::post(owner.io(), chain);
  auto main = [&]() -> task<void> {
    while (handled != 50) co_await yield();
  };
  owner.run(main());
  BOOST_TEST(handled == 50);
}

BOOST_AUTO_TEST_CASE(a_task_that_does_nothing_but_yield_starves_nobody) {
  runtime owner(real());
  bool stop = false;
  auto yielding = [&]() -> task<void> {
    while (!stop) co_await yield();
  };
  auto main = [&]() -> task<void> {
    start(owner, yielding());
    for (int i = 0; i != 10; ++i) co_await sleep(1ms);
    stop = true;
  };
  owner.run(main());
}

// -- idleness -----------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(an_idle_runtime_sleeps) {
  runtime owner(real());
  auto main = [&]() -> task<void> {
    co_await sleep(1ms);
    const auto sleeps = owner.sleeps();
    const auto cpu = cpu_time();
    co_await sleep(200ms);
    BOOST_TEST(owner.sleeps() - sleeps <= 5U);
    BOOST_TEST((cpu_time() - cpu < 50ms));
  };
  owner.run(main());
}

BOOST_AUTO_TEST_CASE(an_idle_threaded_runtime_sleeps) {
  runtime owner(real(2));
  auto main = [&]() -> task<void> {
    co_await sleep(5ms);
    const auto cpu = cpu_time();
    co_await sleep(200ms);
    BOOST_TEST((cpu_time() - cpu < 50ms));
  };
  owner.run(main());
}

// -- several workers ----------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_task_that_needs_the_processor_does_not_hold_up_another_worker) {
  runtime owner(real(2));
  std::atomic<bool> other_ran{false};
  std::atomic<bool> busy_saw_it{false};
  auto busy = [&]() -> task<void> {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (!other_ran && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    busy_saw_it = other_ran.load();
    co_return;
  };
  auto other = [&]() -> task<void> {
    other_ran = true;
    co_return;
  };
  auto main = [&]() -> task<void> {
    auto first = start(owner, busy());
    auto second = start(owner, other());
    while (!first->done() || !second->done()) co_await sleep(1ms);
  };
  owner.run(main());
  BOOST_TEST(busy_saw_it);
}

BOOST_AUTO_TEST_CASE(a_pinned_actor_runs_on_its_worker_only) {
  runtime owner(real(2));
  auto& workers = detail::scheduler::of(owner.system()).workers();
  std::atomic<int> elsewhere{0};
  auto body = [&](detail::worker* home) -> task<void> {
    for (int i = 0; i != 2000; ++i) {
      if (detail::here.worker != home) ++elsewhere;
      if (i % 100 == 0)
        co_await sleep(10us);
      else
        co_await yield();
    }
  };
  auto noise = [&]() -> task<void> {
    for (int i = 0; i != 2000; ++i) co_await yield();
  };
  auto main = [&]() -> task<void> {
    std::vector<lean_ref<detail::task_actor<void>>> all;
    for (const auto& home : workers)
      for (int i = 0; i != 3; ++i) {
        all.push_back(start(owner, body(home.get()), home.get()));
        all.push_back(start(owner, noise()));
      }
    for (const auto& each : all)
      while (!each->done()) co_await sleep(1ms);
  };
  owner.run(main());
  BOOST_TEST(elsewhere == 0);
}

/// Counts what it gets and passes it on.
class relay final : public lean_actor {
 public:
  explicit relay(caf::actor_config& config) : lean_actor(config) {}
  std::vector<caf::actor> others;
  std::atomic<std::uint64_t>* handled = nullptr;

 protected:
  void on_message(caf::mailbox_element_ptr& element) override {
    if (inside_.exchange(true)) std::abort();  // two workers at once inside one actor
    handled->fetch_add(1, std::memory_order_relaxed);
    const int hops = element->content().get_as<int>(0);
    if (hops > 0) {
      next_ = (next_ * 31 + 7) % others.size();
      others[next_]->enqueue(
          caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, hops - 1), context());
    }
    inside_ = false;
  }

 private:
  std::size_t next_ = 1;
  std::atomic<bool> inside_{false};
};

BOOST_AUTO_TEST_CASE(messages_between_many_actors_on_three_workers_are_all_handled_one_at_a_time) {
  constexpr std::size_t actors = 50;
  constexpr int chains = 100;
  constexpr int hops = 1000;
  runtime owner(real(3));
  std::atomic<std::uint64_t> handled{0};
  std::vector<lean_ref<relay>> all;
  for (std::size_t i = 0; i != actors; ++i) all.push_back(detail::make_lean<relay>(owner.system()));
  std::vector<caf::actor> handles;
  for (const auto& each : all) handles.push_back(each.handle());
  auto& workers = detail::scheduler::of(owner.system()).workers();
  for (std::size_t i = 0; i != actors; ++i) {
    all[i]->others = handles;
    all[i]->handled = &handled;
    if (i % 5 == 0) all[i]->pin(*workers[i % workers.size()]);
    all[i]->track(shutdown_phase::ordinary);
    all[i]->launch(nullptr, true, true);
  }
  auto main = [&]() -> task<void> {
    for (int i = 0; i != chains; ++i)
      caf::anon_send(handles[static_cast<std::size_t>(i) % actors], hops);
    while (handled != std::uint64_t{chains} * (hops + 1)) co_await sleep(1ms);
  };
  owner.run(main());
  BOOST_TEST(handled == std::uint64_t{chains} * (hops + 1));
  for (const auto& each : all) each->others.clear();
}

BOOST_AUTO_TEST_CASE(sleepers_on_three_workers_all_wake_and_cancels_race_with_timers) {
  runtime owner(real(3));
  std::atomic<int> ended{0};
  auto sleeper = [&](int n) -> task<void> {
    try {
      for (int i = 0; i != 20; ++i) co_await sleep(std::chrono::microseconds(50 + n % 7 * 30));
    } catch (const cancelled&) {
    }
    ++ended;
  };
  auto main = [&]() -> task<void> {
    std::vector<lean_ref<detail::task_actor<void>>> all;
    for (int n = 0; n != 300; ++n) all.push_back(start(owner, sleeper(n)));
    co_await sleep(1ms);
    for (std::size_t n = 0; n < all.size(); n += 3)
      all[n]->cancel(std::make_exception_ptr(cancelled()));
    for (const auto& each : all)
      while (!each->done()) co_await sleep(200us);
  };
  owner.run(main());
  BOOST_TEST(ended == 300);
}

BOOST_AUTO_TEST_CASE(a_threaded_runtime_starts_and_ends_many_times) {
  auto body = []() -> task<int> {
    co_await yield();
    co_return 1;
  };
  int sum = 0;
  for (int i = 0; i != 100; ++i) sum += run(body(), real(2));
  BOOST_TEST(sum == 100);
}

BOOST_AUTO_TEST_CASE(main_may_end_on_another_worker_while_the_first_sleeps) {
  runtime owner(real(2));
  auto main = [&]() -> task<int> {
    for (int i = 0; i != 50; ++i) co_await sleep(20us);
    co_return 1;
  };
  for (int i = 0; i != 100; ++i) BOOST_REQUIRE(owner.run_until_complete(main()) == 1);
}

BOOST_AUTO_TEST_CASE(shutdown_of_a_threaded_runtime_does_not_wait_for_its_deadline) {
  const auto before = std::chrono::steady_clock::now();
  {
    runtime owner(real(2));
    auto long_sleep = []() -> task<void> { co_await sleep(1h); };
    auto main = [&]() -> task<void> {
      auto& workers = detail::scheduler::of(owner.system()).workers();
      for (int i = 0; i != 20; ++i)
        start(owner, long_sleep(), workers[static_cast<std::size_t>(i) % 2].get());
      co_await sleep(2ms);
    };
    owner.run(main());
  }
  BOOST_TEST((std::chrono::steady_clock::now() - before < 5s));
}

BOOST_AUTO_TEST_CASE(a_clock_moved_by_hand_wakes_every_worker) {
  manual_clock clock;
  auto options = real(2);
  options.clock = &clock;
  runtime owner(options);
  auto& workers = detail::scheduler::of(owner.system()).workers();
  std::atomic<int> asleep{0};
  auto sleeper = [&]() -> task<void> {
    ++asleep;
    co_await sleep(1s);
  };
  auto main = [&]() -> task<void> {
    auto one = start(owner, sleeper(), workers[0].get());
    auto two = start(owner, sleeper(), workers[1].get());
    while (!one->done() || !two->done()) co_await sleep(1ms);
  };
  std::atomic<bool> ended{false};
  std::thread mover([&] {
    while (asleep != 2) std::this_thread::yield();
    while (!ended) {
      clock.advance(1ms);
      std::this_thread::yield();
    }
  });
  owner.run(main());
  ended = true;
  mover.join();
}

BOOST_AUTO_TEST_CASE(a_callback_asked_for_on_another_worker_is_not_slept_over) {
  runtime owner(real(2));
  auto& second = *detail::scheduler::of(owner.system()).workers()[1];
  std::atomic<bool> called{false};
  auto asking = [&]() -> task<void> {
    co_await sleep(5ms);
    owner.call_later(5ms, [&] { called = true; });
    while (!called) co_await sleep(1ms);
  };
  auto asked = start(owner, asking(), &second);
  auto main = [&]() -> task<void> {
    co_await sleep(1s);
    co_return;
  };
  owner.run_until_complete(main());
  BOOST_TEST(called);
  BOOST_TEST(asked->done());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
