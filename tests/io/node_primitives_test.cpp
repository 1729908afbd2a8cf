// Queues, locks and their like over nodes: as at home, and whoever is killed gives back what he
// held.
#include <buskin/actors/barrier.hpp>
#include <buskin/actors/event.hpp>
#include <buskin/actors/future.hpp>
#include <buskin/actors/lock.hpp>
#include <buskin/actors/promise.hpp>
#include <buskin/actors/queue.hpp>
#include <buskin/actors/semaphore.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/watch.hpp>
#include <buskin/io/node.hpp>
#include <buskin/io/process.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "io/live_stage.hpp"
#include "io/scratch.hpp"
#include "io/second_runtime.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::second_runtime;
using buskin::test::until;

constexpr const char* be_a_worker = "BUSKIN_TEST_WORKER";

/// A node here that publishes one of each.
struct shop {
  test::scratch folder;
  std::optional<io::node> node;
  queue<int> jobs{4};
  lock till;
  semaphore seats{2};
  event opened;
  watch<int> price{10};
  barrier pair{2};
  promise<std::string> secret;

  std::string where() const { return "unix:" + (folder / "shop").string(); }
  task<void> open() {
    node = co_await io::node::listen({.name = "shop", .address = where()});
    node->publish("jobs", jobs);
    node->publish("till", till);
    node->publish("seats", seats);
    node->publish("opened", opened);
    node->publish("price", price);
    node->publish("pair", pair);
    node->publish("secret", secret);
  }
};

/// The other process: takes the lock, a seat and a job, says so, and never gives anything back.
task<void> be_a_thief(std::string where) {
  const auto node = io::node::without_address({.name = "thief"});
  const auto shop = co_await node.connect(where);
  const auto till = co_await shop.lookup<lock>("till");
  const auto seats = co_await shop.lookup<semaphore>("seats");
  const auto jobs = co_await shop.lookup<queue<int>>("jobs");
  co_await till.acquire();
  co_await seats.acquire();
  (void)co_await jobs.get();
  const auto opened = co_await shop.lookup<event>("opened");
  opened.set();
  co_await sleep(1h);
}

/// What a customer does in another runtime, to its end.
template <class F>
task<void> visit(std::string where, F errand) {
  const auto node = io::node::without_address({.name = "customer"});
  const auto shop = co_await node.connect(where);
  co_await errand(shop);
  node.close();
}

BOOST_AUTO_TEST_SUITE(node_primitives)

/// Not a test: the other process of those below.
BOOST_AUTO_TEST_CASE(a_thief, *boost::unit_test::disabled()) {
  const char* where = std::getenv(be_a_worker);
  if (where == nullptr) return;
  runtime own;
  own.run(be_a_thief(where));
}

