// Structured concurrency: what a group owns has ended when the group has.
#include <buskin/actors/task_group.hpp>

#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/instances.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::detail::here;
using buskin::test::instance;
using buskin::test::journal;
using buskin::test::stage;

struct odd {};

task<int> value_after(int value, duration delay) {
  co_await sleep(delay);
  co_return value;
}
task<void> fail_after(duration delay, std::string text = "failed") {
  co_await sleep(delay);
  throw std::runtime_error(text);
}
task<void> noting(journal& log, std::string name, duration delay = 1h) {
  try {
    co_await sleep(delay);
    log.push_back(name + " ended");
  } catch (const cancelled&) {
    log.push_back(name + " cancelled");
    throw;
  }
}

/// What the group threw: its failures' texts, nested groups in brackets.
std::string texts(const std::exception_ptr& error) {
  if (!error) return "nothing";
  try {
    std::rethrow_exception(error);
  } catch (const exception_group& group) {
    std::string all = "[";
    for (const auto& each : group.exceptions()) all += (all.size() > 1 ? ", " : "") + texts(each);
    return all + "]";
  } catch (const cancelled&) {
    return "cancelled";
  } catch (const std::exception& e) {
    return e.what();
  } catch (const odd&) {
    return "odd";
  }
}

template <class Awaitable>
task<std::string> outcome_text(Awaitable what) {
  std::exception_ptr error;
  try {
    co_await std::move(what);
  } catch (...) {
    error = std::current_exception();
  }
  co_return texts(error);
}

BOOST_AUTO_TEST_SUITE(task_group_)

BOOST_AUTO_TEST_CASE(
    it_ends_when_all_children_have_ended_and_yields_what_the_body_yields) {  // covers TG-002,
                                                                             // COB-016
  stage s;
  auto main = []() -> task<int> {
    task_handle<int> one;
    task_handle<int> two;
    const int body = co_await task_group().run([&](task_group& group) -> task<int> {
      one = group.spawn(value_after(1, 3s));
      co_await sleep(1s);
      two = group.spawn(value_after(2, 5s), {"two"});
      co_return 10;
    });
    BOOST_TEST(two.name() == "two");
    co_return body + one.result() + two.result();
  };
  BOOST_TEST(s.run(main()) == 13);
  BOOST_CHECK(s.clock.elapsed() == 6s);
}

