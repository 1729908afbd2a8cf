// A stream in messages: plain CAF actors that read, write and own it.
#include <buskin/io/stream_messages.hpp>

#include <buskin/actors/as_result.hpp>
#include <buskin/actors/ask.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/monitor.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/io/hand_over.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>

#include "io/live_stage.hpp"
#include "io/stream_pair.hpp"

#include <caf/all.hpp>

#include <boost/test/unit_test.hpp>

#include <sys/socket.h>

#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::until;
using strings = std::vector<std::string>;

/// What a subscriber was sent.
struct heard {
  strings bytes;
  int passive = 0;
  int ended = 0;
  strings failures;
  std::string all() const {
    std::string text;
    for (const auto& each : bytes) text += each;
    return text;
  }
};

/// Notes what it is sent, and passes on what it is told to ask for.
caf::behavior listener(caf::event_based_actor* self, heard* notes, caf::actor from,
                       std::uint32_t credit) {
  self->send(from, buskin::subscribe::value, credit);
  return {
      [=](io::stream_received, const std::string& bytes) { notes->bytes.push_back(bytes); },
      [=](io::stream_passive) { ++notes->passive; },
      [=](io::stream_ended) { ++notes->ended; },
      [=](io::stream_failed, const caf::error& why) { notes->failures.push_back(describe(why)); },
      [=](io::more_reads more, std::uint32_t many) { self->send(from, more, many); },
      [=](buskin::unsubscribe none) { self->send(from, none); }};
}

task<void> request_write(caf::actor to, std::string bytes) {
  co_await ask<void>(to, 5s, io::write_stream::value, std::move(bytes));
}

task<void> some_turns() {
  for (int i = 0; i != 20; ++i) co_await yield();
}

BOOST_AUTO_TEST_SUITE(stream_messages)

