// Tasks at other nodes: their ends, and where a supervisor places them next.
#include <buskin/actors/monitor.hpp>
#include <buskin/actors/supervisor.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/node.hpp>
#include <buskin/io/run_at.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "io/live_stage.hpp"
#include "io/scratch.hpp"
#include "io/second_runtime.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::second_runtime;
using buskin::test::until;

/// What the work at a node did.
struct diary {
  std::atomic<int> running = 0;
  std::atomic<int> started = 0;
  std::atomic<bool> fails = false;
};

struct at_work {
  explicit at_work(diary& of) : of_(of) {
    ++of_.running;
    ++of_.started;
  }
  ~at_work() { --of_.running; }
  diary& of_;
};

task<void> receive(diary* of, std::string port, int baud) {
  const at_work now(*of);
  if (port != "ttyS0" || baud != 4800) throw std::invalid_argument("what port is that?");
  while (!of->fails.exchange(false)) co_await sleep(5ms);
  throw std::runtime_error("the port has gone");
}

/// A node elsewhere that offers a receiver.
struct site {
  explicit site(std::string name) : name_(std::move(name)) {}
  task<void> open() {
    auto start = [](diary* of, std::string where, std::string name) -> task<io::node> {
      auto made = co_await io::node::listen({.name = name, .address = where});
      made.offer("receiver", [of](std::string port, int baud) { return receive(of, port, baud); });
      co_return made;
    };
    node = co_await there.submit(start(&notes, where(), name_));
  }
  task<void> close() {
    auto end = [](io::node which) -> task<void> {
      which.close();
      co_return;
    };
    co_await there.submit(end(*node));
  }
  std::string where() const { return "unix:" + (folder / "node").string(); }

  std::string name_;
  test::scratch folder;
  diary notes;
  second_runtime there;
  std::optional<io::node> node;
};

io::node boss() { return io::node::without_address({.name = "boss"}); }

BOOST_AUTO_TEST_SUITE(run_at_)

BOOST_AUTO_TEST_CASE(what_runs_elsewhere_ends_here_as_it_does_there) {
  live_stage s;
  site left("left");
  auto main = [&]() -> task<void> {
    co_await left.open();
    const auto here = boss();
    const io::placement places({left.where()});
    auto run = spawn(io::run_at(here, places, "receiver", std::string("ttyS0"), 4800));
    co_await until([&] { return left.notes.running == 1; }, "the receiver");
    left.notes.fails = true;
    BOOST_CHECK_EXCEPTION(co_await run, remote_error, [](const remote_error& error) {
      return std::string(error.what()) == "the port has gone" &&
             error.type() == "std::runtime_error";
    });
    BOOST_TEST(left.notes.running == 0);
    BOOST_CHECK_THROW(co_await io::run_at(here, places, "receiver", std::string("ttyS1"), 4800),
                      std::exception);
    // Arguments of other types, and what is not offered.
    BOOST_CHECK_EXCEPTION(
        co_await io::run_at(here, places, "receiver", 1), node_down, [](const auto& error) {
          return std::string(error.what()).find("other arguments") != std::string::npos;
        });
    BOOST_CHECK_EXCEPTION(
        co_await io::run_at(here, places, "oven"), node_down, [](const auto& error) {
          return std::string(error.what()).find("does not offer") != std::string::npos;
        });
    here.close();
    co_await left.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_cancellation_ends_what_runs_elsewhere_before_it_is_over) {
  live_stage s;
  site left("left");
  auto main = [&]() -> task<void> {
    co_await left.open();
    const auto here = boss();
    auto run = spawn(
        io::run_at(here, io::placement({left.where()}), "receiver", std::string("ttyS0"), 4800));
    co_await until([&] { return left.notes.running == 1; }, "the receiver");
    run.cancel();
    BOOST_CHECK_THROW(co_await run, cancelled);
    BOOST_TEST(left.notes.running == 0);
    here.close();
    co_await left.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_runs_elsewhere_ends_when_the_node_that_wanted_it_is_gone) {
  live_stage s;
  site left("left");
  auto main = [&]() -> task<void> {
    co_await left.open();
    const auto here = boss();
    auto run = spawn(
        io::run_at(here, io::placement({left.where()}), "receiver", std::string("ttyS0"), 4800));
    co_await until([&] { return left.notes.running == 1; }, "the receiver");
    here.close();
    BOOST_CHECK_THROW(co_await run, node_down);
    co_await until([&] { return left.notes.running == 0; }, "its end there");
    co_await left.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_supervisor_restarts_a_remote_child_where_it_can_be_placed) {
  live_stage s;
  site left("left");
  site right("right");
  auto main = [&]() -> task<void> {
    co_await left.open();
    co_await right.open();
    const auto here = boss();
    const io::placement places({left.where(), right.where()});
    child_spec receiver{.id = "receiver"};
    receiver.start = [here, places] {
      return io::run_at(here, places, "receiver", std::string("ttyS0"), 4800);
    };
    const supervisor tree({receiver}, {.intensity = 10, .period = 60s});
    co_await until([&] { return left.notes.running == 1; }, "the child at the first node");
    // It fails there: it is started there again.
    left.notes.fails = true;
    co_await until([&] { return left.notes.started == 2; }, "the child to be back");
    // Its node is gone: elsewhere.
    co_await left.close();
    co_await until([&] { return right.notes.running == 1; }, "the child at the other node");
    BOOST_TEST(left.notes.running == 0);
    auto end = monitor(caf::actor_cast<caf::strong_actor_ptr>(tree.actor()));
    tree.stop();
    (void)co_await end;
    BOOST_TEST(right.notes.running == 0);
    here.close();
    co_await right.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
