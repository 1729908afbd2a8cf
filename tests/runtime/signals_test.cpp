// Signals, for real: each in a process of its own.
#include <buskin/runtime/signals.hpp>

#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/child_process.hpp"
#include "support/stage.hpp"
#include "support/start.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <chrono>
#include <csignal>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::child_process;
using buskin::test::journal;
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

// covers UNX-001
BOOST_AUTO_TEST_CASE(a_signal_that_cannot_be_taken_leaves_those_that_are) {
  child_process child([](auto) {
    const int of_the_library = SIGRTMIN - 1;  // sigaction refuses it
    runtime owner;
    int calls = 0;
    owner.add_signal_handler(SIGUSR1, [&] {
      ++calls;
      owner.stop();
    });
    auto refused = [of_the_library](auto take) {
      try {
        take();
      } catch (const std::system_error& error) {
        return error.code() == std::errc::invalid_argument &&
               std::string(error.what()).find(std::to_string(of_the_library)) != std::string::npos;
      }
      return false;
    };
    if (!refused([&] { owner.add_signal_handler(of_the_library, [] {}); })) return 1;
    auto several = [&]() -> task<bool> {
      co_return refused([&] { signals({SIGUSR1, SIGUSR2, of_the_library}); });
    };
    if (!owner.run_until_complete(several())) return 2;
    if (owner.remove_signal_handler(of_the_library)) return 3;
    if (!has_default_action(SIGUSR2) || has_default_action(SIGUSR1)) return 4;
    std::raise(SIGUSR1);
    owner.run_forever();
    return calls == 1 ? 0 : 5;
  });
  BOOST_TEST(child.wait() == 0);
}

template <class F>
concept can_handle_a_signal = requires(runtime& owner, F function) {
  owner.add_signal_handler(SIGHUP, function);
};

BOOST_AUTO_TEST_CASE(a_coroutine_in_place_of_a_handler_does_not_compile) {  // covers UNX-002
  auto coroutine = []() -> task<void> { co_return; };
  auto plain = [] {};
  static_assert(can_handle_a_signal<decltype(plain)>);
  static_assert(!can_handle_a_signal<decltype(coroutine)>);
  static_assert(!can_handle_a_signal<task<void>>);
  static_assert(!can_handle_a_signal<int>);
  BOOST_TEST(true);
}

// covers UNX-004
BOOST_AUTO_TEST_CASE(a_removal_keeps_the_other_handlers_and_gives_an_interrupt_back_its_meaning) {
  child_process child([](auto) {
    runtime owner;
    int interrupts = 0;
    int others = 0;
    auto main = [&]() -> task<int> {
      owner.add_signal_handler(SIGINT, [&] { ++interrupts; });
      owner.add_signal_handler(SIGUSR1, [&] { ++others; });
      owner.add_signal_handler(SIGUSR2, [&] { ++others; });
      std::raise(SIGINT);
      while (interrupts == 0) co_await sleep(1ms);
      if (!owner.remove_signal_handler(SIGINT) || !owner.remove_signal_handler(SIGUSR2))
        co_return 1;
      if (!has_default_action(SIGUSR2) || has_default_action(SIGUSR1)) co_return 2;
      std::raise(SIGUSR1);
      while (others == 0) co_await sleep(1ms);
      std::raise(SIGINT);
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
        co_return interrupts == 1 && others == 1 ? 7 : 3;
      }
      co_return 4;
    };
    return owner.run(main());
  });
  BOOST_TEST(child.wait() == 7);
}

// covers UNX-005
BOOST_DATA_TEST_CASE(the_end_of_the_runtime_removes_all_its_handlers,
                     boost::unit_test::data::make({"shutdown", "destruction"}), how) {
  child_process child([&](auto) {
    std::optional<runtime> owner(std::in_place);
    const std::vector<int> all{SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGINT};
    for (const int number : all) owner->add_signal_handler(number, [] {});
    owner->poll();
    for (const int number : all)
      if (has_default_action(number)) return 1;
    if (std::string(how) == "shutdown")
      owner->shutdown();
    else
      owner.reset();
    for (const int number : all)
      if (!has_default_action(number)) return 2;
    std::raise(SIGUSR1);
    return 3;
  });
  BOOST_TEST(child.wait() == -SIGUSR1);
}

// -- the message face -----------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(an_actor_is_sent_the_signals_until_the_object_goes) {
  child_process child([](auto) {
    auto main = []() -> task<int> {
      journal said;
      const auto told = runtime::current().system().spawn([&](caf::event_based_actor*) {
        return caf::behavior{
            [&](signal_received, int number) { said.push_back(std::to_string(number)); }};
      });
      {
        signals other({SIGUSR1});
        signals given({SIGUSR1, SIGUSR2}, told);
        std::raise(SIGUSR1);
        while (said.size() != 1) co_await sleep(1ms);
        std::raise(SIGUSR2);
        while (said.size() != 2) co_await sleep(1ms);
        if (co_await other.next() != SIGUSR1) co_return 1;
        try {
          co_await given.next();
          co_return 2;
        } catch (const invalid_state&) {
        }
        signals moved = std::move(given);
        if (has_default_action(SIGUSR2)) co_return 3;
        moved = signals({SIGHUP});
        if (!has_default_action(SIGUSR2)) co_return 4;
      }
      if (!has_default_action(SIGUSR1)) co_return 5;
      caf::anon_send_exit(told, caf::exit_reason::kill);
      const journal expected{std::to_string(SIGUSR1), std::to_string(SIGUSR2)};
      co_return said == expected ? 0 : 6;
    };
    return run(main());
  });
  BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_CASE(the_end_of_the_actor_that_is_told_restores_the_default_action) {
  child_process child([](auto) {
    auto main = []() -> task<int> {
      const auto told = runtime::current().system().spawn([](caf::event_based_actor* self) {
        return caf::behavior{[self](signal_received, int) { self->quit(); }};
      });
      signals given({SIGUSR1}, told);
      std::raise(SIGUSR1);
      while (!has_default_action(SIGUSR1)) co_await sleep(1ms);
      signals late({SIGUSR1}, told);  // it has ended
      if (!has_default_action(SIGUSR1)) co_return 1;
      try {
        signals nobody({SIGUSR1}, caf::actor());
        co_return 2;
      } catch (const std::invalid_argument&) {
      }
      co_return 0;
    };
    return run(main());
  });
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
