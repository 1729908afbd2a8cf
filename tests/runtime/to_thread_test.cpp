#include <buskin/runtime/to_thread.hpp>

#include <buskin/runtime/local.hpp>
#include <buskin/runtime/run_on.hpp>
#include <buskin/runtime/sleep.hpp>

#include <support/instances.hpp>
#include <support/stage.hpp>

#include <asio/io_context.hpp>
#include <caf/send.hpp>

#include <pthread.h>

#include <atomic>
#include <barrier>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

using namespace buskin;
using namespace buskin::test;
using namespace std::chrono_literals;

namespace {

template <class T>
lean_ref<detail::task_actor<T>> start(stage& s, task<T> body) {
  return detail::start_task(s.runtime, std::move(body), {"subject"},
                            std::source_location::current());
}

/// Polls until a condition holds that another thread brings about.
template <class F>
void await(stage& s, F condition) {
  while (!condition()) {
    s.runtime.poll();
    std::this_thread::yield();
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(to_thread_)

// covers THR-001, EVT-006, FUT-022
BOOST_AUTO_TEST_CASE(a_blocking_function_runs_on_another_thread_and_its_value_is_awaited) {
  stage s;
  const auto here = std::this_thread::get_id();
  const auto there = s.run([]() -> task<std::thread::id> {
    co_return co_await to_thread([] { return std::this_thread::get_id(); });
  }());
  BOOST_TEST((there != here));
}

// covers THR-002
BOOST_AUTO_TEST_CASE(what_the_function_throws_is_thrown_at_the_await) {
  stage s;
  s.run([]() -> task<void> {
    std::string text;
    try {
      co_await to_thread([] { throw std::out_of_range("too far"); });
    } catch (const std::out_of_range& error) {
      text = error.what();
    }
    BOOST_TEST(text == "too far");
  }());
}

namespace {

task<void> meet(std::barrier<>& all, int& met) {
  co_await to_thread([&all] { all.arrive_and_wait(); });
  ++met;
}

}  // namespace

// covers THR-004
BOOST_AUTO_TEST_CASE(ten_functions_at_the_same_time_all_run) {
  stage s({.default_executor = {.threads = 10}});
  std::barrier all(10);  // passed only if all ten run at the same time
  int met = 0;
  for (int i = 0; i != 10; ++i) start(s, meet(all, met));
  await(s, [&] { return met == 10; });
}

// covers THR-005
BOOST_AUTO_TEST_CASE(arguments_are_passed_through_and_may_be_move_only_as_the_result_may) {
  stage s;
  s.run([]() -> task<void> {
    int counter = 3;
    auto sum = co_await to_thread(
        [](int a, std::unique_ptr<int> b, int& c) {
          c = 4;
          return std::make_unique<int>(a + *b);
        },
        1, std::make_unique<int>(2), std::ref(counter));
    BOOST_TEST(*sum == 3);
    BOOST_TEST(counter == 4);
  }());
}

BOOST_AUTO_TEST_CASE(what_the_function_held_is_gone_when_the_task_goes_on) {
  stage s;
  s.run([]() -> task<void> {
    int alive = 0;
    co_await to_thread([held = instance(alive)](const instance&) {}, instance(alive));
    BOOST_TEST(alive == 0);
  }());
}

namespace {

local<std::string> user("user", "nobody");

}  // namespace

BOOST_AUTO_TEST_CASE(the_caller_s_locals_are_visible_in_the_function_which_cannot_change_them) {
  stage s;
  s.run([]() -> task<void> {
    user.set("ada");
    const auto seen = co_await to_thread([] {
      auto name = user.get();
      user.set("eve");
      return name + ", then " + user.get();
    });
    BOOST_TEST(seen == "ada, then eve");
    BOOST_TEST(user.get() == "ada");
    BOOST_TEST(co_await to_thread([] { return user.get(); }) == "ada");
  }());
}

// covers FUT-025: a job that has not started is withdrawn.
BOOST_AUTO_TEST_CASE(cancelling_withdraws_a_job_that_has_not_begun) {
  stage s({.default_executor = {.threads = 1}});
  std::binary_semaphore open(0);
  bool ran = false;
  int alive = 0;
  auto first = start(s, [](std::binary_semaphore& gate) -> task<void> {
    co_await to_thread([&gate] { gate.acquire(); });
  }(open));
  await(s, [&] { return s.runtime.default_executor().running().size() == 1; });
  auto second = start(s, [](bool& flag, int& count) -> task<void> {
    co_await to_thread([&flag, held = instance(count)] { flag = true; });
  }(ran, alive));
  s.settle();
  BOOST_TEST(s.runtime.default_executor().queued_count() == 1U);
  BOOST_TEST(alive != 0);
  second->cancel(std::make_exception_ptr(cancelled("enough")));
  s.settle();
  BOOST_TEST((second->state() == detail::task_state::cancelled));
  BOOST_TEST(s.runtime.default_executor().queued_count() == 0U);
  BOOST_TEST(alive == 0);
  open.release();
  await(s, [&] { return first->done(); });
  BOOST_TEST(!ran);
}

// covers TRI-033: the slot is held until the job really ends.
BOOST_AUTO_TEST_CASE(cancelling_abandons_a_job_that_runs_and_asks_it_to_stop) {
  stage s({.default_executor = {.threads = 1}});
  std::atomic<bool> began{false};
  std::atomic<bool> stopped{false};
  std::binary_semaphore open(0);
  int alive = 0;
  struct job_of {
    static task<void> run(std::atomic<bool>& began, std::atomic<bool>& stopped,
                          std::binary_semaphore& gate, int& count) {
      co_await to_thread(
          [&](std::stop_token stop, int) {
            began = true;
            while (!stop.stop_requested()) std::this_thread::yield();
            stopped = true;
            gate.acquire();
            return instance(count);  // dropped, not leaked
          },
          7);
    }
  };
  auto subject = start(s, job_of::run(began, stopped, open, alive));
  await(s, [&] { return began.load(); });
  subject->cancel(std::make_exception_ptr(cancelled("enough")));
  await(s, [&] { return subject->done(); });
  BOOST_TEST((subject->state() == detail::task_state::cancelled));
  await(s, [&] { return stopped.load(); });
  auto& pool = s.runtime.default_executor();
  BOOST_TEST(pool.running().size() == 1U);
  BOOST_TEST(!pool.try_execute([] {}) == false);  // it queues behind the abandoned one
  BOOST_TEST(pool.queued_count() == 1U);
  open.release();
  await(s, [&] { return pool.running().empty() && pool.queued_count() == 0; });
  BOOST_TEST(alive == 0);
}

// covers FUT-026
BOOST_AUTO_TEST_CASE(a_cancellation_that_comes_with_the_result_wins_and_the_pool_is_unharmed) {
  stage s;
  std::binary_semaphore open(0);
  auto subject = start(s, [](std::binary_semaphore& gate) -> task<int> {
    co_return co_await to_thread([&gate] {
      gate.acquire();
      return 1;
    });
  }(open));
  await(s, [&] { return s.runtime.default_executor().running().size() == 1; });
  open.release();
  while (!s.runtime.default_executor().running().empty()) std::this_thread::yield();
  subject->cancel(std::make_exception_ptr(cancelled("late")));
  await(s, [&] { return subject->done(); });
  BOOST_TEST((subject->state() == detail::task_state::cancelled));
}

BOOST_AUTO_TEST_CASE(a_task_that_is_cancelled_before_it_asks_hands_no_job_over) {
  stage s;
  bool ran = false;
  auto subject = start(s, [](stage& s, bool& flag) -> task<void> {
    static_cast<void>(s);
    auto* self = static_cast<detail::task_actor_base*>(detail::here.actor);
    self->cancel(std::make_exception_ptr(cancelled()));
    co_await to_thread([&flag] { flag = true; });
  }(s, ran));
  s.settle();
  BOOST_TEST((subject->state() == detail::task_state::cancelled));
  BOOST_TEST(!ran);
}

BOOST_AUTO_TEST_CASE(a_function_for_a_thread_can_only_be_awaited_inside_a_task) {
  to_thread call([] {});
  BOOST_CHECK_THROW(call.await_ready(), invalid_state);
}

BOOST_AUTO_TEST_CASE(time_that_jumps_stands_still_while_a_job_is_awaited) {
  stage s;
  s.run([](stage& s) -> task<void> {
    std::atomic<bool> slept{false};
    auto sleeper = start(s, [](std::atomic<bool>& flag) -> task<void> {
      co_await sleep(1h);
      flag = true;
    }(slept));
    const bool early = co_await to_thread([&] {
      std::this_thread::sleep_for(5ms);
      return slept.load();
    });
    BOOST_TEST(!early);
    co_await sleep(2h);
    BOOST_TEST(slept);
  }(s));
}

BOOST_AUTO_TEST_CASE(time_goes_on_after_a_task_was_killed_when_its_job_had_just_ended) {
  stage s;
  auto subject = start(s, []() -> task<void> { co_await to_thread([] {}); }());
  await(s, [&] { return subject->waiting() != nullptr || subject->done(); });
  while (!s.runtime.default_executor().running().empty() ||
         s.runtime.default_executor().queued_count() != 0)
    std::this_thread::yield();
  caf::anon_send_exit(subject.handle(), caf::exit_reason::kill);
  s.run([]() -> task<void> { co_await sleep(1h); }());
  BOOST_TEST(subject->done());
}

BOOST_AUTO_TEST_CASE(the_task_list_shows_who_waits_for_a_job_and_where) {
  stage s;
  std::binary_semaphore open(0);
  auto subject = start(s, [](std::binary_semaphore& gate) -> task<void> {
    co_await to_thread([&gate] { gate.acquire(); });
  }(open));
  s.settle();
  const auto all = s.runtime.all_tasks();
  BOOST_REQUIRE(all.size() == 1U);
  BOOST_REQUIRE(all.front().waiting.has_value());
  BOOST_TEST((all.front().waiting->kind == wait_kind::job));
  BOOST_TEST(to_string(all.front().waiting->where).starts_with("to_thread_test.cpp:"));
  open.release();
  await(s, [&] { return subject->done(); });
}

BOOST_AUTO_TEST_CASE(with_several_workers_every_task_gets_its_own_result) {
  stage s({.workers = 3, .default_executor = {.threads = 4}});
  std::atomic<int> right{0};
  constexpr int tasks = 200;
  for (int i = 0; i != tasks; ++i)
    start(s, [](int n, std::atomic<int>& count) -> task<void> {
      for (int k = 0; k != 5; ++k)
        if (co_await to_thread([](int a, int b) { return a * b; }, n, k) == n * k) ++count;
    }(i, right));
  await(s, [&] { return right == tasks * 5; });
}

// -- the default executor ---------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_default_executor_is_made_when_it_is_first_used_and_can_be_replaced) {
  stage s({.default_executor = {.name = "blocking", .threads = 2}});
  BOOST_TEST(s.runtime.default_executor().options().name == "blocking");
  auto mine = std::make_shared<thread_pool>(thread_pool_options{.name = "mine", .threads = 1});
  s.runtime.set_default_executor(mine);
  BOOST_TEST(&s.runtime.default_executor() == mine.get());
  s.run([]() -> task<void> {
    const auto name = co_await to_thread([] {
      char buffer[16] = {};
      ::pthread_getname_np(::pthread_self(), buffer, sizeof buffer);
      return std::string(buffer);
    });
    BOOST_TEST(name == "mine-0");
  }());
  BOOST_CHECK_THROW(s.runtime.set_default_executor(nullptr), std::invalid_argument);
  s.runtime.shutdown();
  BOOST_TEST(mine->is_shut_down());
  BOOST_CHECK_THROW(s.runtime.set_default_executor(mine), invalid_state);
  BOOST_CHECK_THROW(s.runtime.default_executor().execute([] {}), executor_shutdown);
}

BOOST_AUTO_TEST_CASE(after_a_shutdown_there_is_no_default_executor_to_be_made) {
  stage s;
  s.runtime.shutdown();
  BOOST_CHECK_THROW(s.runtime.default_executor(), invalid_state);
}

BOOST_AUTO_TEST_CASE(shutdown_waits_for_jobs_that_nobody_awaits_any_more) {
  std::atomic<bool> finished{false};
  std::atomic<bool> queued_ran{false};
  {
    stage s({.default_executor = {.threads = 1}});
    std::atomic<bool> began{false};
    start(s, [](std::atomic<bool>& a, std::atomic<bool>& b) -> task<void> {
      co_await to_thread([&a, &b](std::stop_token stop) {
        a = true;
        while (!stop.stop_requested()) std::this_thread::yield();
        std::this_thread::sleep_for(5ms);
        b = true;
      });
    }(began, finished));
    await(s, [&] { return began.load(); });
    s.runtime.default_executor().execute([&] { queued_ran = true; });
    const auto& report = s.runtime.shutdown();  // cancels the task, which abandons the job
    BOOST_TEST(report.clean(), to_string(report));
    BOOST_TEST(finished);
    BOOST_TEST(queued_ran);
  }
}

// covers EVT-007
BOOST_AUTO_TEST_CASE(shutdown_names_jobs_that_do_not_end_and_goes_on_without_them) {
  auto open = std::make_shared<std::binary_semaphore>(0);
  auto ended = std::make_shared<std::binary_semaphore>(0);
  std::vector<incident> told;
  {
    manual_clock clock;
    runtime owner({.clock = &clock,
                   .signals = signal_handling::none,
                   .shutdown_timeout = 20ms,
                   .on_incident = [&](const incident& what) { told.push_back(what); },
                   .default_executor = {.name = "stuck", .threads = 1}});
    const auto stuck = [](auto open, auto ended) -> task<void> {
      co_await to_thread([open, ended] {
        open->acquire();
        ended->release();
      });
    };
    detail::start_task(owner, stuck(open, ended), {"stuck"}, std::source_location::current());
    owner.run_until_complete([](runtime& r) -> task<void> {
      while (r.default_executor().running().empty()) co_await yield();
      r.default_executor().execute([] {});
    }(owner));
    const auto& report = owner.shutdown();
    BOOST_TEST(!report.clean());
    BOOST_REQUIRE(report.jobs.size() == 1U);
    BOOST_TEST(report.jobs.front().thread == "stuck-0");
    BOOST_TEST(to_string(report).find("did not end: a job of thread \"stuck-0\", asked for at "
                                      "to_thread_test.cpp:") != std::string::npos);
  }
  // What was queued behind it was refused with the reason.
  BOOST_REQUIRE(told.size() == 1U);
  BOOST_TEST(told.front().code == "BK030");
  BOOST_TEST(told.front().text.find("when the time for the shutdown was up") != std::string::npos);
  open->release();  // touches nothing of the runtime that is gone
  ended->acquire();
}

BOOST_AUTO_TEST_CASE(a_job_that_nobody_awaits_and_that_throws_is_an_incident) {
  stage s;
  s.run([](runtime& r) -> task<void> {
    r.default_executor().execute([] { throw std::runtime_error("lost"); });
    co_return;
  }(s.runtime));
  s.runtime.shutdown();
  const auto told = s.take_incidents();
  BOOST_REQUIRE(told.size() == 1U);
  BOOST_TEST(told.front().code == "BK030");
  BOOST_TEST(told.front().text.starts_with("a job that nobody awaits failed: lost"));
}

// -- run_on -----------------------------------------------------------------------------------

namespace {

/// An executor of a user: runs what it was given when it is told to.
class by_hand {
 public:
  void execute(job work) { jobs.push_back(std::move(work)); }
  std::vector<job> jobs;
};
static_assert(executor<by_hand>);

}  // namespace

BOOST_AUTO_TEST_CASE(any_executor_runs_a_function_and_the_task_goes_on_where_it_was) {
  stage s;
  by_hand mine;
  auto subject = start(s, [](by_hand& mine) -> task<int> {
    co_return co_await run_on(mine, [] { return 5; });
  }(mine));
  s.settle();
  BOOST_REQUIRE(mine.jobs.size() == 1U);
  BOOST_TEST(mine.jobs.front().wanted());
  BOOST_TEST(!subject->done());
  std::thread([&] { mine.jobs.front()(); }).join();
  s.settle();
  BOOST_TEST(subject->result<true>() == 5);
}

BOOST_AUTO_TEST_CASE(an_executor_that_drops_or_refuses_a_job_leaves_nobody_waiting) {
  stage s;
  by_hand mine;
  const auto ask = [&] {
    auto subject = start(s, [](by_hand& mine) -> task<std::string> {
      try {
        co_await run_on(mine, [] {});
      } catch (const broken_promise&) {
        co_return "broken promise";
      } catch (const executor_shutdown& error) {
        co_return error.what();
      }
      co_return "ran";
    }(mine));
    s.settle();
    return subject;
  };
  auto dropped = ask();
  mine.jobs.clear();
  auto refused = ask();
  mine.jobs.front().refuse(std::make_exception_ptr(executor_shutdown("closing time")));
  s.settle();
  BOOST_TEST(dropped->result<true>() == "broken promise");
  BOOST_TEST(refused->result<true>() == "closing time");
}

BOOST_AUTO_TEST_CASE(a_withdrawn_job_does_nothing_when_the_executor_calls_it) {
  stage s;
  by_hand mine;
  bool ran = false;
  auto subject = start(s, [](by_hand& mine, bool& flag) -> task<void> {
    co_await run_on(mine, [&flag] { flag = true; });
  }(mine, ran));
  s.settle();
  subject->cancel(std::make_exception_ptr(cancelled()));
  s.settle();
  BOOST_TEST(subject->done());
  BOOST_TEST(!mine.jobs.front().wanted());
  mine.jobs.front()();
  BOOST_TEST(!ran);
}

BOOST_AUTO_TEST_CASE(a_full_pool_makes_the_task_wait_or_refuses_it_and_the_loop_goes_on) {
  stage s;
  std::counting_semaphore<2> open(0);
  thread_pool waiting({.threads = 1, .capacity = 0});
  thread_pool refusing({.threads = 1, .capacity = 0, .full = when_full::refuse});
  for (auto* pool : {&waiting, &refusing}) {
    pool->execute([&open] { open.acquire(); });
    while (pool->running().empty()) std::this_thread::yield();
  }
  s.run([](thread_pool& refusing) -> task<void> {
    bool full = false;
    try {
      co_await run_on(refusing, [] {});
    } catch (const executor_full&) {
      full = true;
    }
    BOOST_TEST(full);
  }(refusing));
  auto subject = start(s, [](thread_pool& waiting) -> task<int> {
    co_return co_await run_on(waiting, [] { return 1; });
  }(waiting));
  s.settle();
  BOOST_TEST(waiting.waiting_count() == 1U);
  BOOST_TEST(!subject->done());
  open.release(2);
  await(s, [&] { return subject->done(); });
}

BOOST_AUTO_TEST_CASE(an_asio_executor_runs_functions_too) {
  stage s;
  asio::io_context other;
  auto subject = start(s, [](asio::io_context& io) -> task<int> {
    co_return co_await run_on(io.get_executor(), [] { return 9; });
  }(other));
  s.settle();
  std::thread([&] { other.run(); }).join();
  s.settle();
  BOOST_TEST(subject->result<true>() == 9);
}

BOOST_AUTO_TEST_CASE(a_pool_that_is_shut_down_refuses_the_tasks_whose_jobs_are_queued) {
  stage s;
  std::binary_semaphore open(0);
  thread_pool pool({.threads = 1});
  pool.execute([&open] { open.acquire(); });
  while (pool.running().empty()) std::this_thread::yield();
  auto subject = start(s, [](thread_pool& pool) -> task<std::string> {
    try {
      co_await run_on(pool, [] {});
    } catch (const executor_shutdown& error) {
      co_return error.what();
    }
    co_return "";
  }(pool));
  s.settle();
  pool.shutdown(queued_jobs::cancel, "no more");
  s.settle();
  BOOST_TEST(subject->result<true>() ==
             "the job did not run, thread pool \"pool\" was shut down before: no more");
  open.release();
}

BOOST_AUTO_TEST_SUITE_END()
