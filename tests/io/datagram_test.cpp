// Datagrams on the loopback interface, and on a local pair where the system is to be slow.
#include <buskin/io/datagram.hpp>

#include <buskin/actors/as_result.hpp>
#include <buskin/actors/ask.hpp>
#include <buskin/actors/atoms.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "io/live_stage.hpp"

#include <caf/all.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/socket.h>

#include <array>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::until;
using io::datagram;

namespace data = boost::unit_test::data;

auto fails_with(std::errc what) {
  return [what](const std::system_error& error) { return error.code() == what; };
}

/// Two ends of a local pair, which holds only a few datagrams.
std::pair<datagram, datagram> make_pair() {
  std::array<int, 2> ends{};
  BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  return {datagram::from_descriptor(ends[0]), datagram::from_descriptor(ends[1])};
}

task<void> echo(datagram server) {
  for (;;) {
    const auto got = co_await server.receive();
    co_await server.send_to(got.bytes, got.from);
  }
}

BOOST_AUTO_TEST_SUITE(datagram_)

BOOST_DATA_TEST_CASE(what_is_sent_comes_back_from_where_it_was_sent,
                     data::make({"127.0.0.1:0", "[::1]:0"}), at) {  // covers EVT-023
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await datagram::bind(at);
    auto serving = spawn(echo(server));
    auto client = co_await datagram::connect(server.local().to_string());
    BOOST_CHECK(*client.peer() == server.local());
    BOOST_TEST(!server.peer().has_value());
    for (const std::string text : {"hello", "", "again"}) {  // covers SEL-030
      co_await client.send(text);
      const auto answer = co_await client.receive();
      BOOST_TEST(answer.bytes == text);
      BOOST_CHECK(answer.from == server.local());  // covers SOC-006
    }
    serving.cancel();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_ready_made_socket_is_taken_over_and_its_end_is_told) {  // covers EVT-023
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = make_pair();
    co_await a.send("over the pair");
    BOOST_TEST((co_await b.receive()).bytes == "over the pair");
    auto waiting = spawn([](datagram from) -> task<void> { co_await from.receive(); }(b));
    co_await yield();
    b.close();
    BOOST_CHECK_EXCEPTION(co_await waiting, std::system_error,
                          fails_with(std::errc::operation_canceled));
    BOOST_TEST(b.closed());
    BOOST_CHECK_EXCEPTION(co_await b.send("late"), std::system_error,
                          fails_with(std::errc::not_connected));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_is_no_datagram_socket_stays_the_caller_s) {
  live_stage s;
  auto main = [&]() -> task<void> {
    std::array<int, 2> ends{};
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
    BOOST_CHECK_EXCEPTION(datagram::from_descriptor(ends[0]), std::system_error,
                          fails_with(std::errc::wrong_protocol_type));
    BOOST_TEST(::close(ends[0]) == 0);
    BOOST_TEST(::close(ends[1]) == 0);
    BOOST_CHECK_EXCEPTION(datagram::from_descriptor(-1), std::system_error,
                          fails_with(std::errc::bad_file_descriptor));
    co_return;
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_cancelled_receive_does_not_swallow_what_the_next_one_is_to_get) {  // covers SOC-002
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = make_pair();
    std::array<char, 10> buffer{};
    auto first = spawn([](datagram from) -> task<void> { co_await from.receive(); }(b));
    co_await yield();
    first.cancel();
    auto receive = [&](datagram from) -> task<std::size_t> {
      co_return (co_await from.receive_into(buffer)).size;
    };
    auto second = spawn(receive(b));
    co_await yield();
    co_await a.send("kept");
    BOOST_TEST(co_await second == 4U);
    BOOST_TEST(std::string(buffer.data(), 4) == "kept");
    BOOST_CHECK_THROW(co_await first, cancelled);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(receivers_are_served_in_the_order_in_which_they_asked) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = make_pair();
    std::vector<task_handle<io::packet>> waiting;
    for (int i = 0; i != 3; ++i) {
      waiting.push_back(
          spawn([](datagram from) -> task<io::packet> { co_return co_await from.receive(); }(b)));
      co_await yield();
    }
    for (const char* text : {"1", "2", "3"}) co_await a.send(text);
    for (int i = 0; i != 3; ++i)
      BOOST_TEST((co_await waiting[static_cast<std::size_t>(i)]).bytes == std::to_string(i + 1));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_into_the_caller_s_buffer_is_cut_off_and_told) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = make_pair();
    std::array<char, 4> buffer{};
    co_await a.send("0123456789");
    co_await a.send("next");
    BOOST_TEST((co_await b.receive_into(buffer)).size == 10U);
    BOOST_TEST(std::string(buffer.data(), 4) == "0123");
    BOOST_TEST((co_await b.receive()).bytes == "next");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    while_the_system_takes_none_whole_datagrams_are_kept_in_order) {  // covers SEL-030
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = make_pair();
    // Until the pair is full, and some more.
    std::size_t sent = 0;
    for (; a.unsent() == 0; ++sent) co_await a.send("datagram " + std::to_string(sent));
    co_await a.send("");
    ++sent;
    const auto last_two = ("datagram " + std::to_string(sent - 2)).size() + 8 + 8;
    BOOST_TEST(a.unsent() == last_two);  // a header of eight bytes for each
    auto draining = spawn([](datagram to) -> task<void> { co_await to.drain(); }(a));
    for (std::size_t i = 0; i + 1 != sent; ++i)
      BOOST_TEST((co_await b.receive()).bytes == "datagram " + std::to_string(i));
    BOOST_TEST((co_await b.receive()).bytes == "");
    co_await draining;
    BOOST_TEST(a.unsent() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    a_sender_waits_above_the_high_water_mark_and_its_cancellation_takes_nothing_back) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = make_pair();
    a.set_high_water(100);
    while (a.unsent() == 0) co_await a.send("filling");
    auto waiting =
        spawn([](datagram to) -> task<void> { co_await to.send(std::string(200, 'x')); }(a));
    co_await yield();
    BOOST_TEST(!waiting.done());
    waiting.cancel();
    BOOST_CHECK_THROW(co_await waiting, cancelled);
    std::string last;
    while (last != std::string(200, 'x')) last = (co_await b.receive()).bytes;
    BOOST_TEST(a.unsent() == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(
    that_nobody_is_there_is_told_to_the_receiver_and_closes_nothing) {  // covers SEL-031, SEL-029
  live_stage s;
  auto main = [&]() -> task<void> {
    auto gone = co_await datagram::bind("127.0.0.1:0");
    const auto where = gone.local();
    gone.close();
    co_await until([&] { return gone.closed(); }, "the port to be free");
    auto client = co_await datagram::connect(where.to_string());
    co_await client.send("anybody?");
    BOOST_CHECK_EXCEPTION(co_await client.receive(), std::system_error, [&](const auto& error) {
      return error.code() == std::errc::connection_refused &&
             std::string(error.what()).find(where.to_string()) != std::string::npos;
    });
    // A refusal that is met by the next send is told as well, and that one goes out.
    co_await client.send("still nobody?");
    auto back = co_await datagram::bind(where.to_string());
    co_await client.send("now");
    BOOST_TEST((co_await back.receive()).bytes == "now");
    BOOST_CHECK_EXCEPTION(co_await client.receive(), std::system_error,
                          fails_with(std::errc::connection_refused));
    co_await back.send_to("yes", client.local());
    BOOST_TEST((co_await client.receive()).bytes == "yes");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_socket_with_a_peer_sends_to_nobody_else) {  // covers SEL-031
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await datagram::bind("127.0.0.1:0");
    auto other = co_await datagram::bind("127.0.0.1:0");
    auto client = co_await datagram::connect(server.local().to_string());
    BOOST_CHECK_THROW(co_await client.send_to("x", other.local()), std::invalid_argument);
    co_await client.send_to("to the peer itself", server.local());
    BOOST_TEST((co_await server.receive()).bytes == "to the peer itself");
    BOOST_CHECK_THROW(co_await other.send("x"), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_can_never_be_sent_fails_at_once) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto server = co_await datagram::bind("127.0.0.1:0");
    auto client = co_await datagram::connect(server.local().to_string());
    BOOST_CHECK_EXCEPTION(co_await client.send(std::string(datagram::max_size + 1, 'x')),
                          std::system_error, fails_with(std::errc::message_size));
    co_await client.send(std::string(datagram::max_size, 'x'));
    BOOST_TEST((co_await server.receive()).bytes.size() == datagram::max_size);
    auto silent = co_await datagram::open();
    BOOST_CHECK_EXCEPTION(co_await silent.send_to("x", io::address::parse("255.255.255.255", 9)),
                          std::system_error, [](const auto& error) {
                            return error.code() == std::errc::permission_denied &&
                                   std::string(error.what()).find("broadcast") != std::string::npos;
                          });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(addresses_that_cannot_be_had_are_named) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto taken = co_await datagram::bind("127.0.0.1:0");
    BOOST_CHECK_EXCEPTION(co_await datagram::bind(taken.local().to_string()), std::system_error,
                          [&](const auto& error) {
                            return error.code() == std::errc::address_in_use &&
                                   std::string(error.what()).find(taken.local().to_string()) !=
                                       std::string::npos;
                          });
    BOOST_CHECK_THROW(co_await datagram::bind("nonsense"), std::invalid_argument);
    BOOST_CHECK_THROW(co_await datagram::open({.local = "[::1]:0", .remote = "127.0.0.1:9"}),
                      std::invalid_argument);
    auto first = co_await datagram::open({.local = "127.0.0.1:0", .reuse_port = true});
    auto second = co_await datagram::open({.local = first.local().to_string(), .reuse_port = true});
    BOOST_CHECK(second.local() == first.local());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_group_is_heard_from_when_it_was_joined_until_it_is_left) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto listener = co_await datagram::bind("0.0.0.0:0");
    auto sender = co_await datagram::open();
    const std::string group = "239.255.71.3";
    BOOST_CHECK_THROW(listener.join("ff02::1"), std::invalid_argument);
    BOOST_CHECK_THROW(listener.join(group, "no-such-interface"), std::system_error);
    listener.join(group, "lo");
    sender.set_multicast_interface("lo");
    sender.set_multicast_hops(0);
    sender.set_multicast_loop(true);
    const auto to = io::address::parse(group, listener.local().port());
    co_await sender.send_to("to all", to);
    BOOST_TEST((co_await listener.receive()).bytes == "to all");
    listener.leave(group, "lo");
    co_await sender.send_to("unheard", to);
    auto direct =
        co_await datagram::connect("127.0.0.1:" + std::to_string(listener.local().port()));
    co_await direct.send("heard");
    BOOST_TEST((co_await listener.receive()).bytes == "heard");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_flood_of_datagrams_leaves_others_their_turns) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = make_pair();
    std::size_t turns = 0;
    auto count = [&]() -> task<void> {
      for (;; ++turns) co_await yield();
    };
    auto other = spawn(count());
    auto sending = spawn([](datagram to) -> task<void> {
      for (int i = 0; i != 2000; ++i) co_await to.send("x");
    }(a));
    for (int i = 0; i != 2000; ++i) co_await b.receive();
    co_await sending;
    BOOST_TEST(turns > 20U);
    other.cancel();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(tasks_of_several_workers_share_a_socket) {
  live_stage s(runtime_options{.workers = 3});
  auto main = [&]() -> task<void> {
    auto server = co_await datagram::bind("127.0.0.1:0");
    auto serving = spawn(echo(server));
    auto ask = [](io::address where, int name) -> task<bool> {
      auto client = co_await datagram::connect(where.to_string());
      for (int i = 0; i != 20; ++i) {
        const auto text = std::to_string(name) + " " + std::to_string(i);
        co_await client.send(text);
        if ((co_await client.receive()).bytes != text) co_return false;
      }
      co_return true;
    };
    std::vector<task<bool>> all;
    for (int i = 0; i != 10; ++i) all.push_back(ask(server.local(), i));
    for (const bool right : co_await gather(std::move(all))) BOOST_TEST(right);
    serving.cancel();
  };
  s.run(main());
}

// -- the message face ---------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_plain_actor_sends_and_is_sent_what_it_gave_credit_for) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = make_pair();
    std::vector<std::string> got;
    auto subscriber = s.runtime.system().spawn([&, whom = b.actor()](caf::event_based_actor* self) {
      self->send(whom, buskin::subscribe::value, std::uint32_t{2});
      return caf::behavior{
          [&](io::datagram_received, const std::string& bytes, const std::string&) {
            got.push_back(bytes);
          },
          [=](io::more_datagrams more, std::uint32_t credit) { self->send(whom, more, credit); }};
    });
    caf::scoped_actor sender(s.runtime.system());
    for (const char* text : {"1", "2", "3"})
      sender->send(a.actor(), io::send_datagram::value, std::string(text));
    co_await until([&] { return got.size() == 2; }, "two datagrams");
    for (int i = 0; i != 20; ++i) co_await yield();
    BOOST_TEST(got == (std::vector<std::string>{"1", "2"}), boost::test_tools::per_element());
    caf::anon_send(subscriber, io::more_datagrams::value, std::uint32_t{1});
    co_await until([&] { return got.size() == 3; }, "the third");
    // It has gone: its credit is worth nothing, and who receives gets what comes.
    caf::anon_send(subscriber, io::more_datagrams::value, std::uint32_t{100});
    caf::anon_send_exit(subscriber, caf::exit_reason::user_shutdown);
    for (int i = 0; i != 20; ++i) co_await yield();
    co_await a.send("for the task");
    BOOST_TEST((co_await b.receive()).bytes == "for the task");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_plain_actor_is_told_what_is_wrong_with_its_request) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto socket = co_await datagram::bind("127.0.0.1:0");
    const auto to = socket.actor();
    const auto no_peer =
        co_await as_result(ask<void>(to, 5s, io::send_datagram::value, std::string("x")));
    BOOST_TEST(!no_peer.has_value());
    const auto no_address = co_await as_result(ask<void>(
        to, 5s, io::send_datagram::value, std::string("x"), std::string("example.org:1")));
    BOOST_TEST(!no_address.has_value());
    const auto fine = co_await as_result(
        ask<void>(to, 5s, io::send_datagram::value, std::string("x"), socket.local().to_string()));
    BOOST_TEST(fine.has_value());
    BOOST_TEST((co_await socket.receive()).bytes == "x");
    co_await ask<void>(socket.actor(), 5s, io::close_datagram::value);
    co_await until([&] { return socket.closed(); }, "the end");
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
