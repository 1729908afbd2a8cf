// Debug mode: each incident, its code, and that nothing is said of a program that is right.
#include <buskin/runtime/detail/watchdog.hpp>

#include <buskin/runtime/current_task.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/lean_ref.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>
#include <buskin/runtime/submitted.hpp>

#include "support/child_process.hpp"
#include "support/stage.hpp"
#include "support/start.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::child_process;
using buskin::test::stage;
using buskin::test::start;

runtime_options watched() {
  runtime_options options;
  options.debug = true;
  options.limits.stalled_wait = 60s;
  options.limits.lock_held = 1s;
  options.limits.growth = 100;
  return options;
}

/// The only incident; its code is `code`.
incident only(stage& s, const std::string& code) {
  auto all = s.take_incidents();
  for (const auto& each : all) BOOST_TEST_INFO(to_string(each));
  BOOST_REQUIRE(all.size() == 1U);
  BOOST_TEST(all[0].code == code);
  return all[0];
}

bool says(const incident& what, const std::string& text) {
  return to_string(what).find(text) != std::string::npos;
}

/// Waits for something that never happens, of a kind to choose.
class never final : public detail::wait {
 public:
  explicit never(wait_kind kind, std::uint64_t whom = 0,
                 std::source_location where = std::source_location::current())
      : wait(kind, where, whom) {}
  bool ready() noexcept override { return false; }
  bool withdraw() noexcept override { return true; }
  bool await_ready() { return false; }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  void await_resume() {
    if (auto reason = interruption()) std::rethrow_exception(reason);
  }
};

/// What a lock leaves in the record of the task that holds it.
class held_lock final : public detail::holding {
 public:
  explicit held_lock(std::uint64_t id) {
    of = this;
    lock = id;
    count = 1;
  }
  void give_back() noexcept override {}
};

void hold_lock(std::uint64_t id) {
  dynamic_cast<detail::task_actor_base&>(*detail::here.actor)
      .take_hold(std::make_unique<held_lock>(id));
}

BOOST_AUTO_TEST_SUITE(watchdog_)

BOOST_AUTO_TEST_CASE(debug_mode_can_be_set_and_read) {  // covers BAS-013, RUN-004
  stage s(watched());
  auto main = []() -> task<bool> { co_return runtime::current().debug(); };
  BOOST_TEST(s.run(main()));
  s.runtime.set_debug(false);
  BOOST_TEST(!s.run(main()));
  s.runtime.set_debug(true);
  BOOST_TEST(s.runtime.debug());
  child_process child([](auto) {
    ::setenv("BUSKIN_DEBUG", "1", 1);
    const bool on = runtime().debug();
    ::setenv("BUSKIN_DEBUG", "0", 1);
    const bool off = !runtime().debug();
    return on && off ? 0 : 1;
  });
  BOOST_TEST(child.wait() == 0);
}

// -- BK004 ----------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_slow_turn_is_reported_with_the_task_and_its_waits) {
  stage s(manual_clock::mode::by_hand, watched());
  auto body = [&]() -> task<void> {
    co_await yield();
    s.clock.advance(150ms);  // as if it had worked that long
    co_await sleep(1s);
  };
  start(s.runtime, body(), "busy one");
  s.settle();
  const auto what = only(s, "BK004");
  BOOST_TEST(what.who == "busy one");
  BOOST_TEST(says(what, "0.150 s"));
  BOOST_TEST(says(what, "from its wait at watchdog_test.cpp"));
  BOOST_TEST(says(what, "until the next at watchdog_test.cpp"));
  s.advance(2s);
}

class slow_actor final : public lean_actor {
 public:
  slow_actor(caf::actor_config& config, manual_clock& clock) : lean_actor(config), clock_(clock) {}
  const char* name() const override { return "slow actor"; }

 protected:
  void on_message(caf::mailbox_element_ptr&) override { clock_.advance(1s); }

 private:
  manual_clock& clock_;
};

BOOST_AUTO_TEST_CASE(slow_callbacks_and_actors_are_reported_as_well) {
  stage s(manual_clock::mode::by_hand, watched());
  s.runtime.call_soon([&] { s.clock.advance(100ms); });
  s.settle();
  BOOST_TEST(says(only(s, "BK004"), "a callback"));
  {
    auto actor = detail::make_lean<slow_actor>(s.runtime.system(), s.clock);
    actor->launch(nullptr, true, true);
    caf::anon_send(actor.handle(), 1);
    s.settle();
    BOOST_TEST(says(only(s, "BK004"), "slow actor"));
  }
  s.runtime.call_soon([&] { s.clock.advance(99ms); });
  s.settle();
}

