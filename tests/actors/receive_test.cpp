// A task reads its own mailbox.
#include <buskin/actors/receive.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/send.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/send.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <tuple>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::journal;
using buskin::test::stage;

BOOST_AUTO_TEST_SUITE(receive_)

BOOST_AUTO_TEST_CASE(messages_come_in_order_and_those_of_other_kinds_stay) {
  stage s;
  journal log;
  auto reading = [&]() -> task<void> {
    log.push_back(std::to_string(co_await receive<int>()));
    log.push_back(std::to_string(co_await receive<int>()));
    log.push_back(co_await receive<std::string>());
    const auto [number, text] = co_await receive<int, std::string>();
    log.push_back(text + std::to_string(number));
    log.push_back(std::to_string(co_await receive<int>()));
  };
  auto main = [&]() -> task<void> {
    auto reader = spawn(reading());
    send(reader.actor(), "text");
    send(reader.actor(), 1);
    co_await sleep(1ms);
    send(reader.actor(), 7, "pair");
    send(reader.actor(), 2);
    send(reader.actor(), 3);
    co_await reader;
  };
  s.run(main());
  BOOST_TEST(log == (journal{"1", "2", "text", "pair7", "3"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_first_pattern_that_fits_the_oldest_message_is_called) {
  stage s;
  journal log;
  auto reading = [&]() -> task<void> {
    for (int i = 0; i != 3; ++i)
      co_await receive([&](int n) { log.push_back("int " + std::to_string(n)); },
                       [&](const std::string& t) { log.push_back("text " + t); },
                       [&] { log.emplace_back("nothing"); });
  };
  auto main = [&]() -> task<void> {
    auto reader = spawn(reading());
    send(reader.actor(), 1.5);
    send(reader.actor(), "a");
    caf::anon_send(reader.actor(), caf::message());
    send(reader.actor(), 2);
    co_await reader;
  };
  s.run(main());
  BOOST_TEST(log == (journal{"text a", "nothing", "int 2"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_time_limit_ends_the_wait_and_loses_no_message) {
  stage s;
  auto reading = [&]() -> task<void> {
    BOOST_CHECK_THROW(co_await receive<int>(1s), timeout_error);
    BOOST_CHECK_THROW(co_await receive_within(1s, [](std::string) {}), timeout_error);
    BOOST_TEST(co_await receive<int>(10s) == 5);
  };
  auto main = [&]() -> task<void> {
    auto reader = spawn(reading());
    co_await sleep(5s);
    send(reader.actor(), 5);
    co_await reader;
  };
  s.run(main());
  BOOST_CHECK(s.clock.elapsed() == 5s);
}

BOOST_AUTO_TEST_CASE(a_cancelled_receive_takes_no_message) {
  stage s;
  auto reading = [&]() -> task<void> {
    try {
      co_await receive<int>();
      BOOST_ERROR("received");
    } catch (const cancelled&) {
    }
    BOOST_TEST(co_await receive<int>() == 1);
  };
  auto main = [&]() -> task<void> {
    auto reader = spawn(reading());
    co_await sleep(1ms);
    reader.cancel();
    send(reader.actor(), 1);
    co_await reader;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_message_that_was_taken_is_delivered_before_a_later_cancellation) {
  stage s;
  int got = 0;
  auto reading = [&]() -> task<void> {
    got = co_await receive<int>();
    co_await receive<int>();
  };
  auto main = [&]() -> task<void> {
    auto reader = spawn(reading());
    co_await sleep(1ms);
    send(reader.actor(), 1);
    reader.cancel();
    BOOST_CHECK_THROW(co_await reader, cancelled);
  };
  s.run(main());
  BOOST_TEST(got == 1);
}

BOOST_AUTO_TEST_CASE(a_request_is_answered_by_the_handler_by_its_exception_or_by_the_mere_receipt) {
  stage s;
  auto reading = [&]() -> task<void> {
    co_await receive([](int x) { return x * 3; });
    BOOST_CHECK_THROW(co_await receive([](int) -> int { throw std::out_of_range("bad"); }),
                      std::out_of_range);
    co_await receive<int>();
    co_await receive([](int) {});
    co_await sleep(1ms);
  };
  auto main = [&]() -> task<void> {
    auto reader = spawn(reading());
    BOOST_TEST(co_await ask<int>(reader.actor(), 1s, 2) == 6);
    BOOST_CHECK_THROW(co_await ask<int>(reader.actor(), 1s, 2), std::out_of_range);
    co_await ask<void>(reader.actor(), 1s, 2);
    co_await ask<void>(reader.actor(), 1s, 2);
    co_await reader;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(many_messages_are_received_in_order) {
  stage s;
  auto reading = []() -> task<bool> {
    for (int i = 0; i != 20'000; ++i)
      if (co_await receive<int>() != i) co_return false;
    co_return true;
  };
  auto main = [&]() -> task<bool> {
    auto reader = spawn(reading());
    for (int i = 0; i != 20'000; ++i) send(reader.actor(), i);
    co_return co_await reader;
  };
  BOOST_TEST(s.run(main()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
