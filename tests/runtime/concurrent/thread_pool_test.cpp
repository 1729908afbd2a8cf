// The pool without any runtime, so that the thread sanitizer sees all of it.
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/thread_pool.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <pthread.h>

namespace buskin::detail {

namespace {

std::mutex failures_mutex;
std::vector<std::string> failures;  // guarded by failures_mutex

}  // namespace

// In a program with a runtime this becomes an incident.
void report_job_failure(const void*, const std::exception_ptr& error,
                        const std::source_location&) noexcept {
  std::lock_guard guard(failures_mutex);
  failures.push_back(describe(error));
}
const void* job_origin() noexcept { return nullptr; }

}  // namespace buskin::detail

using namespace buskin;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> take_failures() {
  std::lock_guard guard(detail::failures_mutex);
  return std::exchange(detail::failures, {});
}

/// Holds threads until it is opened.
class gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    news_.notify_all();
    news_.wait(lock, [this] { return open_; });
  }
  void open() {
    std::lock_guard guard(mutex_);
    open_ = true;
    news_.notify_all();
  }
  void await_arrivals(int count) {
    std::unique_lock lock(mutex_);
    news_.wait(lock, [&] { return arrived_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable news_;
  int arrived_ = 0;    // guarded by mutex_
  bool open_ = false;  // guarded by mutex_
};

template <class F>
void await(F condition) {
  while (!condition()) std::this_thread::yield();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(thread_pool_)

BOOST_AUTO_TEST_CASE(jobs_run_on_the_threads_of_the_pool_which_have_names) {
  std::mutex mutex;
  std::set<std::string> names;
  gate hold;
  {
    thread_pool pool({.name = "a-rather-long-name", .threads = 3});
    for (int i = 0; i != 3; ++i)
      pool.execute([&] {
        char name[16] = {};
        ::pthread_getname_np(::pthread_self(), name, sizeof name);
        {
          std::lock_guard guard(mutex);
          names.insert(name);
        }
        hold.pass();
      });
    hold.await_arrivals(3);
    const auto running = pool.running();
    BOOST_TEST(running.size() == 3U);
    BOOST_TEST(running.front().pool == "a-rather-long-name");
    BOOST_TEST(to_string(running.front(), running.front().since + 1500ms)
                   .starts_with("a job of thread \"a-rather-long-name-"));
    hold.open();
  }
  BOOST_TEST(
      (names == std::set<std::string>{"a-rather-long-0", "a-rather-long-1", "a-rather-long-2"}));
}

BOOST_AUTO_TEST_CASE(one_thread_runs_jobs_in_the_order_in_which_they_came) {
  std::vector<int> order;
  {
    thread_pool pool({.threads = 1});
    for (int i = 0; i != 100; ++i) pool.execute([&order, i] { order.push_back(i); });
  }
  BOOST_TEST(order.size() == 100U);
  BOOST_TEST(std::is_sorted(order.begin(), order.end()));
}

BOOST_AUTO_TEST_CASE(many_threads_hand_over_jobs_and_each_runs_once) {
  constexpr int writers = 4;
  constexpr int each = 2000;
  std::vector<std::atomic<int>> runs(writers * each);
  {
    thread_pool pool({.threads = 3, .capacity = 16});
    std::vector<std::thread> threads;
    for (int w = 0; w != writers; ++w)
      threads.emplace_back([&, w] {
        for (int i = 0; i != each; ++i)
          pool.execute([&runs, place = w * each + i] { ++runs[static_cast<std::size_t>(place)]; });
      });
    for (auto& thread : threads) thread.join();
    BOOST_TEST(pool.threads() <= 3U);
  }
  BOOST_TEST(std::all_of(runs.begin(), runs.end(), [](const auto& count) { return count == 1; }));
}

// Part of M10.
BOOST_AUTO_TEST_CASE(a_full_pool_refuses_and_tells_why) {
  gate hold;
  std::atomic<int> ran{0};
  {
    thread_pool pool({.name = "files", .threads = 1, .capacity = 1, .full = when_full::refuse});
    pool.execute([&] { hold.pass(); });
    hold.await_arrivals(1);
    pool.execute([&] { ++ran; });
    BOOST_TEST(pool.queued_count() == 1U);
    BOOST_CHECK_EXCEPTION(pool.execute([&] { ran += 100; }), executor_full,
                          [](const executor_full& error) {
                            return std::string(error.what())
                                .starts_with("thread pool \"files\" is full: 1 threads are busy");
                          });
    BOOST_TEST(!pool.try_execute([&] { ran += 100; }));
    BOOST_CHECK_THROW(pool.enqueue([&] { ran += 100; }), executor_full);
    hold.open();
  }
  BOOST_TEST(ran == 1);
  // Whoever was refused knows already.
  BOOST_TEST(take_failures().empty());
}

BOOST_AUTO_TEST_CASE(a_full_pool_lets_callers_wait_for_room_and_serves_them_in_order) {
  gate hold;
  std::vector<int> order;
  thread_pool pool({.threads = 1, .capacity = 1});
  pool.execute([&] { hold.pass(); });
  hold.await_arrivals(1);
  pool.execute([&] { order.push_back(1); });
  std::atomic<bool> returned{false};
  std::thread caller([&] {
    pool.execute([&] { order.push_back(2); });
    returned = true;
  });
  await([&] { return pool.waiting_count() == 1; });
  pool.enqueue([&] { order.push_back(3); });  // waits in line without holding anybody up
  BOOST_TEST(pool.waiting_count() == 2U);
  BOOST_TEST(!returned);
  BOOST_TEST(!pool.try_execute([&] { order.push_back(4); }));
  hold.open();
  caller.join();
  BOOST_TEST(returned);
  pool.shutdown();
  pool.join();
  BOOST_TEST((order == std::vector<int>{1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(a_pool_without_capacity_takes_what_a_thread_can_run_at_once) {
  gate hold;
  thread_pool pool({.threads = 2, .capacity = 0, .full = when_full::refuse});
  pool.execute([&] { hold.pass(); });
  pool.execute([&] { hold.pass(); });
  hold.await_arrivals(2);
  BOOST_CHECK_THROW(pool.execute([] {}), executor_full);
  hold.open();
  await([&] { return pool.idle_threads() == 2; });
  std::atomic<bool> ran{false};
  pool.execute([&] { ran = true; });
  pool.shutdown();
  pool.join();
  BOOST_TEST(ran);
}

BOOST_AUTO_TEST_CASE(a_thread_is_started_for_work_and_ends_when_it_is_idle_for_long) {
  thread_pool pool({.threads = 4, .idle_time = 1ms});
  BOOST_TEST(pool.threads() == 0U);
  for (int i = 0; i != 3; ++i) {
    std::atomic<bool> ran{false};
    pool.execute([&] { ran = true; });
    await([&] { return ran.load(); });
    BOOST_TEST(pool.threads() <= 2U);
    await([&] { return pool.threads() == 0; });
  }
}

BOOST_AUTO_TEST_CASE(an_idle_thread_is_taken_before_another_is_started) {
  thread_pool pool({.threads = 8});
  for (int i = 0; i != 20; ++i) {
    pool.execute([] {});
    // In this order: a job that was taken is nobody's until its thread is idle again.
    await([&] { return pool.queued_count() == 0 && pool.idle_threads() == pool.threads(); });
  }
  BOOST_TEST(pool.threads() == 1U);
}

BOOST_AUTO_TEST_CASE(what_a_job_throws_is_reported_and_the_thread_goes_on) {
  {
    thread_pool pool({.threads = 1});
    pool.execute([] { throw std::runtime_error("no luck"); });
    pool.execute([] { throw 7; });
  }
  const auto told = take_failures();
  BOOST_REQUIRE(told.size() == 2U);
  BOOST_TEST(told.front() == "no luck");
}

// Part of M10: the thread dies.
BOOST_AUTO_TEST_CASE(a_thread_that_a_job_ends_is_replaced) {
  std::atomic<bool> ran{false};
  {
    thread_pool pool({.threads = 1});
    pool.execute([] { ::pthread_exit(nullptr); });
    pool.execute([&] { ran = true; });
  }
  BOOST_TEST(ran);
  const auto told = take_failures();
  BOOST_REQUIRE(told.size() == 1U);
  BOOST_TEST(told.front() == "the thread that ran a job ended in the middle of it");
}

BOOST_AUTO_TEST_CASE(a_shutdown_lets_queued_jobs_run) {
  gate hold;
  std::atomic<int> ran{0};
  thread_pool pool({.threads = 1});
  pool.execute([&] { hold.pass(); });
  hold.await_arrivals(1);
  for (int i = 0; i != 5; ++i) pool.execute([&] { ++ran; });
  pool.shutdown(queued_jobs::run, "we are done");
  BOOST_TEST(pool.is_shut_down());
  BOOST_CHECK_EXCEPTION(
      pool.execute([&] { ran += 100; }), executor_shutdown, [](const executor_shutdown& error) {
        return std::string(error.what()) == "thread pool \"pool\" takes no more jobs: we are done";
      });
  BOOST_TEST(!pool.join_for(1ms));
  hold.open();
  pool.join();
  BOOST_TEST(ran == 5);
  BOOST_TEST(pool.threads() == 0U);
}

// Part of M10: a shutdown with queued jobs.
BOOST_AUTO_TEST_CASE(a_shutdown_may_cancel_queued_jobs_with_a_reason) {
  gate hold;
  std::atomic<int> ran{0};
  thread_pool pool({.threads = 1});
  pool.execute([&] { hold.pass(); });
  hold.await_arrivals(1);
  pool.execute([&] { ++ran; });
  pool.execute([&] { ++ran; });
  pool.shutdown(queued_jobs::cancel, "the disk is gone");
  const auto told = take_failures();
  BOOST_REQUIRE(told.size() == 2U);
  BOOST_TEST(told.front() ==
             "the job did not run, thread pool \"pool\" was shut down before: the disk is gone");
  hold.open();
  pool.join();
  BOOST_TEST(ran == 0);
}

BOOST_AUTO_TEST_CASE(a_caller_who_waits_for_room_is_told_of_the_shutdown) {
  gate hold;
  thread_pool pool({.threads = 1, .capacity = 0});
  pool.execute([&] { hold.pass(); });
  hold.await_arrivals(1);
  std::atomic<bool> told{false};
  std::thread caller([&] {
    try {
      pool.execute([] {});
    } catch (const executor_shutdown&) {
      told = true;
    }
  });
  await([&] { return pool.waiting_count() == 1; });
  pool.shutdown(queued_jobs::cancel);
  caller.join();
  BOOST_TEST(told);
  BOOST_TEST(take_failures().empty());
  hold.open();
}

BOOST_AUTO_TEST_CASE(a_pool_cannot_be_joined_by_its_own_thread) {
  std::atomic<bool> refused{false};
  {
    thread_pool pool({.threads = 1});
    pool.execute([&] {
      try {
        pool.join();
      } catch (const invalid_state&) {
        refused = true;
      }
    });
  }
  BOOST_TEST(refused);
}

BOOST_AUTO_TEST_CASE(a_thread_whose_preparation_fails_breaks_the_pool) {
  thread_pool pool({.threads = 1, .on_thread_start = [] { throw std::runtime_error("no font"); }});
  pool.execute([] {});
  await([&] { return pool.threads() == 0; });
  const auto told = take_failures();
  BOOST_REQUIRE(told.size() == 1U);
  BOOST_TEST(told.front().find("no font") != std::string::npos);
  BOOST_CHECK_THROW(pool.execute([] {}), executor_shutdown);
}

namespace {

/// While it exists no thread can be started: there is no room for such a stack.
class no_more_threads {
 public:
  no_more_threads() {
    ::pthread_attr_init(&usual_);
    ::pthread_getattr_default_np(&usual_);
    pthread_attr_t huge;
    ::pthread_attr_init(&huge);
    ::pthread_attr_setstacksize(&huge, std::size_t{1} << 46);
    ::pthread_setattr_default_np(&huge);
    ::pthread_attr_destroy(&huge);
  }
  ~no_more_threads() {
    ::pthread_setattr_default_np(&usual_);
    ::pthread_attr_destroy(&usual_);
  }
  no_more_threads(const no_more_threads&) = delete;
  no_more_threads& operator=(const no_more_threads&) = delete;

 private:
  pthread_attr_t usual_;
};

}  // namespace

// covers TRI-033
BOOST_AUTO_TEST_CASE(when_no_thread_can_be_started_the_job_is_refused_and_its_place_is_free_again) {
  gate hold;
  std::atomic<int> ran{0};
  {
    thread_pool pool({.threads = 2, .capacity = 0, .full = when_full::refuse});
    {
      const no_more_threads now;
      BOOST_CHECK_THROW(pool.execute([&] { ran += 100; }), std::system_error);
      BOOST_CHECK_THROW(pool.execute([&] { ran += 100; }), std::system_error);
    }
    BOOST_TEST(pool.queued_count() == 0U);
    pool.execute([&] {
      hold.pass();
      ++ran;
    });
    hold.await_arrivals(1);
    {
      // One thread is there: what was taken waits for it.
      const no_more_threads now;
      pool.execute([&] { ++ran; });
      BOOST_CHECK_THROW(pool.execute([&] { ran += 100; }), executor_full);
    }
    hold.open();
  }
  BOOST_TEST(ran == 2);
  BOOST_TEST(take_failures().empty());
}

BOOST_AUTO_TEST_CASE(a_job_that_is_dropped_unrun_is_refused) {
  {
    const job lost([] {});
    const job copy = lost;
    BOOST_TEST(copy.wanted());
  }
  const auto told = take_failures();
  BOOST_REQUIRE(told.size() == 1U);
  BOOST_TEST(told.front().starts_with("the executor dropped a job"));
}

BOOST_AUTO_TEST_CASE(copies_of_a_job_are_the_same_job_which_runs_once) {
  int runs = 0;
  const job work([&] { ++runs; });
  const job copy = work;
  copy();
  work();
  work.refuse(std::make_exception_ptr(std::runtime_error("too late")));
  BOOST_TEST(runs == 1);
  BOOST_TEST(!work.wanted());
  BOOST_TEST(take_failures().empty());
}

BOOST_AUTO_TEST_CASE(python_s_number_of_threads_is_the_default) {
  BOOST_TEST(thread_pool::default_threads() >= 5U);
  BOOST_TEST(thread_pool::default_threads() <= 32U);
  const thread_pool pool;
  BOOST_TEST(pool.options().threads == thread_pool::default_threads());
}

BOOST_AUTO_TEST_SUITE_END()