BOOST_AUTO_TEST_CASE(without_debug_mode_nothing_is_said) {
  stage s(manual_clock::mode::by_hand);
  auto body = [&]() -> task<void> {
    s.clock.advance(10s);
    BOOST_CHECK_THROW(s.runtime.submit([]() -> task<void> { co_await yield(); }()).get(),
                      invalid_state);
    co_await sleep(1s);
  };
  start(s.runtime, body());
  s.advance(2s);
}

// -- BK005, BK006 ---------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_blocking_wait_inside_of_a_task_is_refused_and_reported) {
  stage s(watched());
  auto child = []() -> task<void> { co_await yield(); };
  auto main = [&]() -> task<void> {
    const auto given = s.runtime.submit(child());
    BOOST_CHECK_THROW(given.get(), invalid_state);
    const auto first = only(s, "BK005");
    BOOST_TEST(first.who == "main");
    BOOST_TEST(says(first, "submitted::get"));
    BOOST_CHECK_THROW(run(child()), invalid_state);
    BOOST_TEST(says(only(s, "BK005"), "second loop"));
    co_await given;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_belongs_to_another_task_is_refused_and_reported) {  // covers BAS-010
  stage s(watched());
  auto main = [&]() -> task<void> {
    const auto mine = current_task();
    auto other = [&](this_task kept) -> task<void> {
      BOOST_CHECK_THROW(kept.uncancel(), invalid_state);
      co_return;
    };
    start(other(mine), "thief");
    co_await yield();
  };
  s.run(main());
  const auto what = only(s, "BK006");
  BOOST_TEST(what.who == "thief");
  BOOST_TEST(says(what, "uncancel"));
}

// -- BK007 ----------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_wait_without_a_deadline_that_stalls_is_reported_once) {
  stage s(manual_clock::mode::by_hand, watched());
  auto body = []() -> task<void> { co_await never(wait_kind::reply, 4711); };
  const auto task = start(s.runtime, body(), "asker");
  s.settle();
  s.advance(59s);
  BOOST_TEST(s.take_incidents().empty());
  s.advance(2s);
  const auto what = only(s, "BK007");
  BOOST_TEST(what.who == "asker");
  BOOST_TEST(says(what, "a reply (actor 4711)"));
  BOOST_TEST(says(what, "watchdog_test.cpp"));
  s.advance(120s);
  s.advance(120s);
  task->cancel(std::make_exception_ptr(cancelled()));
  s.settle();
}

/// A scope with a deadline, as `timeout` makes one.
class limited final : public detail::cancel_scope {
 public:
  explicit limited(time_point when) : when_(when), stack_(*detail::here.stack) {
    stack_.enter(*this);
  }
  ~limited() { stack_.leave(*this); }

 private:
  std::exception_ptr take_request() noexcept override { return nullptr; }
  time_point deadline() const noexcept override { return when_; }
  time_point when_;
  detail::coro_stack& stack_;
};

BOOST_AUTO_TEST_CASE(waits_with_a_deadline_and_those_for_work_to_come_may_last) {
  stage s(manual_clock::mode::by_hand, watched());
  std::vector<lean_ref<detail::task_actor<void>>> all;
  for (const auto kind : {wait_kind::message, wait_kind::accept, wait_kind::signal,
                          wait_kind::broadcast, wait_kind::join, wait_kind::group}) {
    auto body = [](wait_kind k) -> task<void> { co_await never(k); };
    all.push_back(start(s.runtime, body(kind)));
  }
  auto sleeper = []() -> task<void> { co_await sleep(24h); };
  all.push_back(start(s.runtime, sleeper()));
  auto with_deadline = [&]() -> task<void> {
    const limited scope(s.runtime.now() + 10h);
    co_await never(wait_kind::reply);
  };
  all.push_back(start(s.runtime, with_deadline()));
  s.settle();
  for (int i = 0; i != 10; ++i) s.advance(60s);
  const auto status = s.runtime.all_tasks().back();
  BOOST_REQUIRE(status.waiting.has_value());
  BOOST_TEST(to_string(status, s.runtime.now()).find("s more at most") != std::string::npos);
  for (const auto& each : all) each->cancel(std::make_exception_ptr(cancelled()));
  s.settle();
}

// -- BK008 ----------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_lock_that_is_held_across_a_long_wait_is_reported_once) {
  stage s(manual_clock::mode::by_hand, watched());
  auto body = []() -> task<void> {
    hold_lock(77);
    co_await sleep(10s);
    co_await sleep(500ms);
  };
  start(s.runtime, body(), "holder");
  s.settle();
  s.advance(900ms);
  s.advance(900ms);
  const auto what = only(s, "BK008");
  BOOST_TEST(what.who == "holder");
  BOOST_TEST(says(what, "lock 77 is held across a long wait"));
  s.advance(20s);
  s.advance(600ms);
}

