// A device under its supervisor: what it reports, how long it waits, and a hundred unpluggings of a
// real pseudo terminal.
#include <buskin/io/device.hpp>

#include <buskin/actors/queue.hpp>
#include <buskin/actors/supervisor.hpp>
#include <buskin/io/framed.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/io/nmea0183_codec.hpp>
#include <buskin/io/serial_device.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "io/live_stage.hpp"
#include "io/pseudo_terminal.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::journal;
using buskin::test::no_descriptor_leak;
using buskin::test::open_descriptors;
using buskin::test::pseudo_terminal;
using buskin::test::stage;
using io::device_state;

const supervisor_options endless{.name = "devices", .intensity = supervisor_options::unlimited};

io::device_options exact(duration initial, duration longest) {
  io::device_options options;
  options.backoff = {initial, longest, 2.0, 0.0, 5s};
  return options;
}

std::string text(const io::device_event& event) {
  return std::string(to_string(event.state)) + (event.reason.empty() ? "" : ": " + event.reason);
}

/// What has happened since the last look.
journal news(subscription<io::device_event>& events) {
  journal all;
  while (auto event = events.next_nowait()) {
    BOOST_TEST(event->missed == 0U);
    all.push_back(text(event->value));
  }
  return all;
}

task<void> read_to_the_end(io::stream from) {
  while (!(co_await from.read()).empty()) {
  }
}

task<io::stream> fail_to_open() {
  throw std::runtime_error("no such thing");
  co_return io::stream();
}

/// A device with what the tests look at.
struct watched {
  io::device device;
  subscription<io::device_event> events;
  supervisor parent;
};

task<watched> start(io::device device, supervisor_options options = endless) {
  auto events = device.events();
  supervisor parent({device.spec()}, std::move(options));
  co_return watched{device, std::move(events), std::move(parent)};
}

BOOST_AUTO_TEST_SUITE(device_)

BOOST_AUTO_TEST_CASE(a_device_tells_how_it_stands_in_order) {
  stage s(manual_clock::mode::by_hand);
  io::stream far_end;
  auto open = [&far_end]() -> task<io::stream> {
    auto [a, b] = io::memory_stream();
    far_end = a;
    co_return b;
  };
  auto begin = [&]() -> task<watched> {
    io::device device("gps", open, read_to_the_end, exact(100ms, 10s));
    BOOST_TEST(device.name() == "gps");
    BOOST_TEST((device.state() == device_state::down));
    co_return co_await start(device);
  };
  auto w = s.run(begin());
  s.settle();
  BOOST_TEST(news(w.events) == (journal{"connecting", "up"}), boost::test_tools::per_element());
  BOOST_TEST((w.device.state() == device_state::up));
  BOOST_TEST(w.device.sessions() == 1U);
  far_end.close();
  s.settle();
  BOOST_TEST(news(w.events) == (journal{"down: the device closed the stream"}),
             boost::test_tools::per_element());
  BOOST_TEST((w.device.state() == device_state::down));
  s.advance(100ms);
  BOOST_TEST(news(w.events) == (journal{"connecting", "up"}), boost::test_tools::per_element());
  BOOST_TEST(w.device.sessions() == 2U);
  w.parent.stop();
  s.settle();
  BOOST_TEST(news(w.events) == (journal{"down: stopped"}), boost::test_tools::per_element());
  BOOST_TEST(w.parent.ended());
}

