// Who is told of what, and who no more.
#include <buskin/io/detail/readiness_set.hpp>

#include <buskin/io/detail/descriptor_core.hpp>

#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "io/live_stage.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace {

using namespace buskin::io::detail;

/// One end of a pair of sockets, and the other.
struct ends {
  ends() {
    int both[2];
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both) == 0);
    near = unique_descriptor(both[0]);
    far = unique_descriptor(both[1]);
  }
  void send() const { BOOST_REQUIRE(::send(far.get(), "x", 1, MSG_NOSIGNAL) == 1); }
  unique_descriptor near, far;
};

struct listener final : readiness_member {
  listener() = default;
  listener(asio::io_context& io, int descriptor) { readiness_set::of(io).add(*this, descriptor); }
  void on_readiness(readiness what) override {
    told.push_back(what);
    if (then) then();
  }
  std::size_t times_readable() const {
    std::size_t count = 0;
    for (const auto& each : told) count += each.readable ? 1 : 0;
    return count;
  }
  std::vector<readiness> told;
  std::function<void()> then;
};

BOOST_AUTO_TEST_SUITE(readiness_set_)

BOOST_AUTO_TEST_CASE(a_member_is_told_what_it_is_ready_for_and_then_each_change_once) {
  asio::io_context io(1);
  ends pair;
  listener member(io, pair.near.get());
  io.poll();
  BOOST_TEST(member.told.size() == 1U);
  BOOST_TEST((member.told[0].writable && !member.told[0].readable && !member.told[0].ended));
  io.poll();
  BOOST_TEST(member.told.size() == 1U);
  pair.send();
  io.poll();
  BOOST_TEST(member.times_readable() == 1U);
  io.poll();  // still readable, but that is no news
  BOOST_TEST(member.times_readable() == 1U);
  pair.send();
  io.poll();
  BOOST_TEST(member.times_readable() == 2U);
}

BOOST_AUTO_TEST_CASE(the_end_is_told_as_readable_and_as_an_end) {
  asio::io_context io(1);
  ends pair;
  listener member(io, pair.near.get());
  io.poll();
  pair.far = unique_descriptor();
  io.poll();
  BOOST_TEST((member.told.back().readable && member.told.back().ended));
}

BOOST_AUTO_TEST_CASE(more_members_than_one_batch_are_all_told) {
  asio::io_context io(1);
  std::vector<ends> pairs(200);
  std::vector<std::unique_ptr<listener>> members;
  for (const auto& each : pairs) members.push_back(std::make_unique<listener>(io, each.near.get()));
  io.poll();
  for (const auto& each : pairs) each.send();
  io.poll();
  for (const auto& each : members) BOOST_TEST(each->times_readable() == 1U);
}

BOOST_AUTO_TEST_CASE(who_is_removed_by_another_in_the_same_batch_is_not_told) {
  asio::io_context io(1);
  ends first, second;
  auto a = std::make_unique<listener>(io, first.near.get());
  auto b = std::make_unique<listener>(io, second.near.get());
  io.poll();
  int told = 0;
  a->then = [&] { ++told, b.reset(); };
  b->then = [&] { ++told, a.reset(); };
  first.send();
  second.send();
  io.poll();
  BOOST_TEST(told == 1);
  BOOST_TEST((!a) != (!b));
}

BOOST_AUTO_TEST_CASE(who_outlives_the_loop_is_told_nothing_more_and_may_end) {
  ends pair;
  listener member;
  {
    asio::io_context io(1);
    readiness_set::of(io).add(member, pair.near.get());
    io.poll();
  }
  member.told.clear();
  pair.send();
  BOOST_TEST(member.told.empty());
}

BOOST_AUTO_TEST_CASE(a_descriptor_that_cannot_be_watched_is_refused) {
  asio::io_context io(1);
  listener member;
  BOOST_CHECK_THROW(readiness_set::of(io).add(member, -1), std::system_error);
}

// covers SEL-002
BOOST_AUTO_TEST_CASE(a_runtime_frees_what_it_waits_and_is_woken_with_and_ends_twice) {
  const auto before = buskin::test::open_descriptors();
  {
    buskin::runtime_options options;
    options.workers = 2;
    options.signals = buskin::signal_handling::none;
    buskin::runtime owner(options);
    auto main = []() -> buskin::task<void> { co_await buskin::yield(); };
    owner.run_until_complete(main());
    BOOST_TEST(buskin::test::open_descriptors() > before);
    BOOST_TEST(owner.shutdown().clean());
    BOOST_TEST(owner.shutdown().clean());
  }
  BOOST_TEST(buskin::test::open_descriptors() == before);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
