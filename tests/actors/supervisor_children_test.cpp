// Requests to a supervisor: children added, terminated, restarted, deleted, listed; by await and by
// message.
#include "actors/supervised.hpp"

#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/monitor.hpp>
#include <buskin/actors/send.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;
using kind = supervisor_event::kind;
using state = child_status::state;

BOOST_AUTO_TEST_SUITE(supervisor_children)

BOOST_AUTO_TEST_CASE(a_child_terminated_by_id_stays_as_a_specification) {  // covers SUP-022
  stage s;
  auto main = []() -> task<void> {
    supervisor sup({child("x", living)}, tolerant());
    co_await sleep(1ms);
    co_await sup.terminate_child("x");
    co_await sleep(1ms);
    BOOST_CHECK(status_of(sup, "x").now == state::stopped);
    BOOST_TEST(!status_of(sup, "x").actor);
    co_await sup.terminate_child("x");
    BOOST_CHECK_EXCEPTION(co_await sup.terminate_child("y"), child_error,
                          why(child_error::code::not_found));
    BOOST_TEST(sup.which_children().size() == 1U);
    co_await sleep(1h);
    BOOST_TEST(status_of(sup, "x").restarts == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_child_that_waits_for_its_restart_can_be_terminated) {
  stage s;
  auto main = []() -> task<void> {
    auto spec = child("x", [] { return failing(1s); });
    spec.backoff.initial = 1h;
    supervisor sup({spec}, tolerant());
    co_await sleep(2s);
    BOOST_CHECK(status_of(sup, "x").now == state::waiting);
    co_await sup.terminate_child("x");
    co_await sleep(10h);
    BOOST_CHECK(status_of(sup, "x").now == state::stopped);
    BOOST_TEST(status_of(sup, "x").restarts == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(children_can_be_added_later) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    supervisor sup({child("a", [&] { return tidy(0s, &log, "a"); })});
    co_await sleep(1ms);
    co_await sup.start_child(child("b", [&] { return tidy(0s, &log, "b"); }));
    co_await sleep(1ms);
    BOOST_CHECK(status_of(sup, "b").now == state::running);
    sup.stop();
    co_await monitor(sup.actor());
  };
  s.run(main());
  BOOST_TEST(log == (journal{"b", "a"}), boost::test_tools::per_element());
}

class unlinking final : public behavior_actor {
 public:
  unlinking(caf::actor_config& config, caf::actor* supervisor)
      : behavior_actor(config), supervisor_(supervisor) {}

 protected:
  caf::behavior make_behavior() override {
    unlink(*supervisor_);
    return {[](int x) { return x; }};
  }

 private:
  caf::actor* supervisor_;
};

BOOST_AUTO_TEST_CASE(a_child_that_cuts_its_link_can_still_be_terminated) {  // covers SUP-052
  stage s;
  auto main = [&]() -> task<void> {
    caf::actor itself;
    child_spec spec;
    spec.id = "x";
    spec.start_actor = [&] { return spawn_actor<unlinking>(s.runtime.system(), &itself); };
    supervisor sup({spec});
    itself = sup.actor();
    co_await sleep(1ms);
    co_await sup.terminate_child("x");
    co_await sleep(1ms);
    BOOST_CHECK(status_of(sup, "x").now == state::stopped);
    sup.stop();
    co_await monitor(sup.actor());
    itself = nullptr;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(adding_a_child_whose_id_runs_tells_who_it_is) {  // covers SUP-021
  stage s;
  auto main = [&]() -> task<void> {
    supervisor sup({child("x", living)});
    co_await sup.started();
    const auto present = status_of(sup, "x").actor;
    BOOST_CHECK_EXCEPTION(co_await sup.start_child(child("x", living)), child_error,
                          [&](const child_error& e) {
                            return e.why() == child_error::code::already_started &&
                                   e.actor() == present && e.child() == "x";
                          });
    BOOST_TEST((status_of(sup, "x").actor == present));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_stopped_child_is_present_and_is_revived_by_restart_only) {  // covers SUP-023
  stage s;
  auto main = [&]() -> task<void> {
    supervisor sup({child("x", living)});
    co_await sup.terminate_child("x");
    BOOST_CHECK_EXCEPTION(co_await sup.start_child(child("x", living)), child_error,
                          why(child_error::code::already_present));
    const auto revived = co_await sup.restart_child("x");
    BOOST_TEST((status_of(sup, "x").actor == revived));
    BOOST_CHECK_EXCEPTION(co_await sup.restart_child("x"), child_error,
                          why(child_error::code::running));
    BOOST_CHECK_EXCEPTION(co_await sup.delete_child("x"), child_error,
                          why(child_error::code::running));
    BOOST_CHECK_EXCEPTION(co_await sup.restart_child("y"), child_error,
                          why(child_error::code::not_found));
    co_await sup.terminate_child("x");
    co_await sup.delete_child("x");
    BOOST_CHECK_EXCEPTION(co_await sup.delete_child("x"), child_error,
                          why(child_error::code::not_found));
    BOOST_TEST(sup.which_children().empty());
    co_await sup.start_child(child("x", living));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_restart_by_hand_whose_start_fails_tells_why_and_keeps_the_specification) {
  // covers SUP-008
  stage s;
  auto main = [&]() -> task<void> {
    int failures = 0;
    supervisor sup({shy("x", &failures)}, tolerant());
    co_await sup.terminate_child("x");
    failures = 1;
    BOOST_CHECK_EXCEPTION(co_await sup.restart_child("x"), child_error, [](const child_error& e) {
      return e.why() == child_error::code::start_failed && describe(e.cause()) == "no such device";
    });
    BOOST_CHECK(status_of(sup, "x").now == state::stopped);
    co_await sleep(1h);
    BOOST_CHECK(status_of(sup, "x").now == state::stopped);  // by hand means by hand
    BOOST_TEST(static_cast<bool>(co_await sup.restart_child("x")));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_child_that_is_added_and_does_not_start_is_not_kept) {
  stage s;
  auto main = [&]() -> task<void> {
    int failures = 1;
    supervisor sup({child("a", living)});
    BOOST_CHECK_EXCEPTION(co_await sup.start_child(shy("x", &failures)), child_error,
                          why(child_error::code::start_failed));
    BOOST_TEST(sup.which_children().size() == 1U);
    co_await sup.start_child(shy("x", &failures));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(termination_by_actor_is_for_pools) {  // covers SUP-026
  stage s;
  auto main = [&]() -> task<void> {
    supervisor sup({child("x", living)});
    co_await sup.started();
    const auto actor = status_of(sup, "x").actor;
    BOOST_CHECK_EXCEPTION(co_await sup.terminate_child(actor), child_error,
                          why(child_error::code::not_found));
    BOOST_TEST((status_of(sup, "x").actor == actor));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(terminating_waits_for_the_end_and_other_requests_wait_behind) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    supervisor sup({child("slow", [&] { return tidy(3s, &log, "slow"); }), child("b", living)});
    co_await sup.started();
    co_await sleep(1ms);
    const auto begun = s.clock.elapsed();
    auto first = sup.terminate_child("slow");
    auto second = sup.terminate_child("b");
    BOOST_TEST(sup.which_children().size() == 2U);  // a look does not wait
    co_await second;
    BOOST_CHECK(s.clock.elapsed() - begun == 3s);
    co_await first;
    BOOST_TEST(log.size() == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancelled_await_of_a_request_leaves_the_request) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    supervisor sup({child("slow", [&] { return tidy(3s, &log, "slow"); })});
    co_await sup.started();
    co_await sleep(1ms);
    auto asking = [](supervisor sup) -> task<void> { co_await sup.terminate_child("slow"); };
    auto asker = spawn(asking(sup));
    co_await sleep(1s);
    asker.cancel();
    BOOST_CHECK_THROW(co_await asker, cancelled);
    co_await sleep(3s);
    BOOST_CHECK(status_of(sup, "slow").now == state::stopped);
    BOOST_TEST(log.size() == 1U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(requests_that_wait_when_it_ends_fail_instead_of_hanging) {
  stage s;
  auto main = [&]() -> task<void> {
    supervisor sup({child("slow", stubborn), child("b", living)});
    co_await sup.started();
    co_await sleep(1ms);
    auto first = sup.terminate_child("slow");
    auto second = sup.restart_child("b");
    caf::anon_send_exit(sup.actor(), caf::exit_reason::kill);
    BOOST_CHECK_THROW(co_await first, invalid_state);
    BOOST_CHECK_THROW(co_await second, invalid_state);
    BOOST_CHECK_THROW(co_await sup.started(), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_plain_caf_actor_can_do_the_same_by_messages) {
  stage s;
  journal log;
  auto main = [&]() -> task<void> {
    supervisor sup({child("x", living)});
    co_await sup.started();
    const auto boss = sup.actor();
    caf::actor added;
    const auto client = s.runtime.system().spawn([&](caf::event_based_actor* self) {
      const auto note = [&log](const char* what) {
        return [&log, what](caf::error& e) { log.push_back(what + (": " + describe(e))); };
      };
      self->send(boss, subscribe::value);
      self->request(boss, caf::infinite, start_child_atom::value, child("y", living))
          .then([&](const caf::actor& actor) { added = actor; }, note("start"));
      self->request(boss, caf::infinite, start_child_atom::value, child("y", living))
          .then([&](const caf::actor&) { log.emplace_back("twice"); }, note("again"));
      self->request(boss, caf::infinite, start_child_atom::value, child("", living))
          .then([&](const caf::actor&) { log.emplace_back("nameless"); }, note("nameless"));
      self->request(boss, caf::infinite, terminate_child_atom::value, std::string("x"))
          .then([&] { log.emplace_back("terminated"); }, note("terminate"));
      self->request(boss, caf::infinite, restart_child_atom::value, std::string("x"))
          .then([&](const caf::actor&) { log.emplace_back("restarted"); }, note("restart"));
      self->request(boss, caf::infinite, terminate_child_atom::value, std::string("x"))
          .then([&] { log.emplace_back("terminated"); }, note("terminate"));
      self->request(boss, caf::infinite, delete_child_atom::value, std::string("x"))
          .then(
              [&, self, note] {
                log.emplace_back("deleted");
                self->request(boss, caf::infinite, which_children_atom::value)
                    .then([&](const std::vector<child_status>& all) {
                      log.push_back(std::to_string(all.size()) + " " + all.at(0).id);
                    });
                self->request(boss, caf::infinite, count_children_atom::value)
                    .then([&](const child_counts& counts) {
                      log.push_back(std::to_string(counts.active) + " active");
                    });
                self->request(boss, caf::infinite, get_childspec_atom::value, std::string("x"))
                    .then([&](const child_spec&) { log.emplace_back("spec"); }, note("spec"));
              },
              note("delete"));
      self->set_default_handler(caf::drop);
      return caf::behavior{[&](publish, const supervisor_event& event) {
        log.push_back("event " + to_string(event));
      }};
    });
    co_await sleep(1s);
    BOOST_TEST((status_of(sup, "y").actor == added));
    caf::anon_send_exit(client, caf::exit_reason::user_shutdown);
    added = nullptr;
  };
  s.run(main());
  const std::string name = "supervisor \"supervisor\"";
  for (const std::string& expected :
       {"again: " + name + ": child \"y\" runs already", std::string("terminated"),
        std::string("restarted"), std::string("deleted"), std::string("1 y"),
        std::string("1 active"), "spec: " + name + " has no child \"x\"",
        std::string("event supervisor/x started")})
    BOOST_TEST(std::count(log.begin(), log.end(), expected) >= 1, "missing: " + expected);
  BOOST_TEST(std::count_if(log.begin(), log.end(), [](const std::string& line) {
               return line.find("has no id") != std::string::npos;
             }) == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
