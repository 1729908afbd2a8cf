// Request and response, awaited.
#include <buskin/actors/ask.hpp>

#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/handlers.hpp>
#include <buskin/actors/receive.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <tuple>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::stage;

using slow = caf::atom_constant<caf::atom("slow")>;
using fail = caf::atom_constant<caf::atom("fail")>;
using two = caf::atom_constant<caf::atom("two")>;

/// Doubles; answers late, with two values, or with a failure when asked to.
class doubler final : public behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override {
    return handlers(
        this, [](int x) { return x * 2; },
        [](slow, int x) -> task<int> {
          co_await sleep(10s);
          co_return x * 2;
        },
        [](fail, std::string text) -> task<int> {
          co_await yield();
          throw std::out_of_range(text);
        },
        [](two, int x) -> task<std::string> { co_return std::to_string(x); });
  }
};

caf::behavior caf_doubler(caf::event_based_actor*) {
  return {[](int x) { return x * 2; },
          [](two, int x) { return caf::make_message(x, std::to_string(x)); },
          [](const std::string&) -> caf::result<int> {
            return caf::make_error(caf::sec::runtime_error, "no strings");
          }};
}

BOOST_AUTO_TEST_SUITE(ask_)

BOOST_AUTO_TEST_CASE(the_answer_of_any_actor_is_awaited) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto lean = spawn_actor<doubler>(s.runtime.system());
    const auto caf_actor = s.runtime.system().spawn(caf_doubler);
    BOOST_TEST(co_await ask<int>(lean, 1s, 4) == 8);
    BOOST_TEST(co_await ask<int>(caf_actor, infinite, 5) == 10);
    const auto [number, text] =
        co_await ask<std::tuple<int, std::string>>(caf_actor, 1s, two::value, 3);
    BOOST_TEST(number == 3);
    BOOST_TEST(text == "3");
    co_await ask<void>(lean, 1s, 1);
    const auto message = co_await ask<caf::message>(lean, 1s, 6);
    BOOST_TEST(message.get_as<int>(0) == 12);
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 0s);
}

BOOST_AUTO_TEST_CASE(a_late_answer_is_a_timeout_and_is_never_given_to_the_next_request) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = spawn_actor<doubler>(s.runtime.system());
    BOOST_CHECK_EXCEPTION(
        co_await ask<int>(actor, 1s, slow::value, 100), timeout_error,
        [](const auto& e) { return std::string(e.what()).find("1 s") != std::string::npos; });
    // The late 200 comes while this one is waited for.
    const auto answer = co_await ask<int>(actor, 20s, slow::value, 1);
    BOOST_TEST(answer == 2);
    co_await sleep(20s);
    BOOST_TEST(co_await ask<int>(actor, 1s, 3) == 6);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_dead_actor_is_no_answer_but_an_error) {  // covers SUP-025
  stage s;
  auto main = [&]() -> task<void> {
    const auto lean = spawn_actor<doubler>(s.runtime.system());
    const auto caf_actor = s.runtime.system().spawn(caf_doubler);
    for (const auto& actor : {lean, caf_actor}) {
      caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
      co_await sleep(1ms);
      BOOST_CHECK_EXCEPTION(co_await ask<int>(actor, infinite, 1), request_failed,
                            [](const auto& e) {
                              return std::string(e.what()).find("has ended") != std::string::npos;
                            });
    }
    BOOST_CHECK_THROW(co_await ask<int>(caf::actor(), 1s, 1), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_actor_that_ends_while_it_is_asked_breaks_its_promise) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = spawn_actor<doubler>(s.runtime.system());
    auto asking = [&]() -> task<int> {
      co_return co_await ask<int>(actor, infinite, slow::value, 1);
    };
    auto asker = spawn(asking());
    co_await sleep(1s);
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    BOOST_CHECK_THROW(co_await asker, broken_promise);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_message_that_is_not_understood_and_a_wrong_answer_say_so) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto lean = spawn_actor<doubler>(s.runtime.system());
    const auto caf_actor = s.runtime.system().spawn(caf_doubler);
    for (const auto& actor : {lean, caf_actor})
      BOOST_CHECK_EXCEPTION(co_await ask<int>(actor, 1s, 1.5), request_failed, [](const auto& e) {
        return std::string(e.what()).find("does not understand") != std::string::npos;
      });
    BOOST_CHECK_EXCEPTION(co_await ask<std::string>(lean, 1s, 1), request_failed,
                          [](const auto& e) {
                            return std::string(e.what()).find("was expected") != std::string::npos;
                          });
    BOOST_CHECK_THROW(co_await ask<int>(caf_actor, 1s, "text"), request_failed);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_exception_of_a_coroutine_handler_keeps_its_type) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = spawn_actor<doubler>(s.runtime.system());
    BOOST_CHECK_EXCEPTION(co_await ask<int>(actor, 1s, fail::value, "far"), std::out_of_range,
                          [](const auto& e) { return std::string(e.what()) == "far"; });
    BOOST_TEST(co_await ask<int>(actor, 1s, 1) == 2);  // it lives on
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_asker_forgets_its_request) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = spawn_actor<doubler>(s.runtime.system());
    auto asking = [&]() -> task<void> {
      try {
        co_await ask<int>(actor, 1min, slow::value, 1);
      } catch (const cancelled&) {
      }
      BOOST_TEST(co_await ask<int>(actor, 1min, slow::value, 50) == 100);
    };
    auto asker = spawn(asking());
    co_await sleep(9s);
    asker.cancel();
    co_await asker;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_task_answers_what_it_receives) {
  stage s;
  auto main = [&]() -> task<void> {
    auto serving = []() -> task<void> {
      for (int i = 0; i != 2; ++i)
        co_await receive([](int x) { return x + 1; }, [](std::string t) { return int(t.size()); });
    };
    auto server = spawn(serving());
    BOOST_TEST(co_await ask<int>(server.actor(), 1s, 1) == 2);
    BOOST_TEST(co_await ask<int>(server.actor(), 1s, "four") == 4);
    BOOST_CHECK_THROW(co_await ask<int>(server.actor(), 1s, 1), request_failed);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(asking_outside_of_a_task_is_refused) {
  stage s;
  const auto actor = s.runtime.system().spawn(caf_doubler);
  auto request = ask<int>(actor, 1s, 1);
  BOOST_CHECK_THROW(request.await_ready(), invalid_state);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