BOOST_AUTO_TEST_CASE(a_session_that_fails_says_why) {
  stage s(manual_clock::mode::by_hand);
  auto open = []() -> task<io::stream> { co_return io::memory_stream().first; };
  auto fail = [](io::stream) -> task<void> {
    throw std::runtime_error("nothing but noise");
    co_return;
  };
  auto begin = [&]() -> task<watched> { co_return co_await start(io::device("gps", open, fail)); };
  auto w = s.run(begin());
  s.settle();
  BOOST_TEST(news(w.events) == (journal{"connecting", "up", "down: nothing but noise"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_waits_double_up_to_the_longest_exactly) {
  stage s(manual_clock::mode::by_hand);
  auto begin = []() -> task<watched> {
    co_return co_await start(io::device("gps", fail_to_open, read_to_the_end, exact(100ms, 1s)));
  };
  auto w = s.run(begin());
  s.settle();
  const journal attempt{"connecting", "down: no such thing"};
  BOOST_TEST(news(w.events) == attempt, boost::test_tools::per_element());
  for (const auto wait : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms, 1000ms}) {
    s.advance(wait - 1ns);
    BOOST_TEST(news(w.events).empty());
    s.advance(1ns);
    BOOST_TEST(news(w.events) == attempt, boost::test_tools::per_element());
  }
  BOOST_TEST(w.device.sessions() == 0U);
}

BOOST_AUTO_TEST_CASE(a_long_session_begins_the_waits_anew) {
  stage s(manual_clock::mode::by_hand);
  io::stream far_end;
  auto open = [&far_end]() -> task<io::stream> {
    auto [a, b] = io::memory_stream();
    far_end = a;
    co_return b;
  };
  auto begin = [&]() -> task<watched> {
    co_return co_await start(io::device("gps", open, read_to_the_end, exact(100ms, 10s)));
  };
  auto w = s.run(begin());
  s.settle();
  for (const auto wait : {100ms, 200ms, 400ms}) {
    far_end.close();
    s.advance(wait - 1ns);
    BOOST_TEST((w.device.state() == device_state::down));
    s.advance(1ns);
    BOOST_TEST((w.device.state() == device_state::up));
  }
  s.advance(5s);  // reset_after
  far_end.close();
  s.advance(100ms);
  BOOST_TEST((w.device.state() == device_state::up));
}

BOOST_AUTO_TEST_CASE(an_open_that_takes_too_long_is_given_up) {
  stage s(manual_clock::mode::by_hand);
  auto open = []() -> task<io::stream> {
    co_await sleep(1h);
    co_return io::stream();
  };
  io::device_options options = exact(100ms, 1s);
  options.open_timeout = 3s;
  auto begin = [&]() -> task<watched> {
    co_return co_await start(io::device("gps", open, read_to_the_end, options));
  };
  auto w = s.run(begin());
  s.settle();
  BOOST_TEST(news(w.events) == (journal{"connecting"}), boost::test_tools::per_element());
  s.advance(3s - 1ns);
  BOOST_TEST(news(w.events).empty());
  s.advance(1ns);
  const auto after = news(w.events);
  BOOST_REQUIRE(after.size() == 1U);
  BOOST_TEST(after[0].starts_with("down: the deadline"), after[0]);
  s.advance(100ms);
  BOOST_TEST(news(w.events) == (journal{"connecting"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(stopping_ends_a_session_wherever_it_is) {
  // In the middle of opening, of a session, and of a wait.
  for (const int where : {0, 1, 2}) {
    stage s(manual_clock::mode::by_hand);
    io::stream far_end;
    auto open = [&]() -> task<io::stream> {
      if (where == 0) co_await sleep(1h);
      if (where == 2) throw std::runtime_error("not there");
      auto [a, b] = io::memory_stream();
      far_end = a;
      co_return b;
    };
    auto begin = [&]() -> task<watched> {
      co_return co_await start(io::device("gps", open, read_to_the_end, exact(100ms, 1s)));
    };
    auto w = s.run(begin());
    s.settle();
    w.parent.stop();
    s.settle();
    const std::vector<journal> expected{{"connecting", "down: stopped"},
                                        {"connecting", "up", "down: stopped"},
                                        {"connecting", "down: not there"}};
    BOOST_TEST(news(w.events) == expected[static_cast<std::size_t>(where)],
               boost::test_tools::per_element());
    BOOST_TEST(w.parent.ended());
    BOOST_TEST((w.device.state() == device_state::down));
    s.advance(10s);
    BOOST_TEST(news(w.events).empty());
  }
}

BOOST_AUTO_TEST_CASE(a_session_that_does_not_end_is_killed_and_still_goes_down) {
  stage s(manual_clock::mode::by_hand);
  auto open = []() -> task<io::stream> { co_return io::memory_stream().first; };
  auto stubborn = [](io::stream) -> task<void> {
    for (;;) {
      try {
        co_await sleep(1h);
      } catch (const cancelled&) {
      }
    }
  };
  io::device_options options;
  options.shutdown = child_shutdown::within(2s);
  auto begin = [&]() -> task<watched> {
    co_return co_await start(io::device("gps", open, stubborn, options));
  };
  auto w = s.run(begin());
  s.settle();
  w.parent.stop();
  s.advance(2s - 1ns);
  BOOST_TEST(!w.parent.ended());
  s.advance(1ns);
  BOOST_TEST(w.parent.ended());
  BOOST_TEST(news(w.events) == (journal{"connecting", "up", "down: stopped"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(every_wait_is_within_its_jitter_and_never_above_the_longest) {
  stage s(manual_clock::mode::jump);
  auto main = []() -> task<void> {
    io::device_options options;
    options.backoff = {250ms, 30s, 2.0, 0.2, 5s};
    io::device device("gps", fail_to_open, read_to_the_end, options);
    supervisor parent({device.spec()}, endless);
    auto events = parent.events();
    double plain = 0.25;
    bool varies = false;
    for (int waits = 0; waits != 200;) {
      const auto event = (co_await events.next()).value;
      if (event.what != supervisor_event::kind::waiting) continue;
      ++waits;
      const double wait = std::chrono::duration<double>(event.wait).count();
      BOOST_TEST(wait >= plain * 0.8 - 1e-9);
      BOOST_TEST(wait <= std::min(plain * 1.2, 30.0) + 1e-9);
      varies = varies || std::abs(wait - plain) > plain * 0.05;
      plain = std::min(plain * 2, 30.0);
    }
    BOOST_TEST(varies);
    parent.stop();
  };
  s.run(main());
}

// -- unplugging -------------------------------------------------------------------------------

/// A name under which a port comes and goes, as /dev/serial/by-id has them.
class port_name {
 public:
  port_name() {
    auto pattern = (std::filesystem::temp_directory_path() / "buskin-test-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
  }
  ~port_name() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  port_name(const port_name&) = delete;
  port_name& operator=(const port_name&) = delete;

  std::string path() const { return folder_ + "/port"; }
  void plug_in() {
    port_.emplace();
    std::filesystem::create_symlink(port_->path(), path());
  }
  void unplug() {
    std::filesystem::remove(path());
    port_.reset();
  }
  pseudo_terminal& port() { return *port_; }

 private:
  std::string folder_;
  std::optional<pseudo_terminal> port_;
};

task<void> receive_sentences(queue<std::string> into, io::stream from) {
  io::framed<io::nmea0183_codec> sentences(std::move(from));
  while (auto sentence = co_await sentences.next())
    if (sentence->status == io::nmea_status::valid) co_await into.put(sentence->text);
}

std::string sentence(int round, int number) {
  std::string bytes;
  io::nmea0183_codec().encode({"$TEST," + std::to_string(round) + "," + std::to_string(number)},
                              bytes);
  return bytes;
}

/// What the supervisor will wait, as its rules say.
class expected_backoff {
 public:
  explicit expected_backoff(const backoff& rules) : rules_(rules) {}
  /// Checks the wait after a child that lived for so long.
  void check(duration wait, duration lived) {
    if (lived >= rules_.reset_after) failures_ = 0;
    const double plain = std::min(
        std::chrono::duration<double>(rules_.initial).count() * std::pow(rules_.factor, failures_),
        std::chrono::duration<double>(rules_.maximum).count());
    ++failures_;
    const double seconds = std::chrono::duration<double>(wait).count();
    BOOST_TEST(seconds >= plain * (1 - rules_.jitter) - 1e-6);
    BOOST_TEST(seconds <= std::min(plain * (1 + rules_.jitter),
                                   std::chrono::duration<double>(rules_.maximum).count()) +
                              1e-6);
  }

 private:
  const backoff rules_;
  int failures_ = 0;
};

task<io::device_event> next(subscription<io::device_event>& events) {
  const auto item = co_await events.next();
  BOOST_TEST(item.missed == 0U);
  co_return item.value;
}

task<duration> next_wait(subscription<supervisor_event>& events) {
  for (;;) {
    const auto item = co_await events.next();
    BOOST_TEST(item.missed == 0U);
    if (item.value.what == supervisor_event::kind::waiting) co_return item.value.wait;
  }
}

task<std::string> take(queue<std::string> from) { co_return co_await from.get(); }

// S2
BOOST_AUTO_TEST_CASE(a_hundred_unpluggings_lose_no_sentence_and_leak_no_descriptor) {
  no_descriptor_leak leak;
  port_name name;
  stage s(manual_clock::mode::by_hand);
  io::device_options options;
  options.backoff = {250ms, 8s, 2.0, 0.2, 5s};
  struct parts {
    queue<std::string> received;
    watched device;
    subscription<supervisor_event> supervision;
  };
  auto begin = [&]() -> task<parts> {
    queue<std::string> received;
    io::device device(
        "gps0",
        [path = name.path()]() -> task<io::stream> { co_return io::serial_device::open(path); },
        [received](io::stream bytes) { return receive_sentences(received, std::move(bytes)); },
        options);
    auto w = co_await start(device);
    auto supervision = w.parent.events();
    co_return parts{received, std::move(w), std::move(supervision)};
  };
  name.plug_in();
  auto p = s.run(begin());
  auto& events = p.device.events;
  expected_backoff expected(options.backoff);
  const auto next_event = [&] { return s.run(next(events)); };

  std::ptrdiff_t descriptors = 0;
  for (int round = 0; round != 100; ++round) {
    BOOST_REQUIRE((next_event().state == device_state::connecting));
    const auto up = next_event();
    BOOST_REQUIRE((up.state == device_state::up));
    BOOST_TEST(up.session == static_cast<std::uint64_t>(round + 1));
    if (round == 0) descriptors = open_descriptors();
    BOOST_TEST(open_descriptors() == descriptors);

    const int count = 1 + round % 20;
    for (int i = 0; i != count; ++i) name.port().send_all(sentence(round, i));
    for (int i = 0; i != count; ++i)
      BOOST_TEST(s.run(take(p.received)) + "\r\n" == sentence(round, i));
    duration lived = round % 4 == 3 ? duration(6s) : duration(1s);
    s.advance(lived);

    name.unplug();
    const auto down = next_event();
    BOOST_REQUIRE((down.state == device_state::down));
    BOOST_TEST(!down.reason.empty());
    // Every seventh time it stays away for a few attempts.
    for (int attempts = round % 7 == 6 ? 4 : 0;; --attempts) {
      const auto wait = s.run(next_wait(p.supervision));
      expected.check(wait, lived);
      s.settle();
      BOOST_TEST(open_descriptors() == descriptors - 2);  // the port's two ends
      if (attempts == 0 && round != 99) name.plug_in();
      s.advance(wait - 1ns);
      BOOST_TEST(!events.next_nowait().has_value());
      s.clock.advance(1ns);
      if (attempts == 0) break;
      BOOST_REQUIRE((next_event().state == device_state::connecting));
      const auto failed = next_event();
      BOOST_REQUIRE((failed.state == device_state::down));
      BOOST_TEST(failed.reason.find(name.path()) != std::string::npos, failed.reason);
      lived = 0s;
    }
  }
  p.device.parent.stop();
  s.settle();
  BOOST_TEST(p.device.parent.ended());
  BOOST_TEST(p.received.empty());
  BOOST_TEST(p.device.device.sessions() == 100U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
