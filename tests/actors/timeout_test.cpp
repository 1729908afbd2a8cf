// Deadlines.
#include <buskin/actors/timeout.hpp>

#include <buskin/actors/queue.hpp>
#include <buskin/actors/shield.hpp>
#include <buskin/actors/task_group.hpp>
#include <buskin/actors/time_limit.hpp>
#include <buskin/runtime/detail/worker.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::detail::here;
using buskin::test::journal;
using buskin::test::stage;

task<int> number(int value, duration delay) {
  co_await sleep(delay);
  co_return value;
}

/// Swallows its cancellation and takes its time.
task<int> stubborn(duration cleanup, bool& cleaned) {
  try {
    co_await sleep(1h);
  } catch (const cancelled&) {
  }
  co_await sleep(cleanup);
  cleaned = true;
  co_return 7;
}

/// Takes its time when it is cancelled, then ends as cancelled.
task<int> tidy(duration cleanup, bool& cleaned) {
  std::exception_ptr interrupted;
  try {
    co_await sleep(1h);
  } catch (const cancelled&) {
    interrupted = std::current_exception();
  }
  co_await sleep(cleanup);
  cleaned = true;
  std::rethrow_exception(interrupted);
}

BOOST_AUTO_TEST_SUITE(timeout_)

BOOST_AUTO_TEST_CASE(a_deadline_that_passes_throws_and_says_so) {  // covers TMO-001
  stage s;
  auto main = []() -> task<void> {
    bool expired = false;
    bool threw = false;
    try {
      co_await timeout(1s, [&](timeout_scope& scope) -> task<void> {
        try {
          co_await sleep(1h);
        } catch (...) {
          expired = scope.expired();
          throw;
        }
      });
    } catch (const timeout_error& e) {
      threw = std::string(e.what()).find("timeout_test.cpp") != std::string::npos;
    }
    BOOST_TEST(expired);
    BOOST_TEST(threw);
    BOOST_TEST(here.stack->cancelling() == 0U);
    co_await sleep(1s);
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 2s);
}

