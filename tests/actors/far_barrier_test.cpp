// Barriers in another process.
#include <buskin/actors/barrier.hpp>

#include <buskin/actors/event.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/far_actor.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstddef>
#include <stdexcept>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

task<std::size_t> pass(barrier b) { co_return co_await b.wait(); }

BOOST_AUTO_TEST_SUITE(far_barrier_)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_round_is_complete_with_parties_here_and_there, Setting,
                              both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    barrier b(3);
    const auto reached = where.reach(b);
    for (int round = 0; round != 2; ++round) {
      auto one = spawn(pass(reached));
      auto two = spawn(pass(reached));
      co_await sleep(1ms);
      BOOST_TEST(b.waiting() == 2U);
      BOOST_TEST(!one.done());
      const auto mine = co_await b.wait();
      BOOST_TEST(mine + co_await one + co_await two == 3U);  // 0, 1 and 2
      co_await sleep(1ms);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_party_that_gives_up_or_dies_leaves, Setting, both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    barrier b(2);
    const auto reached = where.reach(b);
    for (const bool killed : {false, true}) {
      auto party = spawn(pass(reached));
      co_await sleep(1ms);
      BOOST_TEST(b.waiting() == 1U);
      if (killed)
        kill(party.actor());
      else
        party.cancel();
      BOOST_CHECK_THROW(co_await party, cancelled);
      co_await sleep(1ms);
      BOOST_TEST(b.waiting() == 0U);
    }
    auto one = spawn(pass(reached));
    co_await reached.wait();
    co_await one;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_reset_and_an_abort_break_the_round, Setting, both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    barrier b(2);
    const auto reached = where.reach(b);
    auto one = spawn(pass(reached));
    co_await sleep(1ms);
    reached.reset();
    BOOST_CHECK_THROW(co_await one, broken_barrier);
    co_await sleep(1ms);
    reached.abort();
    BOOST_CHECK_THROW(co_await reached.wait(), broken_barrier);
    BOOST_TEST(b.broken());
    reached.reset();
    auto two = spawn(pass(reached));
    co_await reached.wait();
    co_await two;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_party_over_a_lost_connection_leaves) {
  stage s;
  in_another_process where(s);
  auto main = [&]() -> task<void> {
    barrier b(2);
    const auto far = where.reach(b);
    BOOST_CHECK_THROW(static_cast<void>(far.parties()), invalid_state);
    BOOST_CHECK_THROW(barrier::at(event().actor()), std::invalid_argument);
    auto party = spawn(pass(far));
    co_await sleep(1ms);
    BOOST_TEST(b.waiting() == 1U);
    where.way->cut();
    BOOST_CHECK_THROW(co_await party, broken_promise);
    BOOST_TEST(b.waiting() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
