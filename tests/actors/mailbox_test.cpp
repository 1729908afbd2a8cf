// Bounded mailboxes: what becomes of one message too many.
#include <buskin/actors/mailbox.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/deliver.hpp>
#include <buskin/actors/handlers.hpp>
#include <buskin/actors/monitor.hpp>
#include <buskin/actors/receive.hpp>
#include <buskin/actors/send.hpp>
#include <buskin/actors/spawn_bounded.hpp>
#include <buskin/actors/supervisor.hpp>
#include <buskin/actors/task_group.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::journal;
using buskin::test::stage;

/// Receives numbers, one a second.
task<void> slow_reader(journal* log) {
  for (;;) {
    co_await sleep(1s);
    const int item = co_await receive<int>();
    if (item < 0) co_return;
    log->push_back(std::to_string(item));
  }
}

/// Handles numbers, one a second; the next waits until the present one is done.
class slow_server : public behavior_actor {
 public:
  slow_server(caf::actor_config& config, journal* log) : behavior_actor(config), log_(log) {}

 protected:
  caf::behavior make_behavior() override {
    return handlers(this, handling::exclusive, [this](int item) -> task<int> {
      co_await sleep(1s);
      log_->push_back(std::to_string(item));
      co_return item;
    });
  }

 private:
  journal* log_;
};

mailbox_options bound(std::size_t capacity, overflow policy) {
  return {.capacity = capacity, .policy = policy};
}

BOOST_AUTO_TEST_SUITE(mailbox_)