BOOST_AUTO_TEST_CASE(an_empty_group_ends_at_once) {
  stage s;
  auto main = []() -> task<void> {
    co_await task_group().run([](task_group&) -> task<void> { co_return; });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(cancelling_one_child_is_no_failure_of_the_group) {  // covers TG-003
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    co_await task_group().run([&](task_group& group) -> task<void> {
      auto one = group.spawn(noting(log, "one"));
      group.spawn(noting(log, "two", 2s));
      co_await sleep(1s);
      one.cancel();
    });
  };
  s.run(main());
  BOOST_TEST(log == (journal{"one cancelled", "two ended"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(
    a_failing_child_cancels_its_siblings_and_comes_out_alone) {  // covers TG-004, TRI-016
  stage s;
  journal log;
  bool went_on = false;
  auto main = [&]() -> task<void> {
    auto text = co_await outcome_text([](journal& log, bool& went_on) -> task<void> {
      co_await task_group().run([&](task_group& group) -> task<void> {
        group.spawn(noting(log, "one"));
        group.spawn(fail_after(1s));
        group.spawn(noting(log, "two"));
        co_return;
      });
      went_on = true;
    }(log, went_on));
    BOOST_TEST(text == "[failed]");
  };
  s.run(main());
  BOOST_TEST(!went_on);
  BOOST_TEST(log == (journal{"one cancelled", "two cancelled"}), boost::test_tools::per_element());
  BOOST_CHECK(s.clock.elapsed() == 1s);
}

BOOST_AUTO_TEST_CASE(
    a_failing_child_cancels_a_suspended_body_and_the_count_is_balanced) {  // covers TG-035, TG-040
  stage s;
  auto main = []() -> task<void> {
    bool cancelled_body = false;
    auto body = [&](task_group& group) -> task<void> {
      group.spawn(fail_after(1s));
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        cancelled_body = true;
        throw;
      }
    };
    BOOST_TEST(co_await outcome_text(task_group().run(body)) == "[failed]");
    BOOST_TEST(cancelled_body);
    BOOST_TEST(here.stack->cancelling() == 0U);
    co_await sleep(1s);  // is not cancelled
  };
  s.run(main());
}

task<void> run_group(task_group& group, journal& log, duration body_length) {
  co_await group.run([&log, body_length](task_group& g) -> task<void> {
    g.spawn(noting(log, "one"));
    g.spawn(noting(log, "two"));
    if (body_length > 0s) co_await noting(log, "body", body_length);
  });
}

BOOST_AUTO_TEST_CASE(
    cancelling_the_owner_while_it_waits_at_the_end_cancels_every_child) {  // covers TG-006, TG-023
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    task_group group;
    auto owner = spawn(run_group(group, log, 0s));
    co_await sleep(1s);
    owner.cancel("enough");
    std::string message;
    try {
      co_await owner;
    } catch (const cancelled& c) {
      message = c.message();
    }
    BOOST_TEST(message == "enough");
  };
  s.run(main());
  BOOST_TEST(log == (journal{"one cancelled", "two cancelled"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(
    cancelling_the_owner_while_the_body_is_suspended_cancels_body_and_children) {  // covers TG-007
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    task_group group;
    auto owner = spawn(run_group(group, log, 1h));
    co_await sleep(1s);
    owner.cancel();
    BOOST_CHECK_THROW(co_await owner, cancelled);
  };
  s.run(main());
  BOOST_TEST(log == (journal{"body cancelled", "one cancelled", "two cancelled"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_owner_without_children_is_simply_cancelled) {  // covers TG-017
  stage s;
  auto main = []() -> task<void> {
    auto body = [](task_group&) -> task<void> { co_await sleep(1h); };
    auto owner = spawn(outcome_text(task_group().run(body)));
    co_await sleep(1s);
    owner.cancel();
    BOOST_TEST(co_await owner == "cancelled");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(failures_of_an_inner_group_stay_nested) {  // covers TG-011, TG-014
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto outer = [&](task_group& group) -> task<void> {
      group.spawn(noting(log, "outer child"));
      co_await task_group().run([](task_group& inner) -> task<void> {
        inner.spawn(fail_after(1s, "inner"));
        co_return;
      });
    };
    BOOST_TEST(co_await outcome_text(task_group().run(outer)) == "[[inner]]");
  };
  s.run(main());
  BOOST_TEST(log == (journal{"outer child cancelled"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(
    a_child_of_the_outer_group_that_was_merely_cancelled_adds_nothing) {  // covers TG-012
  stage s;
  auto main = []() -> task<void> {
    auto outer = [](task_group& group) -> task<void> {
      auto child = group.spawn(value_after(1, 1h));
      co_await task_group().run([child](task_group& inner) -> task<void> {
        co_await sleep(1ms);
        child.cancel();
        inner.spawn(fail_after(1s, "inner"));
      });
    };
    BOOST_TEST(co_await outcome_text(task_group().run(outer)) == "[[inner]]");
  };
  s.run(main());
}

task<void> sleep_then_clean_up(duration cleanup) {
  std::exception_ptr interrupted;
  try {
    co_await sleep(1h);
  } catch (const cancelled&) {
    interrupted = std::current_exception();
  }
  co_await sleep(cleanup);
  std::rethrow_exception(interrupted);
}

BOOST_AUTO_TEST_CASE(a_child_that_fails_while_the_cancelled_body_cleans_up_wins) {  // covers TG-015
  stage s;
  auto main = []() -> task<void> {
    auto body = [](task_group& group) -> task<void> {
      group.spawn(fail_after(2s, "meanwhile"));
      co_await sleep_then_clean_up(10s);
    };
    std::uint32_t counted = 9;
    auto owning = [&]() -> task<std::string> {
      auto text = co_await outcome_text(task_group().run(body));
      counted = here.stack->cancelling();
      here.stack->uncancel();
      co_return text;
    };
    auto owner = spawn(owning());
    co_await sleep(1s);
    owner.cancel();
    BOOST_TEST(co_await owner == "[meanwhile]");
    BOOST_TEST(counted == 1U);  // the owner's own cancellation is not forgotten
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_body_that_replaces_its_cancellation_by_an_error_comes_out_in_a_group) {  // covers TG-018
  stage s;
  auto main = []() -> task<void> {
    auto body = [](task_group& group) -> task<void> {
      group.spawn(value_after(1, 1h));
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        throw std::runtime_error("instead");
      }
    };
    auto owner = spawn(outcome_text(task_group().run(body)));
    co_await sleep(1s);
    owner.cancel();
    BOOST_TEST(co_await owner == "[instead]");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_childs_failure_and_one_of_the_bodys_cleanup_are_both_in_the_group) {  // covers TG-019, TG-030
  stage s;
  auto main = []() -> task<void> {
    auto body = [](task_group& group) -> task<void> {
      group.spawn(fail_after(1s, "child"));
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        throw std::runtime_error("release");
      }
    };
    BOOST_TEST(co_await outcome_text(task_group().run(body)) == "[child, release]");
    BOOST_TEST(here.stack->cancelling() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_is_no_standard_exception_is_collected_as_well) {  // covers TG-021
  stage s;
  auto main = []() -> task<void> {
    auto body = [](task_group& group) -> task<void> {
      group.spawn(fail_after(1s, "child"));
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        throw odd();
      }
    };
    BOOST_TEST(co_await outcome_text(task_group().run(body)) == "[child, odd]");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    children_that_have_ended_are_dropped_while_the_group_is_open) {  // covers TG-024
  stage s;
  int alive = 0;
  int most = 0;
  auto child = [&](instance) -> task<void> {
    most = std::max(most, alive);
    co_await sleep(1ms);
  };
  auto main = [&]() -> task<void> {
    co_await task_group().run([&](task_group& group) -> task<void> {
      for (int i = 0; i != 1000; ++i) {
        group.spawn(child(instance(alive)));
        co_await sleep(2ms);
        BOOST_REQUIRE(alive == 0);
      }
    });
  };
  s.run(main());
  BOOST_TEST(most <= 2);
}

BOOST_AUTO_TEST_CASE(
    a_child_may_spawn_children_after_the_body_has_ended) {  // covers TG-025, TRI-017
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    co_await task_group().run([&](task_group& group) -> task<void> {
      auto parent = [](task_group& g, journal& l) -> task<void> {
        co_await sleep(1s);
        g.spawn(noting(l, "grandchild", 1s));
      };
      group.spawn(parent(group, log));
      co_return;
    });
    log.emplace_back("group ended");
  };
  s.run(main());
  BOOST_TEST(log == (journal{"grandchild ended", "group ended"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_group_that_is_torn_down_takes_no_more_children) {  // covers TG-029
  stage s;
  bool ran = false;
  bool refused = false;
  auto late = [&]() -> task<void> {
    ran = true;
    co_return;
  };
  auto main = [&]() -> task<void> {
    auto body = [&](task_group& group) -> task<void> {
      group.spawn(fail_after(1s));
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        try {
          group.spawn(late());
        } catch (const invalid_state&) {
          refused = true;
        }
        throw;
      }
    };
    BOOST_TEST(co_await outcome_text(task_group().run(body)) == "[failed]");
  };
  s.run(main());
  BOOST_TEST(refused);
  BOOST_TEST(!ran);
}

BOOST_AUTO_TEST_CASE(a_group_can_be_run_once_only) {  // covers TG-031
  stage s;
  auto main = []() -> task<void> {
    task_group group;
    auto nothing = [](task_group&) -> task<void> { co_return; };
    auto nested = [&](task_group& g) -> task<void> {
      BOOST_CHECK_THROW(co_await g.run(nothing), invalid_state);
    };
    co_await group.run(nested);
    BOOST_CHECK_THROW(co_await group.run(nothing), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    spawning_before_or_after_is_refused_without_a_report) {  // covers TG-032, TG-033, BAS-022
  stage s;
  auto main = []() -> task<void> {
    task_group group;
    BOOST_CHECK_THROW(group.spawn(value_after(1, 1s)), invalid_state);
    co_await group.run([](task_group&) -> task<void> { co_return; });
    BOOST_CHECK_THROW(group.spawn(value_after(1, 1s)), invalid_state);
  };
  s.run(main());
}

struct payload {
  explicit payload(int& count) : held(std::make_shared<instance>(count)) {}
  std::shared_ptr<instance> held;
};

BOOST_AUTO_TEST_CASE(
    a_group_that_has_ended_keeps_no_reference_to_its_errors_and_tasks) {  // covers TG-038
  stage s;
  int alive = 0;
  auto failing = [](payload what) -> task<void> {
    co_await yield();
    throw payload(what);
  };
  auto main = [&]() -> task<void> {
    task_group group;
    try {
      co_await group.run([&](task_group& g) -> task<void> {
        g.spawn(failing(payload(alive)));
        co_return;
      });
    } catch (const exception_group& e) {
      BOOST_TEST(e.exceptions().size() == 1U);
      BOOST_TEST(alive == 1);
    }
    co_await yield();
    BOOST_TEST(alive == 0);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_child_whose_sibling_fails_at_once_is_cancelled_at_a_next_suspension) {  // covers TG-039
  stage s;
  bool cancelled_child = false;
  auto main = [&]() -> task<void> {
    auto body = [&](task_group& group) -> task<void> {
      auto spawning = [&]() -> task<void> {
        auto failing = []() -> task<void> {
          throw std::runtime_error("at once");
          co_return;
        };
        group.spawn(failing());
        try {
          for (;;) co_await sleep(1s);
        } catch (const cancelled&) {
          cancelled_child = true;
          throw;
        }
      };
      co_await group.spawn(spawning()).join();
    };
    BOOST_TEST(co_await outcome_text(task_group().run(body)) == "[at once]");
  };
  s.run(main());
  BOOST_TEST(cancelled_child);
}

BOOST_AUTO_TEST_CASE(several_failures_are_told_in_the_order_of_happening) {
  stage s;
  auto main = []() -> task<void> {
    auto in_cleanup = []() -> task<void> {
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        throw std::runtime_error("second");
      }
    };
    auto body = [&](task_group& group) -> task<void> {
      group.spawn(in_cleanup());
      group.spawn(fail_after(1s, "first"));
      co_return;
    };
    BOOST_TEST(co_await outcome_text(task_group().run(body)) == "[first, second]");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_group_ends_without_an_error) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    co_await task_group().run([&](task_group& group) -> task<void> {
      group.spawn(noting(log, "one"));
      auto canceller = [](task_group& g) -> task<void> {
        co_await sleep(1s);
        g.cancel();
      };
      group.spawn(canceller(group));
      co_await noting(log, "body");
    });
    co_await sleep(1s);
  };
  s.run(main());
  BOOST_TEST(log.size() == 2U);
}

BOOST_AUTO_TEST_CASE(
    cancelling_a_scope_reaches_all_tasks_in_all_groups_under_it) {  // covers TRI-004
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto inner = [](journal& l, std::string name) -> task<void> {
      co_await task_group().run([&l, name](task_group& g) -> task<void> {
        g.spawn(noting(l, name + "1"));
        g.spawn(noting(l, name + "2"));
        co_return;
      });
    };
    auto outer = [&](task_group& group) -> task<void> {
      group.spawn(inner(log, "a"));
      group.spawn(inner(log, "b"));
      co_return;
    };
    auto owner = spawn(outcome_text(task_group().run(outer)));
    co_await sleep(1s);
    owner.cancel();
    BOOST_TEST(co_await owner == "cancelled");
  };
  s.run(main());
  BOOST_TEST(log.size() == 4U);
}

BOOST_AUTO_TEST_CASE(a_killed_owner_leaves_no_child_behind) {
  stage s(manual_clock::mode::by_hand);
  journal log;
  task_group group;
  auto owner = spawn(s.runtime, run_group(group, log, 1h));
  s.advance(1s);
  BOOST_TEST(s.runtime.alive() == 3U);
  caf::anon_send_exit(owner.actor(), caf::exit_reason::kill);
  s.settle();
  BOOST_TEST(s.runtime.alive() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