BOOST_AUTO_TEST_CASE(items_come_out_elsewhere_in_the_order_in_which_they_were_put) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    shop here;
    co_await here.open();
    std::vector<int> got;
    auto take_all = [&got](const io::peer& there) -> task<void> {
      const auto jobs = co_await there.lookup<queue<int>>("jobs");
      try {
        for (;;) {
          got.push_back(co_await jobs.get());
          jobs.task_done();
        }
      } catch (const queue_shutdown&) {
      }
    };
    auto taking = spawn([](second_runtime* where, std::string at, auto errand) -> task<void> {
      co_await where->submit(visit(at, errand));
    }(&other, here.where(), take_all));
    std::vector<int> put;
    for (int i = 0; i != 1000; ++i) {  // the queue holds four: the getter's pace decides
      co_await here.jobs.put(i);
      put.push_back(i);
    }
    co_await here.jobs.join();
    here.jobs.shutdown();
    co_await taking;
    BOOST_TEST(got == put, boost::test_tools::per_element());
    here.node->close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_full_queue_elsewhere_holds_the_putter_up) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    shop here;
    co_await here.open();
    auto put_ten = [](const io::peer& there) -> task<void> {
      const auto jobs = co_await there.lookup<queue<int>>("jobs");
      for (int i = 0; i != 10; ++i) co_await jobs.put(i);
    };
    const auto putting = other.submit(visit(here.where(), put_ten));
    co_await until([&] { return here.jobs.putter_count() == 1; }, "the putter to wait");
    BOOST_TEST(here.jobs.size() == 4U);
    for (int i = 0; i != 10; ++i) BOOST_TEST(co_await here.jobs.get() == i);
    co_await putting;
    here.node->close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_get_elsewhere_that_is_cancelled_takes_nothing) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    shop here;
    co_await here.open();
    auto give_up = [](const io::peer& there) -> task<void> {
      const auto jobs = co_await there.lookup<queue<int>>("jobs");
      for (int i = 0; i != 50; ++i) {
        try {
          co_await wait_for(jobs.get(), 1ms);
          co_return;
        } catch (const timeout_error&) {
        }
      }
    };
    const auto trying = other.submit(visit(here.where(), give_up));
    // Items come at all moments of those attempts; whatever was taken is one that is missing here.
    std::vector<int> left;
    for (int i = 0; i != 3; ++i) {
      co_await sleep(5ms);
      co_await here.jobs.put(i);
    }
    co_await trying;
    co_await until([&] { return here.jobs.getter_count() == 0; }, "the last attempt to be over");
    co_await until([&] { return here.jobs.size() == 2; }, "what came back");
    BOOST_TEST(co_await here.jobs.get() == 1);
    BOOST_TEST(co_await here.jobs.get() == 2);
    here.node->close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(who_is_killed_with_a_lock_a_seat_and_a_job_gives_the_first_two_back) {
  live_stage s;
  auto main = [&]() -> task<void> {
    shop here;
    co_await here.open();
    co_await here.jobs.put(1);
    io::process_options how;
    how.out = io::redirect::null();
    how.env.set[be_a_worker] = here.where();
    auto thief = co_await io::exec(
        {"/proc/self/exe", "--run_test=node_primitives/a_thief", "--catch_system_errors=no"}, how);
    co_await here.opened.wait();
    BOOST_TEST(here.till.is_locked());
    BOOST_TEST(here.seats.available() == 1U);
    BOOST_TEST(here.jobs.size() == 0U);
    thief.send_signal(SIGKILL);
    co_await thief.wait();
    co_await wait_for(here.till.acquire(), 10s);
    co_await until([&] { return here.seats.available() == 2; }, "the seat");
    // The job was taken and never done: that stays to be seen.
    BOOST_CHECK_THROW(co_await wait_for(here.jobs.join(), 10ms), timeout_error);
    here.jobs.task_done();
    co_await here.jobs.join();
    here.till.release();
    here.node->close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_others_are_awaited_elsewhere_as_at_home) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    shop here;
    co_await here.open();
    std::string heard;
    auto look_around = [&heard](const io::peer& there) -> task<void> {
      const auto opened = co_await there.lookup<event>("opened");
      co_await opened.wait();
      heard += "opened ";
      const auto pair = co_await there.lookup<barrier>("pair");
      co_await pair.wait();
      heard += "met ";
      const auto secret = co_await there.lookup<future<std::string>>("secret");
      heard += co_await secret;
    };
    const auto looking = other.submit(visit(here.where(), look_around));
    co_await until([&] { return here.opened.waiter_count() == 1; }, "one who waits");
    here.opened.set();
    co_await here.pair.wait();
    here.secret.set_value("cheese");
    co_await looking;
    BOOST_TEST(heard == "opened met cheese");
    here.node->close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(who_waits_for_a_primitive_of_a_node_that_goes_is_told) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    shop here;
    co_await here.open();
    std::string why;
    auto wait_in_vain = [&why](const io::peer& there) -> task<void> {
      const auto jobs = co_await there.lookup<queue<int>>("jobs");
      try {
        (void)co_await jobs.get();
      } catch (const node_down& error) {
        why = error.what();
      }
    };
    const auto waiting = other.submit(visit(here.where(), wait_in_vain));
    co_await until([&] { return here.jobs.getter_count() == 1; }, "one who waits");
    here.node->close();
    co_await waiting;
    BOOST_TEST(why.find("node \"shop\" is down") != std::string::npos, why);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
