// Contexts of spawned tasks and of the tasks of a group.
#include <buskin/runtime/context.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/handlers.hpp>
#include <buskin/actors/promise.hpp>
#include <buskin/actors/task_group.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/local.hpp>
#include <buskin/runtime/sleep.hpp>

#include <support/stage.hpp>

#include <caf/send.hpp>

#include <string>

using namespace buskin;
using namespace buskin::test;
using namespace std::chrono_literals;

namespace {

local<int> level("level", 0);

task<int> change() {
  const int before = level.get();
  level.set(before + 10);
  co_await yield();
  co_return before;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(context_)

BOOST_AUTO_TEST_CASE(children_of_spawn_gather_and_groups_start_with_their_creator_s_values) {
  stage s;
  s.run([]() -> task<void> {
    level.set(1);
    auto child = spawn(change());
    level.set(2);
    auto [a, b] = co_await gather(change(), change());
    BOOST_TEST(a == 2);
    BOOST_TEST(b == 2);
    BOOST_TEST(co_await child == 1);
    co_await task_group().run([](task_group& group) -> task<void> {
      level.set(3);
      auto inner = group.spawn(change());
      BOOST_TEST(co_await inner == 3);
    });
    BOOST_TEST(level.get() == 3);  // the body of a group is the same task
  }());
}

namespace {

task<void> change_twice(task_group& group, context values) {
  BOOST_TEST(co_await group.spawn(change(), {.name = "first", .context = values}) == 0);
  BOOST_TEST(co_await group.spawn(change(), {.name = "second", .context = values}) == 10);
}

}  // namespace

// covers TG-028
BOOST_AUTO_TEST_CASE(a_context_given_at_spawn_is_used_by_the_child_of_a_group_itself) {
  stage s;
  s.run([]() -> task<void> {
    const context mine;
    co_await task_group().run(
        [&mine](task_group& group) -> task<void> { return change_twice(group, mine); });
    BOOST_TEST(level.get_in(mine).value() == 20);
    BOOST_TEST(level.get() == 0);
    auto child = spawn(change(), {.name = "third", .context = mine});
    BOOST_TEST(co_await child == 20);
  }());
}

// covers TSK-092
BOOST_AUTO_TEST_CASE(
    a_done_callback_sees_the_values_of_its_registration_and_cannot_change_the_task_s) {
  stage s;
  journal seen;
  s.run([](journal& log) -> task<void> {
    level.set(1);
    auto child = spawn(change());
    child.on_done([&log] {
      log.push_back("level " + std::to_string(level.get()));
      level.set(99);
    });
    level.set(2);
    static_cast<void>(co_await child);
    co_await yield();
    co_await yield();
    BOOST_TEST(level.get() == 2);
  }(seen));
  s.settle();
  BOOST_TEST((seen == journal{"level 1"}));
}

BOOST_AUTO_TEST_CASE(so_does_a_callback_of_a_future) {
  stage s;
  journal seen;
  s.run([](journal& log) -> task<void> {
    const auto note = [&log](const future<void>&) {
      log.push_back("level " + std::to_string(level.get()));
      level.set(99);
    };
    auto [p, f] = make_promise();
    level.set(1);
    f.on_done(note);
    level.set(2);
    f.on_done(note);
    p.set_value();
    level.set(3);
    f.on_done(note);  // after the end
    co_await sleep(1ms);
    BOOST_TEST(level.get() == 3);
  }(seen));
  BOOST_TEST((seen == journal{"level 1", "level 2", "level 3"}));
}

namespace {

class teller final : public behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override {
    return handlers(this, [](int x) -> task<int> {
      const int before = level.get();
      level.set(x);
      co_await yield();
      co_return before * 100 + level.get();
    });
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_coroutine_handler_has_values_of_its_own_and_starts_without_any) {
  stage s;
  s.run([](stage& s) -> task<void> {
    level.set(7);
    const auto actor = spawn_actor<teller>(s.runtime.system());
    BOOST_TEST(co_await ask<int>(actor, 1s, 3) == 3);
    BOOST_TEST(co_await ask<int>(actor, 1s, 4) == 4);
    BOOST_TEST(level.get() == 7);
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  }(s));
}

BOOST_AUTO_TEST_SUITE_END()