BOOST_AUTO_TEST_CASE(a_plain_actor_writes_and_reads_by_requests) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream();
    BOOST_TEST((a.actor() == a.actor()));
    co_await ask<void>(a.actor(), 5s, io::write_stream::value, std::string("hello"));
    BOOST_TEST(co_await b.read() == "hello");
    auto waiting = ask<std::string>(a.actor(), 5s, io::read_stream::value, std::uint64_t{3});
    co_await b.write("abcde");
    BOOST_TEST(co_await std::move(waiting) == "abc");
    BOOST_TEST((co_await ask<std::string>(a.actor(), 5s, io::read_stream::value,
                                          std::uint64_t{100})) == "de");
    b.write_eof();
    BOOST_TEST((co_await ask<std::string>(a.actor(), 5s, io::read_stream::value,
                                          std::uint64_t{100})) == "");
    const auto nothing = co_await as_result(
        ask<std::string>(a.actor(), 5s, io::read_stream::value, std::uint64_t{0}));
    BOOST_TEST(!nothing.has_value());
    co_await ask<void>(a.actor(), 5s, io::end_stream::value);
    BOOST_TEST(co_await b.read() == "");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_write_request_is_answered_when_the_peer_has_taken_enough) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream(1000);
    a.set_high_water(500);
    auto first = spawn(request_write(a.actor(), std::string(1400, 'x')));
    co_await some_turns();
    BOOST_TEST(first.done());  // 400 are unsent
    auto second = spawn(request_write(a.actor(), std::string(600, 'y')));
    co_await some_turns();
    BOOST_TEST(!second.done());
    // As a task that writes it waits for the low mark, and not for less than the high one.
    BOOST_TEST((co_await b.read(600)) == std::string(600, 'x'));
    co_await some_turns();
    BOOST_TEST(a.unsent() == 400U);
    BOOST_TEST(!second.done());
    BOOST_TEST((co_await b.read_exactly(1400)) == std::string(800, 'x') + std::string(600, 'y'));
    co_await second;
    // One that can never be sent is told why.
    b.close();
    const auto late =
        co_await as_result(ask<void>(a.actor(), 5s, io::write_stream::value, std::string("late")));
    BOOST_TEST(!late.has_value());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_subscriber_is_sent_as_many_reads_as_it_gave_credit_for) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream(100);
    heard notes;
    auto subscriber = s.runtime.system().spawn(listener, &notes, b.actor(), 2U);
    for (const char* text : {"1", "2", "3"}) {
      co_await a.write(text);
      co_await some_turns();
    }
    BOOST_TEST(notes.bytes == (strings{"1", "2"}), boost::test_tools::per_element());
    BOOST_TEST(notes.passive == 1);
    // Without credit nothing is read, so the writer is held up.
    a.set_high_water(0);
    auto flood =
        spawn([](io::stream to) -> task<void> { co_await to.write(std::string(1000, 'x')); }(a));
    co_await some_turns();
    BOOST_TEST(!flood.done());
    BOOST_TEST(a.unsent() == 901U);
    caf::anon_send(subscriber, io::more_reads::value, std::uint32_t{1});
    co_await until([&] { return notes.bytes.size() == 3; }, "one more");
    BOOST_TEST(notes.passive == 1);  // a credit of one is told by its message
    caf::anon_send(subscriber, io::more_reads::value, std::uint32_t{100});
    co_await flood;
    co_await until([&] { return notes.all().size() == 1003; }, "the flood");
    a.close();
    co_await until([&] { return notes.ended == 1; }, "the end");
    caf::anon_send_exit(subscriber, caf::exit_reason::user_shutdown);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_request_of_somebody_who_has_ended_takes_no_bytes) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream();
    auto dying = s.runtime.system().spawn([from = b.actor()](caf::event_based_actor* self) {
      self->request(from, caf::infinite, io::read_stream::value, std::uint64_t{100})
          .then([](const std::string&) {});
    });
    co_await some_turns();
    caf::anon_send_exit(dying, caf::exit_reason::user_shutdown);
    co_await some_turns();
    co_await a.write("for the living");
    BOOST_TEST((co_await ask<std::string>(b.actor(), 5s, io::read_stream::value,
                                          std::uint64_t{100})) == "for the living");
    // With nobody left who asked, a task may read.
    auto second = s.runtime.system().spawn([from = b.actor()](caf::event_based_actor* self) {
      self->request(from, caf::infinite, io::read_stream::value, std::uint64_t{100})
          .then([](const std::string&) {});
    });
    co_await some_turns();
    caf::anon_send_exit(second, caf::exit_reason::user_shutdown);
    co_await some_turns();
    co_await a.write("for the task");
    co_await some_turns();
    BOOST_TEST(co_await b.read() == "for the task");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_subscriber_that_dies_leaves_the_stream_to_others) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream();
    heard notes;
    auto subscriber = s.runtime.system().spawn(listener, &notes, b.actor(), 1000U);
    co_await a.write("to it");
    co_await until([&] { return notes.bytes.size() == 1; }, "its bytes");
    const auto second =
        co_await as_result(ask<void>(b.actor(), 5s, buskin::subscribe::value, std::uint32_t{1}));
    BOOST_TEST(!second.has_value());
    BOOST_CHECK_EXCEPTION(co_await b.read(), invalid_state, [](const invalid_state& error) {
      return std::string(error.what()).find("at the same time") != std::string::npos;
    });
    caf::anon_send_exit(subscriber, caf::exit_reason::user_shutdown);
    co_await some_turns();
    co_await a.write("to the task");
    BOOST_TEST(co_await b.read() == "to the task");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(credit_is_taken_back_and_refused_while_a_task_reads) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream();
    heard notes;
    auto subscriber = s.runtime.system().spawn(listener, &notes, b.actor(), 10U);
    co_await some_turns();
    // It gives up, without a byte having come; then a task reads in its place.
    caf::anon_send(subscriber, buskin::unsubscribe::value);
    co_await some_turns();
    auto reading =
        spawn([](io::stream from) -> task<std::string> { co_return co_await from.read(); }(b));
    co_await some_turns();
    const auto refused =
        co_await as_result(ask<void>(b.actor(), 5s, buskin::subscribe::value, std::uint32_t{1}));
    BOOST_TEST(!refused.has_value());
    const auto passive =
        co_await as_result(ask<void>(b.actor(), 5s, buskin::subscribe::value, std::uint32_t{0}));
    BOOST_TEST(passive.has_value());
    const auto more =
        co_await as_result(ask<void>(b.actor(), 5s, io::more_reads::value, std::uint32_t{1}));
    BOOST_TEST(!more.has_value());
    co_await a.write("for the task");
    BOOST_TEST(co_await reading == "for the task");
    BOOST_TEST(notes.bytes.empty());
    // Credit that is set to none holds back what comes.
    co_await ask<void>(b.actor(), 5s, buskin::subscribe::value, std::uint32_t{5});
    co_await ask<void>(b.actor(), 5s, buskin::subscribe::value, std::uint32_t{0});
    co_await a.write("unread");
    co_await some_turns();
    co_await ask<void>(b.actor(), 5s, buskin::unsubscribe::value);
    BOOST_TEST(co_await b.read() == "unread");
    caf::anon_send_exit(subscriber, caf::exit_reason::user_shutdown);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_face_ends_with_its_stream_and_does_not_keep_it_open) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream();
    const auto face = a.actor();
    auto end = monitor(face);
    a = {};
    BOOST_TEST(!(co_await end));
    BOOST_TEST(co_await b.read() == "");
    const auto late = co_await as_result(ask<void>(face, 5s, io::end_stream::value));
    BOOST_TEST(!late.has_value());

    auto aborted = monitor(b.actor());
    b.abort();
    BOOST_TEST(!!(co_await aborted));
    // One that is asked for after the end ends at once.
    BOOST_TEST(!!(co_await monitor(b.actor())));
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(messages_close_a_stream_softly_and_abort_it) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream(10);
    auto end = monitor(a.actor());
    caf::anon_send(a.actor(), io::write_stream::value, std::string(30, 'x'));
    co_await ask<void>(a.actor(), 5s, io::close_stream::value);
    BOOST_TEST((co_await b.read_exactly(30)).size() == 30U);
    BOOST_TEST(!(co_await end));

    auto [c, d] = io::memory_stream(10);
    auto other = monitor(c.actor());
    caf::anon_send(c.actor(), io::write_stream::value, std::string(30, 'x'));
    co_await ask<void>(c.actor(), 5s, io::abort_stream::value);
    BOOST_TEST(!(co_await other));  // it was asked for
    BOOST_TEST((co_await d.read(100)).size() == 10U);
    BOOST_TEST(co_await d.read(100) == "");
  };
  s.run(main());
}