BOOST_AUTO_TEST_CASE(
    of_two_scopes_with_one_deadline_the_outer_one_throws) {  // covers TMO-003, TRI-007
  stage s;
  auto main = []() -> task<void> {
    const auto deadline = runtime::current().now() + 1s;
    journal log;
    try {
      co_await timeout_at(deadline, [&](timeout_scope& outer) -> task<void> {
        try {
          co_await timeout_at(deadline, [&](timeout_scope& inner) -> task<void> {
            try {
              co_await sleep(1h);
            } catch (const cancelled&) {
              log.emplace_back(inner.expired() ? "inner expired" : "inner not expired");
              throw;
            }
          });
        } catch (const cancelled&) {
          log.emplace_back(outer.expired() ? "outer expired" : "outer not expired");
          throw;
        }
      });
    } catch (const timeout_error&) {
      log.emplace_back("outer threw");
    }
    BOOST_TEST(log == (journal{"inner expired", "outer expired", "outer threw"}),
               boost::test_tools::per_element());
    BOOST_TEST(here.stack->cancelling() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(inside_the_expiry_is_an_ordinary_cancellation) {  // covers TMO-004
  stage s;
  auto main = []() -> task<void> {
    bool seen = false;
    BOOST_CHECK_THROW(co_await timeout(1s,
                                       [&]() -> task<void> {
                                         try {
                                           co_await sleep(1h);
                                         } catch (const cancelled&) {
                                           seen = true;
                                           throw;
                                         }
                                       }),
                      timeout_error);
    BOOST_TEST(seen);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_body_that_ends_in_time_leaves_its_scope_unexpired) {  // covers TMO-005
  stage s;
  auto main = []() -> task<void> {
    const auto value = co_await timeout(10s, [](timeout_scope& scope) -> task<int> {
      co_await sleep(1s);
      BOOST_TEST(!scope.expired());
      BOOST_TEST((scope.when() > runtime::current().now()));
      co_return 4;
    });
    BOOST_TEST(value == 4);
    co_await sleep(100s);  // the deadline is gone
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_scope_without_deadline_never_expires) {  // covers TMO-006
  stage s;
  auto main = []() -> task<void> {
    co_await timeout(infinite, [](timeout_scope& scope) -> task<void> {
      BOOST_TEST((scope.when() == timeout_scope::no_deadline));
      co_await sleep(10000h);
    });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_deadline_of_zero_expires_at_the_first_suspension) {  // covers TMO-007, TMO-008
  stage s;
  auto main = []() -> task<void> {
    for (const bool bare : {false, true}) {
      bool began = false;
      bool came_after = false;
      auto body = [&]() -> task<void> {
        began = true;
        if (bare)
          co_await yield();
        else
          co_await sleep(1s);
        came_after = true;
      };
      BOOST_CHECK_THROW(co_await timeout(0s, body), timeout_error);
      BOOST_TEST(began);
      BOOST_TEST(!came_after);
    }
    auto immediate = []() -> task<int> { co_return 1; };
    BOOST_TEST(co_await timeout(0s, immediate) == 1);
    BOOST_TEST(co_await timeout(-1s, immediate) == 1);
    BOOST_TEST(here.stack->cancelling() == 0U);
    co_await sleep(1s);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_error_of_the_cleanup_comes_out_instead_of_the_timeout) {  // covers TMO-012
  stage s;
  auto main = []() -> task<void> {
    auto body = []() -> task<void> {
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        throw std::runtime_error("cleanup");
      }
    };
    BOOST_CHECK_EXCEPTION(co_await timeout(1s, body), std::runtime_error,
                          [](const auto& e) { return std::string(e.what()) == "cleanup"; });
    BOOST_TEST(here.stack->cancelling() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancellation_from_elsewhere_passes_through) {  // covers TMO-013
  stage s;
  auto main = []() -> task<void> {
    bool expired = true;
    auto body = [&](timeout_scope& scope) -> task<void> {
      try {
        co_await sleep(1h);
      } catch (...) {
        expired = scope.expired();
        throw;
      }
    };
    auto waiting = [&]() -> task<void> { co_await timeout(10s, body); };
    auto waiter = spawn(waiting());
    co_await sleep(1s);
    waiter.cancel();
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    BOOST_TEST(!expired);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_second_scope_in_the_cleanup_of_the_first_works_on_its_own) {  // covers TMO-019
  stage s;
  auto main = []() -> task<void> {
    bool inner_timed_out = false;
    auto body = [&]() -> task<void> {
      std::exception_ptr interrupted;
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        interrupted = std::current_exception();
      }
      try {
        co_await timeout(1s, [] { return sleep(1h); });
      } catch (const timeout_error&) {
        inner_timed_out = true;
      }
      std::rethrow_exception(interrupted);
    };
    BOOST_CHECK_THROW(co_await timeout(1s, body), timeout_error);
    BOOST_TEST(inner_timed_out);
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 2s);
}

BOOST_AUTO_TEST_CASE(
    after_a_swallowed_cancel_a_fresh_one_is_still_a_cancellation) {  // covers TMO-021
  stage s;
  auto main = []() -> task<void> {
    auto body = []() -> task<void> {
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
      }
      co_await timeout(10s, [] { return sleep(1h); });
    };
    auto work = spawn(body());
    co_await sleep(1s);
    work.cancel();
    co_await sleep(1s);
    work.cancel();
    BOOST_CHECK_THROW(co_await work, cancelled);
    // And without the fresh one the deadline is a timeout all the same.
    auto again = spawn(body());
    co_await sleep(1s);
    again.cancel();
    BOOST_CHECK_THROW(co_await again, timeout_error);
  };
  s.run(main());
}

// T11
BOOST_AUTO_TEST_CASE(a_deadline_can_be_moved_both_ways_and_taken_away) {  // covers TRI-006
  stage s;
  auto main = []() -> task<void> {
    const auto start = runtime::current().now();
    co_await timeout(1s, [](timeout_scope& scope) -> task<void> {
      scope.reschedule(runtime::current().now() + 5s);
      co_await sleep(3s);
      scope.reschedule(timeout_scope::no_deadline);
      co_await sleep(100s);
    });
    BOOST_CHECK(runtime::current().now() - start == 103s);
    BOOST_CHECK_THROW(co_await timeout(100s,
                                       [](timeout_scope& scope) -> task<void> {
                                         scope.reschedule(runtime::current().now() + 2s);
                                         co_await sleep(50s);
                                       }),
                      timeout_error);
    BOOST_CHECK(runtime::current().now() - start == 105s);
    // Into the past: noticed at the next suspension.
    BOOST_CHECK_THROW(co_await timeout(100s,
                                       [](timeout_scope& scope) -> task<void> {
                                         scope.reschedule(runtime::current().now() - 2s);
                                         co_await yield();
                                       }),
                      timeout_error);
  };
  s.run(main());
}

// covers TMO-025
BOOST_AUTO_TEST_CASE(
    a_body_that_swallows_the_expiry_cannot_move_the_deadline_and_nothing_is_thrown) {
  stage s;
  auto main = []() -> task<void> {
    co_await timeout(1s, [](timeout_scope& scope) -> task<void> {
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
      }
      BOOST_TEST(scope.expired());
      BOOST_CHECK_THROW(scope.reschedule(runtime::current().now() + 1s), invalid_state);
    });
    BOOST_TEST(here.stack->cancelling() == 0U);
    co_await sleep(1s);
  };
  s.run(main());
}

task<int> nested(int levels) {
  if (levels == 0) {
    co_await sleep(1s);
    co_return 0;
  }
  co_return co_await timeout(1h, [levels] { return nested(levels - 1); }) + 1;
}

BOOST_AUTO_TEST_CASE(a_thousand_nested_scopes_work) {  // covers TRI-013
  stage s;
  BOOST_TEST(s.run(nested(1000)) == 1000);
}

BOOST_AUTO_TEST_CASE(outside_of_a_task_there_are_no_deadlines) {  // covers TMO-027
  BOOST_CHECK_THROW((void)timeout(1s, [] { return sleep(1s); }), invalid_state);
}

BOOST_AUTO_TEST_CASE(a_failure_in_a_childs_cleanup_outranks_the_timeout) {  // covers TMO-028
  stage s;
  auto main = []() -> task<void> {
    auto child = []() -> task<void> {
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        throw std::runtime_error("in cleanup");
      }
    };
    auto grouped = [&]() -> task<void> {
      co_await task_group().run([&](task_group& group) -> task<void> {
        group.spawn(child());
        co_return;
      });
    };
    BOOST_CHECK_THROW(co_await timeout(1s, grouped), exception_group);
    BOOST_TEST(here.stack->cancelling() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(moving_a_deadline_thousands_of_times_leaves_one_timer) {
  stage s;
  auto main = []() -> task<void> {
    auto& timers = here.worker->timers();
    co_await timeout(1h, [&](timeout_scope& scope) -> task<void> {
      for (int i = 0; i != 5000; ++i)
        scope.reschedule(runtime::current().now() + std::chrono::seconds(i + 1));
      BOOST_TEST(timers.size() == 1U);
      co_return;
    });
    BOOST_TEST(timers.size() == 0U);
  };
  s.run(main());
}

// covers TMO-011
BOOST_AUTO_TEST_CASE(the_timeout_names_its_causes_down_to_the_error_that_was_being_handled) {
  stage s;
  auto main = []() -> task<void> {
    std::exception_ptr came_out;
    auto body = [&]() -> task<void> {
      std::exception_ptr first;
      try {
        throw std::runtime_error("first");
      } catch (...) {
        first = std::current_exception();
      }
      // Handling it takes time; what interrupts that says what it was about.
      try {
        co_await sleep(1h);
      } catch (const cancelled& stop) {
        try {
          std::rethrow_exception(first);
        } catch (...) {
          std::throw_with_nested(cancelled(stop.message()));
        }
      }
    };
    try {
      co_await timeout(1s, body);
    } catch (const timeout_error&) {
      came_out = std::current_exception();
    }
    BOOST_REQUIRE(came_out);
    const auto cause = cause_of(came_out);
    BOOST_REQUIRE(cause);
    BOOST_CHECK_THROW(std::rethrow_exception(cause), cancelled);
    BOOST_TEST(describe(cause_of(cause)) == "first");
    BOOST_TEST(explain(came_out).find("std::runtime_error: first") != std::string::npos);
  };
  s.run(main());
}

// covers TMO-018
BOOST_AUTO_TEST_CASE(a_scope_tells_its_state) {
  stage s;
  auto main = []() -> task<void> {
    timeout_scope late(after(runtime::current().now(), 2s));
    BOOST_TEST(to_string(late) == "fresh");
    auto body = [&](timeout_scope& scope) -> task<void> {
      co_await sleep(500ms);
      BOOST_TEST((scope.current() == timeout_scope::state::active));
      BOOST_TEST(to_string(scope) == "active, 1.500 s left");
      scope.reschedule(timeout_scope::no_deadline);
      BOOST_TEST(to_string(scope) == "active, no deadline");
      scope.reschedule(runtime::current().now());
      try {
        co_await sleep(1h);
      } catch (...) {
        BOOST_TEST(to_string(scope) == "expiring");
        throw;
      }
    };
    BOOST_CHECK_THROW(co_await late.run(body), timeout_error);
    BOOST_TEST(to_string(late) == "expired");
    BOOST_TEST(late.expired());

    timeout_scope early(timeout_scope::no_deadline);
    BOOST_TEST(co_await early.run([] { return number(3, 1s); }) == 3);
    BOOST_TEST(to_string(early) == "finished");
    BOOST_TEST(!early.expired());
  };
  s.run(main());
}

// covers TMO-022
BOOST_AUTO_TEST_CASE(a_scope_can_be_run_once_only) {
  stage s;
  auto main = []() -> task<void> {
    timeout_scope scope(timeout_scope::no_deadline);
    auto nothing = []() -> task<void> { co_return; };
    auto nested = [&](timeout_scope& same) -> task<void> {
      BOOST_CHECK_THROW(co_await same.run(nothing), invalid_state);
    };
    co_await scope.run(nested);
    BOOST_CHECK_THROW(co_await scope.run(nothing), invalid_state);
  };
  s.run(main());
}

// covers TMO-023, TMO-024
BOOST_AUTO_TEST_CASE(the_deadline_of_a_scope_that_has_ended_or_expired_cannot_be_moved) {
  stage s;
  auto main = []() -> task<void> {
    timeout_scope ended(after(runtime::current().now(), 2s));
    co_await ended.run([] { return sleep(1s); });
    BOOST_CHECK_THROW(ended.reschedule(runtime::current().now() + 1s), invalid_state);
    timeout_scope expired(after(runtime::current().now(), 2s));
    BOOST_CHECK_THROW(co_await expired.run([] { return sleep(1h); }), timeout_error);
    BOOST_CHECK_THROW(expired.reschedule(runtime::current().now() + 1s), invalid_state);
  };
  s.run(main());
}

// covers TRI-008
BOOST_AUTO_TEST_CASE(a_scope_that_is_overdue_before_it_runs_stays_so_once_that_was_noticed) {
  stage s;
  auto main = []() -> task<void> {
    timeout_scope scope(timeout_scope::no_deadline);
    scope.reschedule(time_point::min());  // before it is entered
    bool went_on = false;
    auto body = [&](timeout_scope& same) -> task<void> {
      for (int i = 0; i != 2; ++i) {
        try {
          co_await sleep(1s);
          went_on = true;
        } catch (const cancelled&) {
          BOOST_CHECK_THROW(same.reschedule(runtime::current().now() + 1h), invalid_state);
          throw;
        }
      }
    };
    BOOST_CHECK_THROW(co_await scope.run(body), timeout_error);
    BOOST_TEST(!went_on);
    BOOST_CHECK_THROW(co_await scope.run(body), invalid_state);
  };
  s.run(main());
}

// covers TRI-012
BOOST_AUTO_TEST_CASE(the_deadline_in_force_is_the_earliest_of_the_scopes_up_to_a_shield) {
  stage s;
  auto main = []() -> task<void> {
    const auto start = runtime::current().now();
    BOOST_TEST((current_deadline() == timeout_scope::no_deadline));
    auto inner = [&](timeout_scope& scope) -> task<void> {
      BOOST_TEST((current_deadline() == start + 5s));
      scope.reschedule(start + 2s);
      BOOST_TEST((current_deadline() == start + 2s));
      auto shielded = [&]() -> task<void> {
        BOOST_TEST((current_deadline() == timeout_scope::no_deadline));
        co_return;
      };
      co_await shield(shielded());
    };
    co_await timeout_at(start + 5s, [&] { return timeout_at(start + 9s, inner); });
    BOOST_TEST((current_deadline() == timeout_scope::no_deadline));

    task_handle<void> self;
    auto cancelling = [&]() -> task<void> {
      self.cancel();
      BOOST_TEST((current_deadline() == time_point::min()));
      co_await yield();
    };
    self = spawn(cancelling());
    BOOST_CHECK_THROW(co_await self, cancelled);
  };
  s.run(main());
  BOOST_CHECK_THROW(current_deadline(), invalid_state);
}

// covers TRI-011
BOOST_AUTO_TEST_CASE(an_operation_that_cannot_be_broken_off_delays_the_cancel_until_it_ends) {
  /// Can be withdrawn by nobody; ends when its time has come.
  class stubborn_wait final : public detail::timer_wait {
   public:
    stubborn_wait(time_point due, int& asked)
        : timer_wait(due, wait_kind::other, std::source_location::current()), asked_(asked) {}
    bool withdraw() noexcept override {
      ++asked_;
      return false;
    }
    bool await_ready() {
      begin("stubborn_wait");
      return false;
    }
    bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
    void await_resume() {
      if (auto reason = interruption()) std::rethrow_exception(reason);
    }

   private:
    int& asked_;
  };
  stage s;
  int asked = 0;
  auto main = [&]() -> task<void> {
    const auto start = runtime::current().now();
    auto body = [&]() -> task<void> { co_await stubborn_wait(start + 5s, asked); };
    auto work = spawn(body());
    co_await sleep(1s);
    work.cancel();
    co_await sleep(1s);
    work.cancel();
    BOOST_CHECK_THROW(co_await work, cancelled);
    BOOST_CHECK(runtime::current().now() == start + 5s);
  };
  s.run(main());
  BOOST_TEST(asked == 1);
}

// M4 of the faults: the time is up in the very turn in which the work is done.
BOOST_AUTO_TEST_CASE(of_a_deadline_and_an_end_at_the_same_time_always_the_same_one_wins) {
  stage s;
  auto main = []() -> task<void> {
    for (int i = 0; i != 100; ++i) {
      // Awaited directly: the deadline, which was set first.
      BOOST_CHECK_THROW(co_await wait_for(number(1, 1s), 1s), timeout_error);
      // A task of its own: the deadline for the waiter, and the task keeps its result.
      auto work = spawn(number(1, 1s));
      co_await yield();
      BOOST_CHECK_THROW(co_await wait_for(work, 1s), timeout_error);
      BOOST_TEST(work.result() == 1);
      // A clock's tick earlier it is the value, each time.
      BOOST_TEST(co_await wait_for(number(1, 1s), 1s + duration(1)) == 1);
      BOOST_TEST(here.stack->cancelling() == 0U);
    }
  };
  s.run(main());
}

template <class Length>
concept can_be_slept_for = requires(Length length) {
  buskin::sleep(length);
};

// covers TSK-062
BOOST_AUTO_TEST_CASE(a_length_of_time_is_a_duration_and_nothing_else) {
  static_assert(can_be_slept_for<std::chrono::milliseconds>);
  static_assert(!can_be_slept_for<double>);
  static_assert(!can_be_slept_for<const char*>);
  static_assert(!can_be_slept_for<std::chrono::duration<double>>);  // could be NaN
  BOOST_TEST(true);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(wait_for_)

// covers WF-010
BOOST_AUTO_TEST_CASE(a_cleanup_that_takes_a_little_time_is_waited_for_and_the_cause_is_named) {
  stage s;
  auto main = []() -> task<void> {
    bool cleaned = false;
    std::exception_ptr cause;
    try {
      co_await wait_for(tidy(2s, cleaned), 1s);
    } catch (const timeout_error& late) {
      cause = late.cause();
    }
    BOOST_TEST(cleaned);
    BOOST_REQUIRE(cause);
    BOOST_CHECK_THROW(std::rethrow_exception(cause), cancelled);
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 3s);
}

// covers WF-011
BOOST_AUTO_TEST_CASE(with_no_time_a_running_tasks_cleanup_is_waited_for_and_the_cause_is_named) {
  stage s;
  auto main = []() -> task<void> {
    bool cleaned = false;
    auto work = spawn(tidy(2s, cleaned));
    co_await yield();
    std::exception_ptr cause;
    try {
      co_await wait_for(work, 0s);
    } catch (const timeout_error& late) {
      cause = late.cause();
    }
    BOOST_TEST(cleaned);
    BOOST_REQUIRE(cause);
    BOOST_CHECK_THROW(std::rethrow_exception(cause), cancelled);
    BOOST_TEST(work.cancelled());
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 2s);
}

BOOST_AUTO_TEST_CASE(without_a_limit_the_result_is_simply_returned) {  // covers WF-007
  stage s;
  auto main = []() -> task<void> {
    BOOST_TEST(co_await wait_for(number(5, 1s), duration::max()) == 5);
    auto handle = spawn(number(6, 1s));
    BOOST_TEST(co_await wait_for(handle, 2s) == 6);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(with_no_time_a_coroutine_never_begins) {  // covers WF-004
  stage s;
  auto main = []() -> task<void> {
    bool began = false;
    auto body = [&]() -> task<void> {
      began = true;
      co_return;
    };
    BOOST_CHECK_THROW(co_await wait_for(body(), 0s), timeout_error);
    BOOST_CHECK_THROW(co_await wait_for(body(), -1s), timeout_error);
    BOOST_TEST(!began);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    with_no_time_a_running_task_is_cancelled_and_has_cleaned_up) {  // covers WF-005
  stage s;
  auto main = []() -> task<void> {
    for (const auto limit : {0s, -1s}) {
      bool cleaned = false;
      auto handle = spawn(tidy(100ms, cleaned));
      co_await sleep(1ms);
      BOOST_CHECK_THROW(co_await wait_for(handle, limit), timeout_error);
      BOOST_TEST(cleaned);
      BOOST_TEST(handle.cancelled());
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    when_the_limit_expires_the_task_is_done_and_cancelled_and_has_cleaned_up) {  // covers WF-006
  stage s;
  auto main = []() -> task<void> {
    bool cleaned = false;
    auto handle = spawn(tidy(2s, cleaned));
    BOOST_CHECK_THROW(co_await wait_for(handle, 1s), timeout_error);
    BOOST_TEST(cleaned);
    BOOST_TEST(handle.cancelled());
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 3s);
}

// covers WF-002, WF-009
BOOST_AUTO_TEST_CASE(
    a_stubborn_task_is_waited_for_and_its_value_is_the_result_if_it_was_awaited_directly) {
  stage s;
  auto main = []() -> task<void> {
    bool cleaned = false;
    BOOST_TEST(co_await wait_for(stubborn(2s, cleaned), 1s) == 7);
    BOOST_TEST(cleaned);
    cleaned = false;
    auto handle = spawn(stubborn(2s, cleaned));
    BOOST_CHECK_THROW(co_await wait_for(handle, 1s), timeout_error);
    BOOST_TEST(cleaned);
    BOOST_TEST(handle.result() == 7);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_an_operation_returns_can_be_limited_in_one_expression) {
  stage s;
  auto main = []() -> task<void> {
    queue<int> items;
    BOOST_CHECK_THROW(co_await wait_for(items.get(), 1s), timeout_error);
    items.put_nowait(3);
    BOOST_TEST(co_await wait_for(items.get(), 1s) == 3);
    BOOST_CHECK_THROW(co_await wait_for(sleep(10s), 1s), timeout_error);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
