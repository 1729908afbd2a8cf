#include <buskin/runtime/local.hpp>

#include <buskin/runtime/context.hpp>
#include <buskin/runtime/sleep.hpp>

#include <support/stage.hpp>

#include <caf/event_based_actor.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace buskin;
using namespace buskin::test;
using namespace std::chrono_literals;

namespace {

local<std::string> user("user", "nobody");
local<int> depth("depth");

template <class T>
auto start(stage& s, task<T> body, std::optional<context> values = {}) {
  return detail::start_task(s.runtime, std::move(body),
                            {{}, shutdown_phase::ordinary, nullptr, false, std::move(values)},
                            std::source_location::current());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(local_)

BOOST_AUTO_TEST_CASE(a_local_has_its_default_until_it_is_set_and_reading_without_either_throws) {
  stage s;
  s.run([]() -> task<void> {
    BOOST_TEST(user.get() == "nobody");
    BOOST_TEST(user.get_or("guest") == "guest");
    BOOST_TEST(!user.is_set());
    BOOST_CHECK_EXCEPTION(depth.get(), invalid_state, [](const invalid_state& error) {
      return std::string(error.what()).starts_with("local \"depth\" has no value here");
    });
    BOOST_TEST(depth.get_or(3) == 3);
    depth.set(1);
    BOOST_TEST(depth.get() == 1);
    BOOST_TEST(depth.get_or(3) == 1);
    co_return;
  }());
}

BOOST_AUTO_TEST_CASE(a_token_takes_one_set_back_once) {
  stage s;
  s.run([]() -> task<void> {
    auto first = user.set("ada");
    auto second = user.set("eve");
    user.reset(second);
    BOOST_TEST(user.get() == "ada");
    BOOST_CHECK_THROW(user.reset(second), invalid_state);
    user.reset(first);
    BOOST_TEST(!user.is_set());
    local<std::string> other("other");
    auto of_other = other.set("x");
    BOOST_CHECK_THROW(user.reset(of_other), invalid_state);
    co_return;
  }());
}

BOOST_AUTO_TEST_CASE(a_token_of_another_task_is_refused) {
  stage s;
  s.run([](stage& s) -> task<void> {
    auto token = user.set("ada");
    bool refused = false;
    start(s, [](local<std::string>::token& t, bool& flag) -> task<void> {
      try {
        user.reset(t);
      } catch (const invalid_state&) {
        flag = true;
      }
      co_return;
    }(token, refused));
    co_await yield();
    BOOST_TEST(refused);
    user.reset(token);
  }(s));
}

BOOST_AUTO_TEST_CASE(a_scope_sets_it_for_its_length_also_across_suspensions_and_cancellation) {
  stage s;
  auto subject = start(s, []() -> task<void> {
    {
      const auto as_admin = user.with("admin");
      co_await sleep(1s);
      BOOST_TEST(user.get() == "admin");
    }
    BOOST_TEST(user.get() == "nobody");
    try {
      const auto as_guest = user.with("guest");
      co_await sleep(1h);
    } catch (const cancelled&) {
    }
    BOOST_TEST(user.get() == "nobody");
  }());
  s.settle();
  s.advance(1s);
  subject->cancel(std::make_exception_ptr(cancelled()));
  s.settle();
  BOOST_TEST(subject->done());
}

// covers CTX-001
BOOST_AUTO_TEST_CASE(two_tasks_with_different_values_keep_theirs_across_suspensions) {
  stage s;
  journal seen;
  const auto run = [](std::string name, duration step, journal& log) -> task<void> {
    user.set(name);
    for (int i = 0; i != 3; ++i) {
      co_await sleep(step);
      log.push_back(name + " is " + user.get());
    }
  };
  start(s, run("ada", 2s, seen));
  start(s, run("eve", 3s, seen));
  s.settle();
  BOOST_TEST(seen.size() == 6U);
  for (const auto& line : seen) BOOST_TEST((line == "ada is ada" || line == "eve is eve"));
}

// covers TSK-091
BOOST_AUTO_TEST_CASE(
    a_task_gets_a_copy_of_its_creator_s_values_and_neither_sees_the_other_s_changes) {
  stage s;
  s.run([](stage& s) -> task<void> {
    user.set("ada");
    std::string at_start;
    std::string later;
    auto child = start(s, [](std::string& a, std::string& b) -> task<void> {
      a = user.get();
      co_await sleep(1s);
      b = user.get();
      user.set("child");
      co_await sleep(1s);
    }(at_start, later));
    user.set("parent");
    co_await sleep(1500ms);
    BOOST_TEST(at_start == "ada");
    BOOST_TEST(later == "ada");
    BOOST_TEST(user.get() == "parent");
    co_await sleep(1s);
  }(s));
}

BOOST_AUTO_TEST_CASE(a_task_that_is_awaited_directly_is_the_same_task) {
  stage s;
  s.run([]() -> task<void> {
    co_await []() -> task<void> {
      user.set("inner");
      co_return;
    }();
    BOOST_TEST(user.get() == "inner");
  }());
}

// covers TSK-093
BOOST_AUTO_TEST_CASE(a_hundred_tasks_keep_their_values_over_many_suspensions) {
  const auto run = [](runtime_options options) {
    stage s(std::move(options));
    std::atomic<int> right{0};
    for (int i = 0; i != 100; ++i)
      start(s, [](int n, std::atomic<int>& count) -> task<void> {
        depth.set(n);
        unsigned state = static_cast<unsigned>(n) + 1;
        for (int k = 0; k != 20; ++k) {
          state = state * 1664525U + 1013904223U;
          if (state >> 31 != 0)
            co_await yield();
          else
            co_await sleep(std::chrono::milliseconds(state >> 24));
          if (depth.get() != n) co_return;
          const auto inner = depth.with(-n);
          co_await yield();
          if (depth.get() != -n) co_return;
        }
        if (depth.get() == n) ++count;
      }(i, right));
    while (s.runtime.alive() != 0) s.settle();
    BOOST_TEST(right == 100);
  };
  run({});
  run({.workers = 3});
}

// covers TSK-094
BOOST_AUTO_TEST_CASE(a_context_that_is_given_to_a_task_is_used_and_changed_by_it) {
  stage s;
  context mine;
  mine.run([] { user.set("given"); });
  auto subject = start(
      s,
      []() -> task<std::string> {
        auto before = user.get();
        user.set("changed");
        depth.set(5);
        co_return before;
      }(),
      mine);
  s.settle();
  BOOST_TEST(subject->result<true>() == "given");
  BOOST_TEST(user.get_in(mine).value() == "changed");
  BOOST_TEST(depth.get_in(mine).value() == 5);
  BOOST_TEST(mine.size() == 2U);
  BOOST_TEST(!user.is_set());
}

BOOST_AUTO_TEST_CASE(a_context_runs_functions_whose_changes_stay_in_it) {
  const auto token = user.set("outside");
  const auto copy = context::copy_current();
  const auto seen = copy.run([] {
    auto before = user.get();
    user.set("inside");
    return before;
  });
  BOOST_TEST(seen == "outside");
  BOOST_TEST(user.get() == "outside");
  BOOST_TEST(user.get_in(copy).value() == "inside");
  const auto second = copy.copy();
  second.run([] { user.set("second"); });
  BOOST_TEST(user.get_in(copy).value() == "inside");
  BOOST_TEST(context().size() == 0U);
  user.reset(const_cast<local<std::string>::token&>(token));
}

BOOST_AUTO_TEST_CASE(callbacks_see_the_values_of_the_moment_at_which_they_were_asked_for) {
  stage s;
  journal seen;
  s.run([](stage& s, journal& log) -> task<void> {
    user.set("early");
    s.runtime.call_soon([&log] {
      log.push_back("soon " + user.get());
      user.set("changed by a callback");
    });
    s.runtime.call_later(1s, [&log] { log.push_back("later " + user.get()); });
    user.set("late");
    co_await sleep(2s);
    BOOST_TEST(user.get() == "late");
  }(s, seen));
  BOOST_TEST((seen == journal{"soon early", "later early"}));
}

// covers FU2-003
BOOST_AUTO_TEST_CASE(the_handler_for_a_callback_that_throws_sees_the_callback_s_values) {
  stage s;
  std::string seen;
  s.runtime.set_exception_handler([&](const incident& what) { seen = what.code + user.get(); });
  s.run([](stage& s) -> task<void> {
    user.set("ada");
    s.runtime.call_soon([] { throw std::runtime_error("no"); });
    co_return;
  }(s));
  s.settle();
  BOOST_TEST(seen == "BK003ada");
}

// covers FU2-002
BOOST_AUTO_TEST_CASE(the_handler_for_a_failed_task_nobody_looked_at_sees_the_task_s_values) {
  stage s;
  std::string seen;
  s.runtime.set_exception_handler([&](const incident& what) { seen = what.code + user.get(); });
  start(s, []() -> task<void> {
    user.set("ada");
    throw std::runtime_error("no");
    co_return;
  }());
  s.settle();
  BOOST_TEST(seen == "BK002ada");
}

// covers RUN-016
BOOST_AUTO_TEST_CASE(what_one_main_task_sets_is_seen_by_the_next_of_the_same_runtime) {
  {
    stage s;
    s.run([]() -> task<void> {
      user.set("first");
      co_return;
    }());
    s.run([]() -> task<void> {
      BOOST_TEST(user.get() == "first");
      co_return;
    }());
    BOOST_TEST(!user.is_set());  // the thread's own are another matter
  }
  stage other;
  other.run([]() -> task<void> {
    BOOST_TEST(!user.is_set());
    co_return;
  }());
}

BOOST_AUTO_TEST_CASE(a_runtime_starts_with_the_values_of_the_thread_that_made_it) {
  auto token = user.set("of the thread");
  stage s;
  user.reset(token);
  s.run([]() -> task<void> {
    BOOST_TEST(user.get() == "of the thread");
    co_return;
  }());
}

namespace {

class setter : public lean_actor {
 public:
  using lean_actor::lean_actor;

 protected:
  void on_message(caf::mailbox_element_ptr& element) override {
    std::string outcome = "set";
    try {
      user.set("lost");
    } catch (const invalid_state&) {
      outcome = "refused, reads " + user.get();
    }
    respond_with(*element, std::move(outcome));
    quit();
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_handler_of_an_actor_reads_defaults_and_cannot_set) {
  stage s;
  auto actor = detail::make_lean<setter>(s.runtime.system());
  actor->launch(nullptr, true, true);
  std::string outcome;
  auto asker = s.runtime.system().spawn([&, target = actor.handle()](caf::event_based_actor* self) {
    self->request(target, caf::infinite, 1).then([&](std::string& text) { outcome = text; });
  });
  s.settle();
  BOOST_TEST(outcome == "refused, reads nobody");
}

BOOST_AUTO_TEST_CASE(a_task_without_values_has_no_context) {
  stage s;
  s.run([]() -> task<void> {
    BOOST_TEST(context::copy_current().size() == 0U);
    co_return;
  }());
  auto child = start(s, []() -> task<bool> {
    BOOST_TEST(user.get() == "nobody");
    co_return detail::here.stack->context_slot() == nullptr;
  }());
  s.settle();
  BOOST_TEST(child->result<true>());
}

BOOST_AUTO_TEST_CASE(many_locals_are_kept_apart) {
  stage s;
  s.run([]() -> task<void> {
    std::vector<std::unique_ptr<local<int>>> all;
    for (int i = 0; i != 50; ++i) all.push_back(std::make_unique<local<int>>(std::to_string(i)));
    for (int i = 49; i >= 0; --i) all[static_cast<std::size_t>(i)]->set(i);
    for (int i = 0; i != 50; ++i) BOOST_TEST(all[static_cast<std::size_t>(i)]->get() == i);
    co_return;
  }());
}

BOOST_AUTO_TEST_SUITE_END()
