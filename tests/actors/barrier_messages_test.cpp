// The message face of the barrier: parties that are plain CAF actors.
#include <buskin/actors/barrier.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;
using places = std::vector<std::uint64_t>;

task<std::size_t> pass(barrier b) { co_return co_await b.wait(); }

/// A plain actor that comes to the barrier for each `int` it gets, and says how that ended.
caf::actor party(stage& s, const barrier& b, journal& said, const std::string& name,
                 caf::duration patience = caf::infinite) {
  return s.runtime.system().spawn([=, &said](caf::event_based_actor* self) -> caf::behavior {
    return {[=, &said](int) {
      self->request(b.actor(), patience, await_barrier::value)
          .then([=, &said](std::uint64_t place) { said.push_back(name + std::to_string(place)); },
                [=, &said](caf::error& why) { said.push_back(name + ": " + describe(why)); });
    }};
  });
}

task<void> arrive(const caf::actor& who) {
  caf::anon_send(who, 0);
  co_await sleep(1ms);
}

BOOST_AUTO_TEST_SUITE(barrier_messages_)

BOOST_AUTO_TEST_CASE(plain_caf_actors_and_tasks_are_parties_of_the_same_rounds) {
  stage s;
  auto main = [&]() -> task<void> {
    const barrier b(3);
    journal said;
    const auto one = party(s, b, said, "one ");
    const auto two = party(s, b, said, "two ");
    for (int round = 0; round != 3; ++round) {
      said.clear();
      co_await arrive(one);
      co_await arrive(two);
      BOOST_TEST(b.waiting() == 2U);
      BOOST_TEST(said.empty());
      BOOST_TEST(co_await b.wait() == 2U);
      co_await sleep(1ms);
      BOOST_TEST((said == journal{"one 0", "two 1"}));
      BOOST_TEST(b.waiting() == 0U);
    }
    // The last one to come may be one of them.
    said.clear();
    auto task_party = spawn(pass(b));
    co_await sleep(1ms);
    co_await arrive(one);
    co_await arrive(two);
    BOOST_TEST(co_await task_party == 0U);
    BOOST_TEST((said == journal{"two 2", "one 1"}));
    BOOST_CHECK_THROW(co_await ask<void>(b.actor(), 1s, "what"), request_failed);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_barrier_of_messages_alone_begins_a_new_round_at_once) {
  stage s;
  auto main = [&]() -> task<void> {
    const barrier b(2);
    auto going = [&]() -> task<places> {
      places mine;
      for (int i = 0; i != 50; ++i)
        mine.push_back(co_await ask<std::uint64_t>(b.actor(), 1h, await_barrier::value));
      co_return mine;
    };
    const auto [one, two] = co_await gather(going(), going());
    for (std::size_t i = 0; i != one.size(); ++i) BOOST_TEST(one[i] + two[i] == 1U);
    const barrier alone(1);
    for (int i = 0; i != 3; ++i)
      BOOST_TEST(co_await ask<std::uint64_t>(alone.actor(), 1s, await_barrier::value) == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(who_is_early_by_a_message_comes_in_when_the_round_before_has_left) {
  stage s;
  auto main = [&]() -> task<void> {
    const barrier b(2);
    journal said;
    const auto one = party(s, b, said, "one ");
    const auto two = party(s, b, said, "two ");
    const auto three = party(s, b, said, "three ");
    auto slow = [&]() -> task<void> {
      auto wait = b.wait();
      BOOST_TEST(!wait.await_ready());  // arrived, and does not leave before it is destroyed
      co_await arrive(one);
      BOOST_TEST((said == journal{"one 1"}));
      co_await arrive(two);
      co_await arrive(three);
      BOOST_TEST(said.size() == 1U);
      BOOST_TEST(b.waiting() == 0U);  // of the next round
    };
    co_await slow();
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"one 1", "three 1", "two 0"}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_party_that_ends_before_the_round_is_complete_has_left) {
  stage s;
  auto main = [&]() -> task<void> {
    const barrier b(3);
    journal said;
    for (const bool looked_at : {false, true}) {
      const auto dying = party(s, b, said, "dying ");
      co_await arrive(dying);
      BOOST_TEST(b.waiting() == 1U);
      kill(dying);
      co_await sleep(1ms);
      if (looked_at) BOOST_TEST(b.waiting() == 0U);
      auto one = spawn(pass(b));
      auto two = spawn(pass(b));
      co_await sleep(1ms);
      BOOST_TEST(!one.done());
      BOOST_TEST(b.waiting() == 2U);
      co_await b.wait();
      co_await one;
      co_await two;
    }
    BOOST_TEST(said.empty());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_early_party_that_ends_does_not_count_for_the_next_round) {
  stage s;
  auto main = [&]() -> task<void> {
    const barrier b(2);
    journal said;
    const auto dying = party(s, b, said, "dying ");
    auto slow = [&]() -> task<void> {
      auto wait = b.wait();
      BOOST_TEST(!wait.await_ready());
      co_await ask<std::uint64_t>(b.actor(), 1s, await_barrier::value);
      co_await arrive(dying);
      kill(dying);
      co_await sleep(1ms);
    };
    co_await slow();
    auto one = spawn(pass(b));
    co_await sleep(1ms);
    BOOST_TEST(!one.done());
    co_await b.wait();
    co_await one;
    BOOST_TEST(said.empty());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(who_asks_again_after_its_deadline_is_still_one_party) {
  stage s;
  auto main = [&]() -> task<void> {
    const barrier b(2);
    journal said;
    const auto impatient = party(s, b, said, "it ", caf::duration(1s));
    for (int i = 0; i != 3; ++i) {
      co_await arrive(impatient);
      co_await sleep(2s);
    }
    BOOST_TEST(b.waiting() == 1U);
    BOOST_TEST(said.size() == 3U);
    said.clear();
    co_await arrive(impatient);
    BOOST_TEST(co_await b.wait() == 1U);
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"it 0"}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_request_that_is_not_over_is_told_that_a_later_one_took_its_place) {
  stage s;
  auto main = [&]() -> task<void> {
    const barrier b(2);
    journal said;
    const auto hasty = party(s, b, said, "it ");
    co_await arrive(hasty);
    co_await arrive(hasty);
    BOOST_TEST((said == journal{"it : this party came to the barrier again, by a later request"}));
    BOOST_TEST(b.waiting() == 1U);
    co_await b.wait();
    co_await sleep(1ms);
    BOOST_TEST(said.back() == "it 0");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_party_may_leave_by_a_message_and_another_takes_its_place) {
  stage s;
  auto main = [&]() -> task<void> {
    const barrier b(2);
    journal said;
    s.runtime.system().spawn([&said, b](caf::event_based_actor* self) {
      self->request(b.actor(), 1s, await_barrier::value)
          .then([](std::uint64_t) { BOOST_ERROR("the round was not complete"); },
                [&said, b, self](caf::error&) {
                  said.push_back("late");
                  self->request(b.actor(), caf::infinite, leave_barrier::value)
                      .then([&said](bool waited) { said.push_back(waited ? "left" : "was gone"); });
                });
    });
    co_await sleep(2s);
    BOOST_TEST((said == journal{"late", "left"}));
    BOOST_TEST(b.waiting() == 0U);
    BOOST_TEST(!(co_await ask<bool>(b.actor(), 1s, leave_barrier::value)));
    auto one = spawn(pass(b));
    co_await sleep(1ms);
    BOOST_TEST(!one.done());
    BOOST_TEST(co_await b.wait() == 1U);
    co_await one;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(messages_break_it_and_mend_it) {
  stage s;
  auto main = [&]() -> task<void> {
    const barrier b(2);
    journal said;
    const auto one = party(s, b, said, "one");
    co_await arrive(one);
    co_await ask<void>(b.actor(), 1s, reset_barrier::value);
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"one: the barrier is broken"}));
    BOOST_TEST(!b.broken());
    said.clear();
    co_await arrive(one);
    co_await ask<void>(b.actor(), 1s, abort_barrier::value);
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"one: the barrier is broken"}));
    BOOST_TEST(b.broken());
    BOOST_CHECK_THROW(co_await ask<std::uint64_t>(b.actor(), 1s, await_barrier::value),
                      broken_barrier);
    co_await ask<void>(b.actor(), 1s, reset_barrier::value);
    said.clear();
    co_await arrive(one);
    co_await b.wait();
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"one0"}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(who_waits_by_a_message_is_told_when_the_barrier_goes) {
  stage s;
  auto main = [&]() -> task<void> {
    std::optional<barrier> b(2);
    journal said;
    s.runtime.system().spawn([&](caf::event_based_actor* self) {
      self->request(b->actor(), caf::infinite, await_barrier::value)
          .then([](std::uint64_t) { BOOST_ERROR("alone"); },
                [&](caf::error& why) {
                  BOOST_TEST(is(why, failure::broken_promise));
                  said.push_back("told");
                });
    });
    co_await sleep(1ms);
    b.reset();
    co_await sleep(1ms);
    BOOST_TEST((said == journal{"told"}));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(between_workers_and_threads_every_round_is_complete) {
  constexpr int rounds = 300;
  runtime_options options;
  options.workers = 2;
  options.signals = signal_handling::none;
  places outside;
  auto main = [&]() -> task<void> {
    const barrier b(3);
    auto& system = runtime::current().system();
    // A thread of its own: a scoped actor is a party too.
    std::thread thread([&] {
      caf::scoped_actor self(system);
      for (int i = 0; i != rounds; ++i)
        self->request(b.actor(), caf::infinite, await_barrier::value)
            .receive([&](std::uint64_t place) { outside.push_back(place); },
                     [](caf::error& why) { BOOST_ERROR(describe(why)); });
    });
    auto going = [&]() -> task<void> {
      for (int i = 0; i != rounds; ++i) co_await b.wait();
    };
    co_await gather(going(), going());
    thread.join();
    BOOST_TEST(b.waiting() == 0U);
  };
  run(main(), options);
  BOOST_TEST(outside.size() == static_cast<std::size_t>(rounds));
  BOOST_TEST(*std::max_element(outside.begin(), outside.end()) <= 2U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
