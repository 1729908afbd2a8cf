// A bad line, and what the framings make of it.
#include <buskin/io/lossy_stream.hpp>

#include <buskin/actors/as_result.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/cobs_codec.hpp>
#include <buskin/io/framed.hpp>
#include <buskin/io/from_descriptor.hpp>
#include <buskin/io/line_codec.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/io/nmea0183_codec.hpp>
#include <buskin/io/slip_codec.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/stream_pair.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::stage;
using io::framed;
using io::lossy_options;
using io::lossy_stream;
using io::memory_stream;
using strings = std::vector<std::string>;

task<void> send_all(io::stream to, std::string bytes) {
  co_await to.write(bytes);
  to.write_eof();
}

task<strings> pieces_of(io::stream from) {
  strings all;
  for (auto piece = co_await from.read(); !piece.empty(); piece = co_await from.read())
    all.push_back(std::move(piece));
  co_return all;
}

std::string joined(const strings& pieces) {
  std::string all;
  for (const auto& each : pieces) all += each;
  return all;
}

std::string some_text(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + " ";
  text.resize(size);
  return text;
}

/// What comes out of it when `bytes` are sent in parts of `step`.
task<strings> through(std::string bytes, lossy_options options, std::size_t step) {
  auto [a, b] = memory_stream(1000);
  auto reading = spawn(pieces_of(lossy_stream(std::move(b), options)));
  for (std::size_t from = 0; from < bytes.size(); from += step) {
    co_await a.write(bytes.substr(from, step));
    co_await yield();
  }
  a.close();
  co_return co_await reading;
}

BOOST_AUTO_TEST_SUITE(lossy_stream_)