BOOST_AUTO_TEST_CASE(drop_oldest_keeps_the_newest_and_counts_the_rest) {
  // M1. Catches: a bound that is exceeded, a drop that is not counted, the wrong end dropped.
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto reader = spawn_bounded(slow_reader(&log), bound(3, overflow::drop_oldest));
    for (int i = 0; i != 1000; ++i) {
      send(reader.actor(), i);
      BOOST_REQUIRE(mailbox_of(reader.actor())->size <= 3U);
    }
    auto status = *mailbox_of(reader.actor());
    BOOST_TEST(status.dropped == 997U);
    BOOST_TEST(status.accepted == 1000U);
    BOOST_TEST(status.refused == 0U);
    co_await sleep(10s);
    send(reader.actor(), -1);
    co_await reader;
  };
  s.run(main());
  BOOST_TEST(log == (journal{"997", "998", "999"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(drop_newest_keeps_the_oldest_and_counts_the_rest) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto reader = spawn_bounded(slow_reader(&log), bound(3, overflow::drop_newest));
    for (int i = 0; i != 1000; ++i) send(reader.actor(), i);
    co_await deliver(reader.actor(), 1s, 5000);  // its sender is not told either
    const auto status = *mailbox_of(reader.actor());
    BOOST_TEST(status.size == 3U);
    BOOST_TEST(status.dropped == 998U);
    BOOST_TEST(status.accepted == 3U);
    co_await sleep(10s);
    send(reader.actor(), -1);
    co_await reader;
  };
  s.run(main());
  BOOST_TEST(log == (journal{"0", "1", "2"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(refuse_tells_whoever_can_be_told) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto reader = spawn_bounded(slow_reader(&log), bound(2, overflow::refuse), {"reader"});
    for (int i = 0; i != 5; ++i) send(reader.actor(), i);
    BOOST_CHECK_EXCEPTION(co_await deliver(reader.actor(), 1s, 7), mailbox_full,
                          [](const mailbox_full& e) {
                            return std::string(e.what()) ==
                                   "the mailbox of task \"reader\" is full: 2 messages "
                                   "wait, and its policy is to refuse";
                          });
    BOOST_CHECK_THROW(co_await ask<void>(reader.actor(), 1s, 7), mailbox_full);
    BOOST_TEST(mailbox_of(reader.actor())->refused == 5U);
    reader.cancel();
    co_await monitor(reader.actor());
  };
  s.run(main());
  BOOST_TEST(log.empty());
}

BOOST_AUTO_TEST_CASE(a_request_that_is_dropped_is_answered_so) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    for (const auto policy : {overflow::drop_oldest, overflow::drop_newest}) {
      auto reader = spawn_bounded(slow_reader(&log), bound(1, policy));
      auto asking = [](caf::actor whom) -> task<void> { co_await ask<void>(whom, 1h, 1); };
      auto one = spawn(asking(reader.actor()));
      auto two = spawn(asking(reader.actor()));
      co_await sleep(1ms);
      auto& dropped = policy == overflow::drop_oldest ? one : two;
      auto& kept = policy == overflow::drop_oldest ? two : one;
      BOOST_REQUIRE(dropped.done());
      BOOST_CHECK_THROW(co_await dropped, mailbox_full);
      co_await kept;
      reader.cancel();
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_a_plain_caf_sender_sees_of_a_full_mailbox) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    for (const auto policy :
         {overflow::wait, overflow::drop_oldest, overflow::drop_newest, overflow::refuse}) {
      journal seen;
      auto reader = spawn_bounded(slow_reader(&log), bound(1, policy));
      const auto target = reader.actor();
      const auto client = s.runtime.system().spawn([&](caf::event_based_actor* self) {
        for (int i = 0; i != 2; ++i)
          self->request(target, caf::infinite, i)
              .then([&seen, i] { seen.push_back("answer " + std::to_string(i)); },
                    [&seen, i](caf::error& e) {
                      BOOST_TEST(is(e, failure::mailbox_full));
                      seen.push_back("full " + std::to_string(i));
                    });
        self->send(target, 7);
        return caf::behavior{[](double) {}};
      });
      co_await sleep(10s);
      const auto status = *mailbox_of(target);
      using log_type = journal;
      switch (policy) {
        case overflow::wait:  // both requests waited, the message that could not was refused
          BOOST_TEST(seen == (log_type{"answer 0", "answer 1"}), boost::test_tools::per_element());
          BOOST_TEST(status.refused == 1U);
          break;
        case overflow::drop_oldest:
          BOOST_TEST(seen == (log_type{"full 0", "full 1"}), boost::test_tools::per_element());
          BOOST_TEST(status.dropped == 2U);
          break;
        case overflow::drop_newest:
          BOOST_TEST(seen == (log_type{"full 1", "answer 0"}), boost::test_tools::per_element());
          BOOST_TEST(status.dropped == 2U);
          break;
        case overflow::refuse:
          BOOST_TEST(seen == (log_type{"full 1", "answer 0"}), boost::test_tools::per_element());
          BOOST_TEST(status.refused == 2U);
          break;
      }
      caf::anon_send_exit(client, caf::exit_reason::user_shutdown);
      reader.cancel();
      co_await sleep(1ms);
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(with_wait_senders_wait_in_order_and_nothing_is_lost) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto reader = spawn_bounded(slow_reader(&log), bound(2, overflow::wait));
    auto sending = [&](int base) -> task<void> {
      for (int i = 0; i != 3; ++i) co_await deliver(reader.actor(), infinite, base + i);
    };
    co_await task_group().run([&](task_group& group) -> task<void> {
      group.spawn(sending(10));
      group.spawn(sending(20));
      co_await sleep(1ms);
      const auto status = *mailbox_of(reader.actor());
      BOOST_TEST(status.size == 2U);
      BOOST_TEST(status.waiting == 2U);
    });
    co_await deliver(reader.actor(), infinite, -1);
    co_await reader;
    BOOST_TEST(mailbox_of(reader.actor())->dropped == 0U);
  };
  s.run(main());
  BOOST_TEST(log == (journal{"10", "11", "12", "20", "21", "22"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_waiting_sender_may_give_up_by_time_or_cancellation_and_sends_nothing) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto reader = spawn_bounded(slow_reader(&log), bound(1, overflow::wait));
    send(reader.actor(), 1);
    auto sending = [&](int item) -> task<void> {
      co_await deliver(reader.actor(), infinite, item);
    };
    auto cancelled_one = spawn(sending(2));
    BOOST_CHECK_THROW(co_await deliver(reader.actor(), 500ms, 3), timeout_error);
    BOOST_CHECK_THROW(co_await timeout(100ms, [&] { return deliver(reader.actor(), 1h, 4); }),
                      timeout_error);
    cancelled_one.cancel();
    BOOST_CHECK_THROW(co_await cancelled_one, cancelled);
    BOOST_TEST(mailbox_of(reader.actor())->waiting == 0U);
    co_await deliver(reader.actor(), infinite, 5);
    co_await deliver(reader.actor(), infinite, -1);
    co_await reader;
  };
  s.run(main());
  BOOST_TEST(log == (journal{"1", "5"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(when_the_receiver_ends_everybody_who_waits_is_told) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto reader = spawn_bounded(slow_reader(&log), bound(1, overflow::wait));
    const auto whom = reader.actor();
    send(whom, 1);
    auto sending = [](caf::actor to) -> task<void> { co_await deliver(to, infinite, 2); };
    auto asking = [](caf::actor to) -> task<void> { co_await ask<void>(to, infinite, 2); };
    auto one = spawn(sending(whom));
    auto two = spawn(asking(whom));
    co_await sleep(1ms);
    reader.cancel();
    BOOST_CHECK_THROW(co_await one, request_failed);
    BOOST_CHECK_THROW(co_await two, request_failed);
    BOOST_CHECK_THROW(co_await deliver(whom, infinite, 3), request_failed);
    BOOST_CHECK_THROW(co_await ask<void>(whom, infinite, 3), request_failed);
    const auto plain = spawn(slow_reader(&log));
    plain.cancel();
    co_await monitor(plain.actor());
    BOOST_CHECK_THROW(co_await deliver(plain.actor(), infinite, 3), request_failed);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_high_water_mark_is_told_once_a_crossing) {
  // M1. Catches: an event for each message above the mark, or none after the first crossing.
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    journal events;
    auto options = bound(8, overflow::drop_newest);
    options.high_water = 6;
    options.low_water = 2;
    options.events = [&](const mailbox_event& event) {
      events.push_back((event.what == mailbox_event::kind::high_water ? "high " : "low ") +
                       std::to_string(event.size) + " " + event.who);
    };
    auto reader = spawn_bounded(slow_reader(&log), options, {"r"});
    for (int round = 0; round != 2; ++round) {
      for (int i = 0; i != 20; ++i) send(reader.actor(), i);
      co_await sleep(3500ms);  // down to five or so
      for (int i = 0; i != 20; ++i) send(reader.actor(), i);
      co_await sleep(20s);
    }
    BOOST_TEST(events == (journal{"high 6 task \"r\"", "low 2 task \"r\"", "high 6 task \"r\"",
                                  "low 2 task \"r\""}),
               boost::test_tools::per_element());
    BOOST_TEST(mailbox_of(reader.actor())->crossings == 2U);
    reader.cancel();
    co_await monitor(reader.actor());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_actor_with_handlers_has_one_as_well_and_exclusive_handlers_hold_it_up) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    const auto server =
        spawn_bounded<slow_server>(s.runtime.system(), bound(2, overflow::refuse), &log);
    for (int i = 0; i != 6; ++i) {
      send(server, i);
      co_await yield();
    }
    BOOST_TEST(mailbox_of(server)->size == 2U);
    BOOST_TEST(mailbox_of(server)->refused == 3U);  // one is being handled
    co_await sleep(10s);
    BOOST_TEST(co_await ask<int>(server, 5s, 9) == 9);
    caf::anon_send_exit(server, caf::exit_reason::user_shutdown);
  };
  s.run(main());
  BOOST_TEST(log == (journal{"0", "1", "2", "9"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(selective_receive_takes_from_the_middle_of_a_bounded_mailbox) {
  stage s;
  journal log;
  auto reading = [&]() -> task<void> {
    co_await sleep(1s);
    log.push_back(co_await receive<std::string>());
    log.push_back(std::to_string(co_await receive<int>()));
    log.push_back(std::to_string(co_await receive<int>(5s)));
    BOOST_CHECK_THROW(co_await receive<int>(1s), timeout_error);
  };
  auto main = [&]() -> task<void> {
    auto reader = spawn_bounded(reading(), bound(3, overflow::wait));
    send(reader.actor(), 1);
    send(reader.actor(), 2);
    send(reader.actor(), "text");
    co_await reader;
  };
  s.run(main());
  BOOST_TEST(log == (journal{"text", "1", "2"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_full_mailbox_does_not_keep_an_actor_from_being_ended) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    auto reader = spawn_bounded(slow_reader(&log), bound(1, overflow::refuse));
    send(reader.actor(), 1);
    auto end = monitor(reader.actor());
    caf::anon_send_exit(reader.actor(), caf::exit_reason::user_shutdown);
    BOOST_TEST((co_await end == caf::exit_reason::user_shutdown));
    BOOST_TEST(!mailbox_of(spawn(slow_reader(&log)).actor()));
    BOOST_TEST(!mailbox_of(caf::actor()));
    auto never = [](journal* l) { return slow_reader(l); };
    BOOST_CHECK_THROW(spawn_bounded(never(&log), {}), std::invalid_argument);
    mailbox_options crossed = bound(4, overflow::wait);
    crossed.high_water = 9;
    BOOST_CHECK_THROW(spawn_bounded(never(&log), crossed), std::invalid_argument);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_supervised_task_can_have_one) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    child_spec spec;
    spec.id = "reader";
    spec.start = [&] { return slow_reader(&log); };
    spec.mailbox = bound(1, overflow::drop_newest);
    supervisor sup({spec});
    co_await sup.started();
    BOOST_TEST(mailbox_of(sup.which_children().front().actor)->capacity == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(with_several_workers_the_bound_holds_and_all_that_was_delivered_arrives) {
  runtime_options options;
  options.workers = 4;
  options.signals = signal_handling::none;
  runtime r(options);
  constexpr int senders = 6;
  constexpr int each = 2000;
  std::atomic<bool> exceeded{false};
  auto reading = []() -> task<std::int64_t> {
    std::int64_t sum = 0;
    for (int i = 0; i != senders * each; ++i) sum += co_await receive<int>();
    co_return sum;
  };
  auto main = [&]() -> task<void> {
    auto reader = spawn_bounded(reading(), bound(4, overflow::wait));
    auto sending = [&](int base) -> task<void> {
      for (int i = 0; i != each; ++i) {
        co_await deliver(reader.actor(), infinite, base + i);
        if (mailbox_of(reader.actor())->size > 4U) exceeded = true;
      }
    };
    co_await task_group().run([&](task_group& group) -> task<void> {
      for (int i = 0; i != senders; ++i) group.spawn(sending(i * each));
      co_return;
    });
    const std::int64_t n = senders * each;
    BOOST_TEST(co_await reader == n * (n - 1) / 2);
  };
  r.run(main());
  BOOST_TEST(!exceeded);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