// -- owners -------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_stream_that_was_handed_over_is_closed_when_its_owner_ends) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream();
    heard notes;
    auto idle = [](caf::event_based_actor* self) -> caf::behavior {
      return {[=](io::own_stream own, const caf::actor& of, const caf::actor& to) {
                self->send(of, own, to);
              },
              [](io::stream_ended) {}};
    };
    auto owner = s.runtime.system().spawn(idle);
    const auto face = io::hand_over(std::move(a), owner);
    co_await ask<void>(face, 5s, io::write_stream::value, std::string("alive"));
    BOOST_TEST(co_await b.read() == "alive");
    // Only the owner gives it away.
    auto heir = s.runtime.system().spawn(idle);
    const auto stranger = co_await as_result(ask<void>(face, 5s, io::own_stream::value, heir));
    BOOST_TEST(!stranger.has_value());
    caf::anon_send(owner, io::own_stream::value, face, heir);
    co_await some_turns();
    caf::anon_send_exit(owner, caf::exit_reason::user_shutdown);
    co_await some_turns();
    co_await ask<void>(face, 5s, io::write_stream::value, std::string("still"));
    BOOST_TEST(co_await b.read() == "still");
    auto end = monitor(face);
    caf::anon_send_exit(heir, caf::exit_reason::user_shutdown);
    BOOST_TEST(!(co_await end));
    BOOST_TEST(co_await b.read() == "");
    BOOST_CHECK_THROW(io::hand_over(std::move(b), caf::actor()), invalid_state);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(an_owner_is_told_of_a_failure_by_message_and_by_down) {
  live_stage s;
  auto main = [&]() -> task<void> {
    io::connection peer;
    auto take = [](io::connection client, io::connection& to) -> task<void> {
      to = std::move(client);
      co_await sleep(1h);
    };
    auto server = co_await io::serve("127.0.0.1:0",
                                     [&](io::connection c) { return take(std::move(c), peer); });
    heard notes;
    auto link = co_await io::connect(server.local().to_string());
    caf::actor owner;
    const auto face_of = link.actor();
    owner = s.runtime.system().spawn(listener, &notes, face_of, 10U);
    const auto face = io::hand_over(std::move(link), owner);
    BOOST_TEST((face == face_of));
    auto end = monitor(face);
    co_await until([&] { return static_cast<bool>(peer); }, "the client");
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(peer.descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    peer.abort();
    BOOST_TEST(!!(co_await end));
    co_await until([&] { return !notes.failures.empty(); }, "the failure");
    BOOST_TEST(notes.failures.size() == 1U);
    BOOST_TEST(notes.failures.front().find("tcp 127.0.0.1") != std::string::npos);
    BOOST_TEST(notes.ended == 0);
    caf::anon_send_exit(owner, caf::exit_reason::user_shutdown);
    server.close();
  };
  s.run(main());
}

// -- a server in messages -----------------------------------------------------------------------

/// Echoes until the end of its client.
caf::behavior echo(caf::event_based_actor* self, caf::actor client) {
  self->send(client, buskin::subscribe::value, std::uint32_t{16});
  return {[=](io::stream_received, std::string& bytes) {
            self->send(client, io::write_stream::value, std::move(bytes));
            self->send(client, io::more_reads::value, std::uint32_t{1});
          },
          [](io::stream_passive) {},
          [=](io::stream_ended) {
            self->send(client, io::close_stream::value);
            self->quit();
          },
          [=](io::stream_failed, const caf::error&) { self->quit(); }};
}

caf::behavior echo_server(caf::event_based_actor* self, strings* peers) {
  return {[=](io::new_connection, const caf::actor& client, const std::string& peer) {
    peers->push_back(peer);
    self->spawn(echo, client);
  }};
}

BOOST_AUTO_TEST_CASE(a_plain_actor_serves_echo) {
  for (const unsigned workers : {1U, 3U}) {
    live_stage s(runtime_options{.workers = workers});
    auto main = [&]() -> task<void> {
      strings peers;
      auto acceptor = s.runtime.system().spawn(echo_server, &peers);
      auto server = co_await io::serve("127.0.0.1:0", acceptor);
      auto use = [](std::string where, int name) -> task<bool> {
        auto link = co_await io::connect(where);
        bool right = true;
        for (int i = 0; i != 20; ++i) {
          const std::string text = std::to_string(name) + ":" + std::to_string(i);
          co_await link.write(text);
          right = right && co_await link.read_exactly(text.size()) == text;
        }
        const std::string much(300'000, 'z');
        auto sending = spawn([](io::stream to, std::string what) -> task<void> {
          co_await to.write(what);
          to.write_eof();
        }(link, much));
        right = right && co_await link.read_exactly(much.size()) == much;
        co_await sending;
        co_return right && (co_await link.read()).empty();
      };
      std::vector<task<bool>> all;
      for (int i = 0; i != 10; ++i) all.push_back(use(server.local().to_string(), i));
      for (const bool right : co_await gather(std::move(all))) BOOST_TEST(right);
      BOOST_TEST(peers.size() == 10U);
      co_await until([&] { return server.connections() == 0; }, "the sessions' end");
      // Without its acceptor there is no server.
      caf::anon_send_exit(acceptor, caf::exit_reason::user_shutdown);
      co_await until([&] { return server.closed(); }, "the server's end");
    };
    s.run(main());
  }
}

BOOST_AUTO_TEST_CASE(an_acceptor_keeps_no_server_that_was_closed) {
  live_stage s;
  auto main = [&]() -> task<void> {
    strings peers;
    auto acceptor = s.runtime.system().spawn(echo_server, &peers);
    caf::actor_addr closed;
    {
      const auto server = co_await io::serve("127.0.0.1:0", acceptor);
      closed = server.actor().address();
      server.close();
    }
    co_await until([&] { return !caf::actor_cast<caf::strong_actor_ptr>(closed); }, "its memory");
    caf::anon_send_exit(acceptor, caf::exit_reason::user_shutdown);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_client_whom_nobody_takes_is_the_acceptors) {
  live_stage s;
  auto main = [&]() -> task<void> {
    std::vector<caf::actor> clients;
    auto acceptor = s.runtime.system().spawn([&](caf::event_based_actor*) -> caf::behavior {
      return {[&](io::new_connection, const caf::actor& client, const std::string&) {
                clients.push_back(client);
              },
              [](io::stream_ended) {}};
    });
    auto server = co_await io::serve("127.0.0.1:0", acceptor);
    auto link = co_await io::connect(server.local().to_string());
    auto second = co_await io::connect(server.local().to_string());
    co_await until([&] { return clients.size() == 2; }, "the clients");
    heard notes;
    auto taker = s.runtime.system().spawn(listener, &notes, clients[1], 5U);
    co_await some_turns();
    caf::anon_send_exit(acceptor, caf::exit_reason::user_shutdown);
    BOOST_TEST(co_await link.read() == "");
    // Who subscribed has taken it, and is served on.
    co_await second.write("hi");
    co_await until([&] { return notes.all() == "hi"; }, "the bytes");
    caf::anon_send_exit(taker, caf::exit_reason::user_shutdown);
    BOOST_TEST(co_await second.read() == "");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_runtimes_end_closes_what_was_handed_over) {
  live_stage s;
  heard notes;
  io::stream left;
  auto main = [&]() -> task<void> {
    auto [a, b] = io::memory_stream();
    auto owner = s.runtime.system().spawn(listener, &notes, a.actor(), 5U);
    io::hand_over(std::move(a), owner);
    co_await b.write("x");
    co_await until([&] { return notes.bytes.size() == 1; }, "the byte");
    b.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