BOOST_AUTO_TEST_CASE(so_is_one_whose_long_wait_ended_before_anybody_looked) {
  stage s(manual_clock::mode::by_hand, watched());
  auto body = []() -> task<void> {
    hold_lock(78);
    co_await sleep(10s);
  };
  start(s.runtime, body(), "holder");
  s.settle();
  s.advance(10s);
  BOOST_TEST(says(only(s, "BK008"), "lock 78 was held across a long wait"));
}

// -- BK009 ----------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_mailbox_that_grows_is_reported_once_a_crossing) {
  stage s(manual_clock::mode::by_hand, watched());
  auto body = []() -> task<void> { co_await sleep(24h); };
  const auto task = start(s.runtime, body(), "collector");
  s.settle();
  for (int i = 0; i != 60; ++i) caf::anon_send(task.handle(), i);
  s.advance(1s);
  BOOST_TEST(s.take_incidents().empty());
  for (int i = 0; i != 60; ++i) caf::anon_send(task.handle(), i);
  s.advance(1s);
  const auto what = only(s, "BK009");
  BOOST_TEST(what.who == "collector");
  BOOST_TEST(says(what, "120 items"));
  for (int i = 0; i != 60; ++i) caf::anon_send(task.handle(), i);
  s.advance(1s);
  task->cancel(std::make_exception_ptr(cancelled()));
  s.settle();
}

class counting final : public lean_actor {
 public:
  counting(caf::actor_config& config, int& count) : lean_actor(config), count_(count) {}
  const char* name() const override { return "counting"; }

 protected:
  void on_message(caf::mailbox_element_ptr&) override { ++count_; }

 private:
  int& count_;
};

BOOST_AUTO_TEST_CASE(
    a_busy_actors_mailbox_is_seen_when_it_comes_to_it_and_again_after_it_was_empty) {
  stage s(manual_clock::mode::by_hand, watched());
  int count = 0;
  auto actor = detail::make_lean<counting>(s.runtime.system(), count);
  actor->track(shutdown_phase::ordinary);
  actor->launch(nullptr, true, true);
  for (int round = 1; round != 3; ++round) {
    for (int i = 0; i != 150; ++i) caf::anon_send(actor.handle(), i);
    s.settle();
    BOOST_TEST(count == 150 * round);
    BOOST_TEST(says(only(s, "BK009"), "the mailbox of counting"));
    s.advance(1s);
  }
}

// -- BK011 ----------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(tasks_that_wait_for_each_other_are_reported_once) {
  stage s(manual_clock::mode::by_hand, watched());
  lean_ref<detail::task_actor<void>> first;
  lean_ref<detail::task_actor<void>> second;
  auto waiting = [](const lean_ref<detail::task_actor<void>>& whom) -> task<void> {
    co_await yield();
    co_await never(wait_kind::join, whom->id());
  };
  first = start(s.runtime, waiting(second), "first");
  second = start(s.runtime, waiting(first), "second");
  s.settle();
  for (int i = 0; i != 5; ++i) s.advance(2s);
  const auto what = only(s, "BK011");
  BOOST_TEST(says(what, "first"));
  BOOST_TEST(says(what, "second"));
  first->cancel(std::make_exception_ptr(cancelled()));
  second->cancel(std::make_exception_ptr(cancelled()));
  s.settle();
}

// -- for real -------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_loop_that_sleeps_wakes_to_look_and_others_do_not) {
  std::atomic<int> stalls{0};
  runtime_options options;
  options.signals = signal_handling::none;
  options.debug = true;
  options.limits.stalled_wait = 10ms;
  options.workers = 2;
  options.on_incident = [&](const incident& what) {
    if (what.code == "BK007" && ++stalls == 1) runtime::current().stop();
  };
  runtime owner(options);
  auto body = []() -> task<void> { co_await never(wait_kind::lock); };
  start(owner, body());
  owner.run_forever();
  BOOST_TEST(stalls == 1);
}

BOOST_AUTO_TEST_CASE(a_turn_that_blocks_its_thread_is_slow) {
  std::atomic<int> slow{0};
  runtime_options options;
  options.signals = signal_handling::none;
  options.debug = true;
  options.limits.slow_turn = 1ms;
  options.on_incident = [&](const incident& what) {
    if (what.code == "BK004") ++slow;
  };
  auto main = []() -> task<void> {
    const auto until = std::chrono::steady_clock::now() + 3ms;
    while (std::chrono::steady_clock::now() < until) {
    }
    co_return;
  };
  run(main(), options);
  BOOST_TEST(slow >= 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