BOOST_AUTO_TEST_CASE(the_damage_depends_on_the_seed_and_not_on_how_bytes_arrive) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto text = some_text(20'000);
    const lossy_options bad{.seed = 7, .drop = 0.01, .flip = 0.02, .split = 0.3};
    const auto once = joined(co_await through(text, bad, 10'000));
    const auto again = joined(co_await through(text, bad, 17));
    BOOST_TEST((once == again));
    BOOST_TEST(once.size() > 19'600U);
    BOOST_TEST(once.size() < 19'950U);
    auto other = bad;
    other.seed = 8;
    BOOST_TEST((joined(co_await through(text, other, 17)) != once));
    // Bits alone, and a good line.
    const auto bits = joined(co_await through(text, {.flip = 0.05}, 100));
    BOOST_REQUIRE(bits.size() == text.size());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i != text.size(); ++i) {
      const auto both = static_cast<unsigned char>(bits[i] ^ text[i]);
      wrong += both != 0 ? 1 : 0;
      BOOST_REQUIRE((both & (both - 1)) == 0);
    }
    BOOST_TEST(wrong > 800U);
    BOOST_TEST(wrong < 1200U);
    BOOST_TEST((joined(co_await through(text, {}, 100)) == text));
    BOOST_TEST(joined(co_await through(text, {.drop = 1}, 100)) == "");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(reads_are_cut_merged_and_delayed) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto text = some_text(500);
    const auto single = co_await through(text, {.split = 1}, 500);
    BOOST_TEST(single.size() == 500U);
    BOOST_TEST((joined(single) == text));
    const auto merged = co_await through(text, {.merge = 200, .patience = 1h}, 10);
    BOOST_TEST(merged.size() >= 2U);
    for (std::size_t i = 0; i + 1 < merged.size(); ++i) BOOST_TEST(merged[i].size() >= 200U);
    BOOST_TEST(merged.back().size() < 500U);  // when no more came
    BOOST_TEST((joined(merged) == text));

    auto [a, b] = memory_stream();
    const auto began = s.clock.now();
    auto late = lossy_stream(b, {.seed = 3, .delay = 10s});
    co_await a.write("late");
    BOOST_TEST(co_await late.read() == "late");
    const auto took = s.clock.now() - began;
    BOOST_TEST((took > 0s && took <= 10s));
    auto [c, d] = memory_stream();
    auto patient = lossy_stream(d, {.merge = 100, .patience = 3s});
    co_await c.write("few");
    const auto before = s.clock.now();
    BOOST_TEST(co_await patient.read() == "few");
    BOOST_TEST((s.clock.now() - before == 3s));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_is_written_passes_unharmed_with_its_back_pressure_and_ends) {
  stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream(100);
    const auto text = some_text(300'000);
    {
      auto bad = lossy_stream(b, {.drop = 1, .flip = 1});
      b = {};
      BOOST_TEST(bad.describe() == "lossy a memory stream");
      auto writing = spawn(send_all(bad, text));
      for (int i = 0; i != 50; ++i) co_await yield();
      BOOST_TEST(!writing.done());
      BOOST_TEST((co_await a.read_exactly(text.size()) == text));
      co_await writing;
      BOOST_TEST(co_await a.read() == "");
      // The other direction is open, if bad.
      co_await a.write("lost");
      a.write_eof();
      BOOST_TEST(co_await bad.read() == "");
    }
    for (int i = 0; i != 20; ++i) co_await yield();
    BOOST_CHECK_THROW(co_await a.write(std::string(1000, 'x')), std::system_error);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(options_that_are_none_and_a_second_reader_are_refused) {
  stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = memory_stream();
    BOOST_CHECK_THROW(lossy_stream(b, {.drop = 1.5}), std::invalid_argument);
    BOOST_CHECK_THROW(lossy_stream(b, {.flip = -0.1}), std::invalid_argument);
    BOOST_CHECK_THROW(lossy_stream(b, {.merge = 65'537}), std::invalid_argument);
    auto reading = spawn(pieces_of(b));
    co_await yield();
    BOOST_CHECK_THROW(lossy_stream(b, {}), invalid_state);
    a.close();
    co_await reading;
  };
  s.run(main());
}

task<void> read_whole(io::stream from, std::size_t size, std::string& into) {
  into = co_await from.read_exactly(size);
}

BOOST_AUTO_TEST_CASE(a_stream_that_nobody_reads_or_that_keeps_bytes_back_leaves_the_worker_idle) {
  for (const bool read : {false, true}) {
    stage s(manual_clock::mode::by_hand);
    const auto text = some_text(100'000);
    io::stream near;
    io::stream far;
    std::string got;
    auto start = [&]() -> task<void> {
      std::array<int, 2> ends{};
      BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
      far = io::from_descriptor(ends[0], "far");
      near = lossy_stream(io::from_descriptor(ends[1], "near"), {.delay = 10s});
      far.set_high_water(text.size());
      co_await far.write(text);
      // One that reads finds 64 KiB that are kept back, and more below.
      if (read) (void)spawn(read_whole(near, text.size(), got));
    };
    s.run(start());
    int rounds = 0;
    while (rounds != 2000 && s.runtime.poll(1)) ++rounds;
    BOOST_TEST(rounds < 2000);
    BOOST_TEST(got == "");
    // Nothing is forgotten.
    auto go_on = [&]() -> task<void> {
      if (!read) (void)spawn(read_whole(near, text.size(), got));
      co_return;
    };
    s.run(go_on());
    for (int i = 0; i != 100 && got.empty(); ++i) s.advance(10s);
    BOOST_TEST((got == text));
    auto stop = [&]() -> task<void> {
      near = far = {};
      co_await yield();
    };
    s.run(stop());
  }
}

// -- framings on a bad line ---------------------------------------------------------------------

/// The frames that come through whole, and how many faults were told of.
template <class Codec>
task<std::pair<strings, int>> frames_through(strings frames, lossy_options options) {
  auto [a, b] = memory_stream();
  Codec codec;
  std::string bytes;
  for (const auto& each : frames) codec.encode(each, bytes);
  auto sending = spawn(send_all(std::move(a), std::move(bytes)));
  framed<Codec> in(lossy_stream(std::move(b), options));
  strings all;
  int faults = 0;
  for (;;) {
    const auto got = co_await as_result(in.next());
    if (!got.has_value())
      ++faults;
    else if (!*got)
      break;
    else
      all.push_back(**got);
  }
  co_await sending;
  co_return std::pair(std::move(all), faults);
}

strings numbered(int count) {
  strings all;
  for (int i = 0; i != count; ++i)
    all.push_back("frame " + std::to_string(i) + std::string("\0\xC0\xDB\n", 4));
  return all;
}

std::size_t delivered(const strings& got, const strings& sent) {
  const std::set<std::string> all(got.begin(), got.end());
  return static_cast<std::size_t>(std::count_if(
      sent.begin(), sent.end(), [&](const std::string& each) { return all.contains(each); }));
}

template <class Codec>
task<void> check_recovery() {
  const auto sent = numbered(2000);
  for (std::uint64_t seed = 1; seed != 6; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      const lossy_options bad{.seed = seed, .drop = 0.001, .flip = 0.001, .split = 0.2};
      const auto [got, faults] = co_await frames_through<Codec>(sent, bad);
      // Each fault costs the frames it touches, two at most, and never what comes behind.
      const std::size_t right = delivered(got, sent);
      BOOST_TEST(right > 1850U);
      BOOST_TEST(right < 2000U);
      BOOST_TEST(got.back() == sent.back());
      const auto [same, same_faults] = co_await frames_through<Codec>(sent, bad);
      BOOST_TEST((same == got));
      BOOST_TEST(same_faults == faults);
    }
  }
}

BOOST_AUTO_TEST_CASE(slip_finds_its_way_back_after_each_fault) {
  stage s;
  s.run(check_recovery<io::slip_codec>());
}

BOOST_AUTO_TEST_CASE(cobs_finds_its_way_back_after_each_fault) {
  stage s;
  s.run(check_recovery<io::cobs_codec>());
}

BOOST_AUTO_TEST_CASE(nmea_delivers_no_damaged_sentence_as_good) {
  stage s;
  auto main = [&]() -> task<void> {
    std::string bytes;
    strings sent;
    for (int i = 0; i != 1000; ++i) {
      const std::string body = "GPGLL,49" + std::to_string(10 + i % 50) + ".75,N,12311." +
                               std::to_string(100 + i) + ",W,225444,A";
      unsigned sum = 0;
      for (const char each : body) sum ^= static_cast<unsigned char>(each);
      static constexpr char digits[] = "0123456789ABCDEF";
      sent.push_back("$" + body + "*" + digits[sum >> 4] + digits[sum & 15]);
      bytes += sent.back() + "\r\n";
    }
    auto [a, b] = memory_stream();
    auto sending = spawn(send_all(std::move(a), bytes));
    framed<io::nmea0183_codec> in(
        lossy_stream(std::move(b), {.seed = 11, .drop = 0.0005, .flip = 0.001, .split = 0.1}));
    std::size_t good = 0;
    std::size_t bad = 0;
    std::size_t unknown = 0;
    for (;;) {
      const auto got = co_await as_result(in.next());
      if (!got.has_value()) {
        ++bad;
        continue;
      }
      if (!*got) break;
      if ((**got).status != io::nmea_status::valid) {
        ++bad;
        continue;
      }
      ++good;
      if (std::none_of(sent.begin(), sent.end(), [&](const std::string& each) {
            return each.find((**got).text) != std::string::npos;
          }))
        ++unknown;
    }
    co_await sending;
    BOOST_TEST(good > 900U);
    BOOST_TEST(good < 1000U);
    BOOST_TEST(bad > 10U);
    BOOST_TEST(unknown == 0U);
  };
  s.run(main());
}

// -- T8 -----------------------------------------------------------------------------------------

task<strings> lines_of(io::stream from, std::size_t limit) {
  framed<io::line_codec> in(std::move(from), io::line_codec({.max_length = limit}));
  strings all;
  while (auto line = co_await in.next()) all.push_back(*std::move(line));
  co_return all;
}

strings some_lines() {
  strings all;
  for (int i = 0; i != 3000; ++i)
    all.push_back(std::string(static_cast<std::size_t>(i % 90), 'x') + std::to_string(i));
  return all;
}

// covers T8
BOOST_AUTO_TEST_CASE(lines_are_the_same_in_single_bytes_and_in_64_kib_and_endless_ones_end) {
  test::live_stage s;
  auto main = [&]() -> task<void> {
    const auto sent = some_lines();
    std::string bytes;
    for (const auto& each : sent) bytes += each + "\r\n";
    for (const auto how : {test::transport::memory, test::transport::tcp})
      for (const lossy_options cut :
           {lossy_options{.split = 1}, lossy_options{.seed = 5, .split = 0.5},
            lossy_options{.merge = 64 * 1024, .patience = 50ms}}) {
        auto [a, b] = co_await test::make_pair(how);
        auto reading = spawn(lines_of(lossy_stream(std::move(b), cut), 1000));
        co_await send_all(a, bytes);
        const auto got = co_await reading;
        BOOST_TEST((got == sent));
      }
    // A delimiter that never comes.
    for (const double split : {0.0, 1.0}) {
      auto [a, b] = co_await test::make_pair(test::transport::tcp);
      auto reading = spawn(lines_of(lossy_stream(std::move(b), {.split = split}), 1000));
      b = {};
      co_await a.write(std::string(2000, 'y'));
      BOOST_CHECK_THROW(co_await reading, limit_overrun);
      // With its reader the connection is gone.
      bool closed = false;
      while (!closed) {
        const auto wrote = co_await as_result(a.write(std::string(1000, 'y')));
        closed = !wrote.has_value();
        co_await sleep(1ms);
      }
    }
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
