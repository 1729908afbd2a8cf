// CAF's own actors, unchanged, on this scheduler and its clock.
#include <buskin/runtime/detail/scheduler.hpp>

#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/all.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::journal;
using buskin::test::stage;

BOOST_AUTO_TEST_SUITE(scheduler_)

BOOST_AUTO_TEST_CASE(a_request_between_caf_actors_is_answered) {
  stage s(manual_clock::mode::by_hand);
  const auto doubler =
      s.runtime.system().spawn([]() -> caf::behavior { return {[](int x) { return x * 2; }}; });
  int answer = 0;
  s.runtime.system().spawn([&](caf::event_based_actor* self) {
    self->request(doubler, caf::infinite, 21).then([&](int x) { answer = x; });
  });
  s.settle();
  BOOST_TEST(answer == 42);
  caf::anon_send_exit(doubler, caf::exit_reason::user_shutdown);
}

BOOST_AUTO_TEST_CASE(a_request_of_a_caf_actor_times_out_by_the_runtimes_clock) {
  stage s(manual_clock::mode::by_hand);
  // Takes the request and never answers.
  const auto silent = s.runtime.system().spawn([](caf::event_based_actor* self) -> caf::behavior {
    return {[self](int) -> caf::result<int> {
      static std::vector<caf::response_promise> kept;
      kept.clear();
      auto promise = self->make_response_promise();
      kept.push_back(promise);
      return promise;
    }};
  });
  bool timed_out = false;
  s.runtime.system().spawn([&](caf::event_based_actor* self) {
    self->request(silent, std::chrono::seconds(10), 1)
        .then([](int) { BOOST_ERROR("answered"); },
              [&](const caf::error& e) { timed_out = e == caf::sec::request_timeout; });
  });
  s.advance(9s);
  BOOST_TEST(!timed_out);
  s.advance(1s);
  BOOST_TEST(timed_out);
  caf::anon_send_exit(silent, caf::exit_reason::kill);
  s.settle();
}

BOOST_AUTO_TEST_CASE(delayed_messages_come_at_their_time_and_in_order) {
  stage s(manual_clock::mode::by_hand);
  std::vector<int> got;
  const auto receiver =
      s.runtime.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
        self->delayed_send(self, std::chrono::seconds(3), 3);
        self->delayed_send(self, std::chrono::seconds(1), 1);
        self->delayed_send(self, std::chrono::seconds(2), 2);
        return {[&](int n) { got.push_back(n); }};
      });
  s.settle();
  BOOST_TEST(got.empty());
  s.advance(1s);
  BOOST_TEST(got.size() == 1U);
  s.advance(2s);
  BOOST_TEST(got == (std::vector{1, 2, 3}), boost::test_tools::per_element());
  caf::anon_send_exit(receiver, caf::exit_reason::user_shutdown);
}

BOOST_AUTO_TEST_CASE(a_timeout_clause_of_a_caf_behavior_works) {
  stage s(manual_clock::mode::by_hand);
  int timeouts = 0;
  s.runtime.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
    return {[](int) {}, caf::after(std::chrono::seconds(1)) >>
                            [&, self] {
                              if (++timeouts == 2) self->quit();
                            }};
  });
  s.advance(1s);
  BOOST_TEST(timeouts == 1);
  s.advance(1s);
  BOOST_TEST(timeouts == 2);
  BOOST_TEST(s.runtime.alive() == 0U);
}

BOOST_AUTO_TEST_CASE(a_blocking_caf_actor_outside_of_the_loop_can_ask_one_inside) {
  stage s;
  auto& system = s.runtime.system();
  const auto doubler =
      system.spawn([]() -> caf::behavior { return {[](int x) { return x * 2; }}; });
  caf::scoped_actor self(system);
  auto request = self->request(doubler, caf::infinite, 4);
  s.settle();
  int answer = 0;
  std::move(request).receive([&](int x) { answer = x; }, [](const caf::error&) {});
  BOOST_TEST(answer == 8);
  caf::anon_send_exit(doubler, caf::exit_reason::user_shutdown);
}

BOOST_AUTO_TEST_CASE(caf_actors_are_listed_and_counted_and_end_with_the_runtime) {
  stage s(manual_clock::mode::by_hand);
  const auto one = s.runtime.system().spawn(
      [](caf::event_based_actor*) -> caf::behavior { return {[](int) {}}; });
  s.settle();
  BOOST_TEST(s.runtime.alive() == 1U);
  BOOST_REQUIRE(s.runtime.all_tasks().size() == 1U);
  BOOST_TEST(s.runtime.all_tasks()[0].id == one->id());
}

BOOST_AUTO_TEST_CASE(exceptions_links_and_monitors_of_caf_actors_work) {
  stage s(manual_clock::mode::by_hand);
  auto& system = s.runtime.system();
  caf::error down;
  const auto failing = system.spawn([](caf::event_based_actor*) -> caf::behavior {
    return {[](int) { throw std::runtime_error("x"); }};
  });
  const auto watcher = system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    self->monitor(failing);
    self->set_down_handler([&](caf::down_msg& msg) { down = msg.reason; });
    return {[](int) {}};
  });
  s.settle();
  caf::anon_send(failing, 1);
  s.settle();
  BOOST_TEST(!!down);
  caf::anon_send_exit(watcher, caf::exit_reason::user_shutdown);
  s.settle();
  BOOST_TEST(s.runtime.alive() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
