// Signals, for real: each in a process of its own.
#include <buskin/runtime/signals.hpp>

#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/child_process.hpp"
#include "support/stage.hpp"
#include "support/start.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::child_process;
using buskin::test::stage;
using buskin::test::start;

bool has_default_action(int number) {
  struct sigaction present {};
  ::sigaction(number, nullptr, &present);
  return present.sa_handler == SIG_DFL;
}

BOOST_AUTO_TEST_SUITE(signals_)

BOOST_AUTO_TEST_CASE(they_are_awaited_in_the_order_of_arrival) {
  child_process child([](auto ready) {
    auto main = [&]() -> task<int> {
      signals taken({SIGHUP, SIGUSR1, SIGTERM});
      ready();
      const int first = co_await taken.next();
      ready();
      const int second = co_await taken.next();
      // Two that came before anybody asked.
      std::raise(SIGHUP);
      co_await sleep(1ms);
      std::raise(SIGTERM);
      co_await sleep(1ms);
      const int third = co_await taken.next();
      const int fourth = co_await taken.next();
      co_return first == SIGHUP&& second == SIGUSR1&& third == SIGHUP&& fourth == SIGTERM ? 0 : 1;
    };
    return run(main());
  });
  child.await_ready();
  child.send(SIGHUP);
  child.await_ready();
  child.send(SIGUSR1);
  BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_CASE(an_interrupt_that_is_taken_does_not_cancel_main) {
  child_process child([](auto ready) {
    auto main = [&]() -> task<int> {
      {
        signals taken({SIGINT});
        ready();
        if (co_await taken.next() != SIGINT) co_return 1;
      }
      ready();
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        co_return 7;
      }
      co_return 2;
    };
    return run(main());
  });
  child.await_ready();
  child.send(SIGINT);
  child.await_ready();
  child.send(SIGINT);
  BOOST_TEST(child.wait() == 7);
}

BOOST_AUTO_TEST_CASE(cancelling_the_wait_loses_no_signal_and_two_objects_hear_the_same) {
  child_process child([](auto) {
    auto main = [&]() -> task<int> {
      signals one({SIGUSR1});
      signals other({SIGUSR1, SIGUSR2});
      auto wait = [&]() -> task<int> { co_return co_await one.next(); };
      const auto waiting = start(wait());
      co_await yield();
      const auto second = start(wait());
      co_await yield();
      try {
        second->template result<true>();
        co_return 1;
      } catch (const invalid_state&) {
      }
      waiting->cancel(std::make_exception_ptr(cancelled()));
      co_await yield();
      std::raise(SIGUSR1);
      const int heard = co_await other.next();
      const int kept = co_await one.next();
      co_return heard == SIGUSR1&& kept == SIGUSR1 ? 0 : 2;
    };
    return run(main());
  });
  BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_CASE(one_that_goes_while_it_is_awaited_says_so_and_restores_the_default) {
  child_process child([](auto) {
    auto main = [&]() -> task<int> {
      std::optional<signals> taken(std::in_place, std::initializer_list<int>{SIGUSR1});
      if (has_default_action(SIGUSR1)) co_return 1;
      auto wait = [&]() -> task<int> { co_return co_await taken->next(); };
      const auto waiting = start(wait());
      co_await yield();
      taken.reset();
      co_await yield();
      co_await yield();
      if (!has_default_action(SIGUSR1)) co_return 2;
      try {
        waiting->template result<true>();
      } catch (const invalid_state&) {
        co_return 0;
      }
      co_return 3;
    };
    return run(main());
  });
  BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_CASE(impossible_signals_are_refused_by_name) {  // covers EVT-009
  stage s;
  auto main = []() -> task<void> {
    for (const int number : {0, -1, 65, 1000, SIGKILL, SIGSTOP, SIGSEGV}) {
      BOOST_CHECK_EXCEPTION(
          signals({number}), std::invalid_argument, [&](const std::invalid_argument& refusal) {
            return std::string(refusal.what()).find(std::to_string(number)) != std::string::npos;
          });
      BOOST_CHECK_THROW(runtime::current().add_signal_handler(number, [] {}),
                        std::invalid_argument);
    }
    co_return;
  };
  s.run(main());
  BOOST_CHECK_THROW(signals({SIGUSR1}), invalid_state);
  BOOST_TEST(!s.runtime.remove_signal_handler(SIGUSR1));
  runtime_options options;
  options.inspect_signal = SIGKILL;
  BOOST_CHECK_THROW(runtime{options}, std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_handler_is_called_once_and_removal_restores_the_default) {  // covers EVT-009
  child_process child([](auto ready) {
    runtime owner;
    int calls = 0;
    int replaced = 0;
    owner.add_signal_handler(SIGUSR1, [&] { ++replaced; });
    const std::string given = "its argument";
    owner.add_signal_handler(SIGUSR1, [&, given] {
      if (given == "its argument") ++calls;
      owner.stop();
    });
    owner.call_soon([&] { ready(); });
    owner.run_forever();
    if (calls != 1 || replaced != 0) return 1;
    if (!owner.remove_signal_handler(SIGUSR1) || owner.remove_signal_handler(SIGUSR1)) return 2;
    return has_default_action(SIGUSR1) ? 0 : 3;
  });
  child.await_ready();
  child.send(SIGUSR1);
  BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_CASE(a_program_tells_what_it_does_when_it_is_asked_by_a_signal) {
  child_process child([](auto) {
    int ends[2];
    if (::pipe(ends) != 0) return 90;
    ::dup2(ends[1], 2);
    runtime_options options;
    options.inspect_signal = SIGUSR2;
    runtime owner(options);
    auto idle = []() -> task<void> { co_await sleep(1h); };
    start(owner, idle(), "an idle one");
    owner.poll();
    ::kill(::getpid(), SIGUSR2);
    owner.poll();
    owner.poll();
    char text[4096];
    const auto size = ::read(ends[0], text, sizeof text);
    const std::string told(text, size > 0 ? static_cast<std::size_t>(size) : 0);
    return told.find("an idle one") != std::string::npos &&
                   told.find("signals_test.cpp") != std::string::npos
               ? 0
               : 1;
  });
  BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
