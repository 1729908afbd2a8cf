// Actors of other processes that are killed and started again, and who asks them meanwhile.
#include <buskin/actors/ask.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/node.hpp>
#include <buskin/io/process.hpp>
#include <buskin/io/remote.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "io/live_stage.hpp"
#include "io/scratch.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/event_based_actor.hpp>

#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::until;

using who_atom = caf::atom_constant<caf::atom("who")>;
using note_atom = caf::atom_constant<caf::atom("note")>;

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BUSKIN_TEST_STARTS_SLOWLY
#endif
#endif
#if defined(BUSKIN_TEST_STARTS_SLOWLY)
constexpr int lives = 40;
#else
constexpr int lives = 200;
#endif

/// Where the program that runs these tests is told to be a node.
constexpr const char* be_a_node = "BUSKIN_TEST_NODE";

/// Says who it is. Notes in a file what it is asked to, and does not answer that in its first life.
caf::behavior clerk(caf::event_based_actor* self, std::string file, bool answers) {
  return {[](who_atom) { return static_cast<std::int32_t>(::getpid()); },
          [=](note_atom, const std::string& what) {
            std::ofstream(file, std::ios::app) << what << "\n";
            auto answer = self->make_response_promise<std::int32_t>();
            if (answers) answer.deliver(static_cast<std::int32_t>(::getpid()));
            return answer;
          }};
}

task<void> be_a_clerk(std::string folder) {
  const auto node =
      co_await io::node::listen({.name = "office", .address = "unix:" + folder + "/office"});
  const bool first = !std::filesystem::exists(folder + "/lived");
  std::ofstream(folder + "/lived").flush();
  node.publish("clerk", runtime::current().system().spawn(clerk, folder + "/notes", !first));
  co_await sleep(1h);
}

BOOST_AUTO_TEST_SUITE(remote_)

/// Not a test: the other process of those below.
BOOST_AUTO_TEST_CASE(a_clerk, *boost::unit_test::disabled()) {
  const char* folder = std::getenv(be_a_node);
  if (folder == nullptr) return;
  runtime own;
  own.run(be_a_clerk(folder));
}

/// A process of this program that is a node, until it is killed.
struct office {
  test::scratch folder;
  std::optional<io::process> running;

  std::string where() const { return "unix:" + (folder / "office").string(); }

  task<void> open() {
    io::process_options how;
    how.out = io::redirect::null();
    how.env.set[be_a_node] = folder.path().string();
    running = co_await io::exec(
        {"/proc/self/exe", "--run_test=remote_/a_clerk", "--catch_system_errors=no"}, how);
  }
  /// As power is cut.
  task<void> destroy() {
    running->send_signal(SIGKILL);
    co_await running->wait();
    running.reset();
  }
  std::size_t notes() const {
    std::ifstream file(folder / "notes");
    std::size_t count = 0;
    for (std::string line; std::getline(file, line);) ++count;
    return count;
  }
};

io::node caller() { return io::node::without_address({.name = "caller"}); }

// covers D6
BOOST_AUTO_TEST_CASE(who_is_killed_and_comes_back_is_found_again_and_old_handles_stay_dead) {
  live_stage s;
  auto main = [&]() -> task<void> {
    office there;
    const auto here = caller();
    const io::remote clerk(here, there.where(), "clerk");
    std::int32_t before = 0;
    caf::actor old;
    for (int life = 0; life != lives; ++life) {
      co_await there.open();
      const auto pid = co_await clerk.ask<std::int32_t>({.limit = 20s, .down = io::when_down::wait},
                                                        who_atom::value);
      BOOST_TEST(pid == there.running->pid());
      BOOST_TEST(pid != before);
      before = pid;
      if (old) BOOST_CHECK_THROW(co_await ask<std::int32_t>(old, 10s, who_atom::value), node_down);
      old = co_await clerk.resolve();
      co_await there.destroy();
    }
    here.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_request_that_must_not_wait_fails_while_nobody_is_there) {
  live_stage s;
  auto main = [&]() -> task<void> {
    office there;
    const auto here = caller();
    const io::remote clerk(here, there.where(), "clerk");
    BOOST_CHECK_THROW(co_await clerk.ask<std::int32_t>({}, who_atom::value), std::system_error);
    // One that may wait does so, up to its limit, and says what was in the way.
    BOOST_CHECK_EXCEPTION(
        co_await clerk.ask<std::int32_t>({.limit = 100ms, .down = io::when_down::wait},
                                         who_atom::value),
        timeout_error, [&](const auto& error) {
          return std::string(error.what()).find("\"clerk\" at " + there.where()) !=
                 std::string::npos;
        });
    here.close();
  };
  s.run(main());
}

task<std::int32_t> take_a_note(io::remote whom, io::when_down policy) {
  co_return co_await whom.ask<std::int32_t>({.limit = 20s, .down = policy}, note_atom::value,
                                            std::string("milk"));
}

/// One that is killed with a request in its hands, and comes back: how often was it carried out?
std::size_t carried_out(io::when_down policy, bool answered) {
  std::size_t count = 0;
  live_stage s;
  auto main = [&]() -> task<void> {
    office there;
    co_await there.open();
    const auto here = caller();
    const io::remote clerk(here, there.where(), "clerk");
    (void)co_await clerk.ask<std::int32_t>({.limit = 20s, .down = io::when_down::wait},
                                           who_atom::value);
    auto asked = spawn(take_a_note(clerk, policy));
    co_await until([&] { return there.notes() == 1; }, "the note");
    co_await there.destroy();
    co_await there.open();
    if (answered)
      BOOST_TEST(co_await asked == there.running->pid());
    else
      BOOST_CHECK_THROW(co_await asked, node_down);
    // It is back in any case.
    BOOST_TEST((co_await clerk.ask<std::int32_t>({.limit = 20s, .down = io::when_down::wait},
                                                 who_atom::value)) == there.running->pid());
    count = there.notes();
    co_await there.destroy();
    here.close();
  };
  s.run(main());
  return count;
}

BOOST_AUTO_TEST_CASE(
    a_request_under_way_when_its_receiver_is_killed_is_not_sent_twice_by_accident) {
  BOOST_TEST(carried_out(io::when_down::wait, false) == 1U);
}

BOOST_AUTO_TEST_CASE(a_request_that_may_be_carried_out_twice_is_sent_again) {
  BOOST_TEST(carried_out(io::when_down::retry, true) == 2U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
