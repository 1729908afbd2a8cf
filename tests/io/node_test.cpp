// Nodes: who finds and reaches whom, and what becomes of it when a node is gone.
#include <buskin/actors/ask.hpp>
#include <buskin/actors/monitor.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/io/node.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/sleep.hpp>

#include "io/live_stage.hpp"
#include "io/scratch.hpp"
#include "io/second_runtime.hpp"
#include "support/certificates.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <unistd.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using buskin::test::second_runtime;
using buskin::test::until;
using strings = std::vector<std::string>;

using add_atom = caf::atom_constant<caf::atom("add")>;
using echo_atom = caf::atom_constant<caf::atom("echo")>;
using never_atom = caf::atom_constant<caf::atom("never")>;
using stop_atom = caf::atom_constant<caf::atom("stop")>;
using number_atom = caf::atom_constant<caf::atom("number")>;
using in_order_atom = caf::atom_constant<caf::atom("inorder")>;
using meet_atom = caf::atom_constant<caf::atom("meet")>;

/// A type that nobody has registered.
struct private_note {
  int number = 0;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, private_note& x) {
    return f(x.number);
  }
};

caf::behavior calculator(caf::event_based_actor* self) {
  const auto in_order = std::make_shared<int>(0);
  return {
      [](add_atom, int a, int b) { return a + b; }, [](echo_atom, caf::message all) { return all; },
      [](echo_atom, double x) { return x; },
      [](echo_atom, const std::string& text) { return text; },
      [=](never_atom) { return self->make_response_promise(); },
      // Asks whoever it is sent, and answers what that says.
      [=](meet_atom, const caf::actor& other) {
        auto promise = self->make_response_promise<int>();
        self->request(other, caf::infinite, add_atom::value, 20, 22)
            .then([=](int sum) mutable { promise.deliver(sum); },
                  [=](caf::error& error) mutable { promise.deliver(error); });
        return promise;
      },
      // How many numbers came, each one more than the last; -1 where one did not.
      [in_order](number_atom, int number) { *in_order = number == *in_order ? *in_order + 1 : -1; },
      [in_order](in_order_atom) { return *in_order; },
      [=](stop_atom) { self->quit(caf::exit_reason::user_shutdown); }};
}

struct folder {
  test::scratch where;
  std::string at(const std::string& name) const { return "unix:" + (where / name).string(); }
};

io::node_options options(const folder& in, std::string name) {
  return {.name = name, .address = in.at(name), .silence = 2s};
}

/// Elsewhere: a node that publishes a calculator under "sums".
task<io::node> sums_node(io::node_options how) {
  auto made = co_await io::node::listen(std::move(how));
  made.publish("sums", runtime::current().system().spawn(calculator));
  co_return made;
}

task<void> close_node(io::node which) {
  which.close();
  co_return;
}

io::node alone(std::string name) { return io::node::without_address({.name = std::move(name)}); }

BOOST_AUTO_TEST_SUITE(node_)

BOOST_AUTO_TEST_CASE(an_actor_of_another_node_is_found_by_name_and_answers) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    folder in;
    const auto there = co_await other.submit(sums_node(options(in, "there")));
    const auto here = alone("here");
    const auto peer = co_await here.connect(in.at("there"));
    BOOST_TEST(peer.name() == "there");
    BOOST_TEST((co_await peer.names()) == strings{"sums"}, boost::test_tools::per_element());
    const auto calculator = co_await peer.lookup("sums");
    BOOST_TEST((co_await ask<int>(calculator, 10s, add_atom::value, 2, 3)) == 5);
    BOOST_TEST((co_await ask<std::string>(calculator, 10s, echo_atom::value, "to and fro")) ==
               "to and fro");
    BOOST_TEST(here.peers().size() == 1U);
    BOOST_TEST(there.peers().size() == 1U);
    co_await other.submit(close_node(there));
    BOOST_TEST((co_await peer.down()).find("it left") != std::string::npos);
    BOOST_TEST(!peer.up());
    BOOST_TEST(here.peers().empty());
  };
  s.run(main());
}

/// Two nodes that are connected; the one elsewhere publishes a calculator.
struct pair_of_nodes {
  folder in;
  std::optional<io::node> there;
  io::node here = alone("here");
  std::optional<io::peer> peer;
  caf::actor calculator;
};

task<void> connect(second_runtime& other, pair_of_nodes& made) {
  made.there = co_await other.submit(sums_node(options(made.in, "there")));
  made.peer = co_await made.here.connect(made.in.at("there"));
  made.calculator = co_await made.peer->lookup("sums");
}

task<void> part(second_runtime& other, pair_of_nodes& made) {
  made.calculator = nullptr;
  made.here.close();
  co_await other.submit(close_node(*made.there));
}

BOOST_AUTO_TEST_CASE(every_number_arrives_as_it_was_sent) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    pair_of_nodes nodes;
    co_await connect(other, nodes);
    using limits = std::numeric_limits<double>;
    for (const double x : {0.0, -0.0, 1.5, -1e300, limits::infinity(), -limits::infinity(),
                           limits::denorm_min(), limits::max()}) {
      const double back = co_await ask<double>(nodes.calculator, 10s, echo_atom::value, x);
      BOOST_TEST(back == x);
      BOOST_TEST(std::signbit(back) == std::signbit(x));
    }
    BOOST_TEST(std::isnan(
        co_await ask<double>(nodes.calculator, 10s, echo_atom::value, limits::quiet_NaN())));
    co_await part(other, nodes);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(handles_travel_and_are_asked_from_the_other_side) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    pair_of_nodes nodes;
    co_await connect(other, nodes);
    auto ours = s.runtime.system().spawn(calculator);
    BOOST_TEST((co_await ask<int>(nodes.calculator, 10s, meet_atom::value, ours)) == 42);
    // One of its own comes home as itself.
    BOOST_TEST((co_await ask<int>(nodes.calculator, 10s, meet_atom::value, nodes.calculator)) ==
               42);
    co_await part(other, nodes);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_is_not_there_or_not_understood_is_told) {
  live_stage s(runtime_options{.configure = [](caf::actor_system_config& config) {
    config.add_message_type<private_note>("private_note");
  }});
  second_runtime other;
  auto main = [&]() -> task<void> {
    pair_of_nodes nodes;
    co_await connect(other, nodes);
    BOOST_CHECK_EXCEPTION(co_await nodes.peer->lookup("products"), request_failed,
                          [](const auto& error) {
                            return std::string(error.what()).find("products") != std::string::npos;
                          });
    BOOST_CHECK_THROW(co_await ask<int>(nodes.calculator, 10s, std::string("what?")),
                      request_failed);
    // A type that is registered here and not there.
    BOOST_CHECK_EXCEPTION(co_await ask<int>(nodes.calculator, 10s, private_note{1}), request_failed,
                          [](const auto& error) {
                            return std::string(error.what()).find("private_note") !=
                                   std::string::npos;
                          });
    // The connection has survived that.
    BOOST_TEST((co_await ask<int>(nodes.calculator, 10s, add_atom::value, 2, 3)) == 5);
    co_await part(other, nodes);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_type_that_is_not_registered_is_not_sent) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    pair_of_nodes nodes;
    co_await connect(other, nodes);
    BOOST_CHECK_EXCEPTION(co_await ask<int>(nodes.calculator, 10s, private_note{1}), request_failed,
                          [](const auto& error) {
                            return std::string(error.what()).find("add_message_type") !=
                                   std::string::npos;
                          });
    caf::anon_send(nodes.calculator, private_note{1});
    co_await until([&] { return s.incidents() == 1; }, "the report");
    BOOST_TEST(s.take_incidents()[0].code == "BK051");
    co_await part(other, nodes);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_end_of_an_actor_is_told_to_who_monitors_it_elsewhere) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    pair_of_nodes nodes;
    co_await connect(other, nodes);
    auto end = monitor(caf::actor_cast<caf::strong_actor_ptr>(nodes.calculator));
    caf::anon_send(nodes.calculator, stop_atom::value);
    const auto reason = co_await end;
    BOOST_TEST((reason == caf::exit_reason::user_shutdown));
    BOOST_CHECK_THROW(co_await ask<int>(nodes.calculator, 10s, add_atom::value, 1, 1),
                      request_failed);
    BOOST_CHECK_THROW(co_await nodes.peer->lookup("sums"), request_failed);
    co_await part(other, nodes);
  };
  s.run(main());
}

task<int> ask_in_vain(caf::actor whom) {
  co_return co_await ask<int>(whom, infinite, never_atom::value);
}

BOOST_AUTO_TEST_CASE(when_a_peer_leaves_who_waits_for_it_is_told) {  // covers D11
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    pair_of_nodes nodes;
    co_await connect(other, nodes);
    auto end = monitor(caf::actor_cast<caf::strong_actor_ptr>(nodes.calculator));
    std::vector<task_handle<int>> waiting;
    for (int i = 0; i != 1000; ++i) waiting.push_back(spawn(ask_in_vain(nodes.calculator)));
    // They are on their way before this.
    BOOST_TEST((co_await ask<int>(nodes.calculator, 10s, add_atom::value, 2, 3)) == 5);
    co_await other.submit(close_node(*nodes.there));
    for (auto& each : waiting)
      BOOST_CHECK_EXCEPTION(co_await each, node_down, [](const auto& error) {
        return std::string(error.what()).find("node \"there\" is down: it left") !=
               std::string::npos;
      });
    const auto reason = co_await end;
    BOOST_TEST(describe(reason).find("node \"there\" is down") != std::string::npos);
    BOOST_CHECK_THROW(co_await ask<int>(nodes.calculator, 10s, add_atom::value, 1, 1), node_down);
    BOOST_CHECK_THROW(co_await nodes.peer->lookup("sums"), node_down);
    co_await part(other, nodes);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_peer_that_says_nothing_any_more_is_down_within_the_bound) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    folder in;
    const auto there = co_await other.submit(sums_node(options(in, "there")));
    const auto here = io::node::without_address({.name = "here", .silence = 200ms});
    const auto peer = co_await here.connect(in.at("there"));
    const auto calculator = co_await peer.lookup("sums");
    auto waiting = spawn(ask_in_vain(calculator));
    co_await sleep(600ms);  // it is idle, and alive
    BOOST_TEST(peer.up());
    other.freeze();
    const auto before = s.runtime.now();
    BOOST_CHECK_THROW(co_await waiting, node_down);
    BOOST_TEST((s.runtime.now() - before < 2s));
    BOOST_TEST((co_await peer.down()).find("no sign of life") != std::string::npos);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(only_nodes_that_are_meant_are_connected_to) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    folder in;
    const auto there = co_await other.submit(sums_node(options(in, "there")));
    const auto here = co_await io::node::listen(options(in, "here"));
    const auto refused = [&](const char* why) {
      return [why](const io::node_refused& error) {
        return std::string(error.what()).find(why) != std::string::npos;
      };
    };
    BOOST_CHECK_EXCEPTION(co_await here.connect(in.at("there"), "elsewhere"), io::node_refused,
                          refused("\"elsewhere\" was expected"));
    BOOST_CHECK_EXCEPTION(co_await here.connect(in.at("here")), io::node_refused,
                          refused("this very process"));
    BOOST_CHECK_THROW(co_await here.connect(in.at("nobody")), std::system_error);
    BOOST_CHECK_THROW(co_await here.connect("there:7000"), std::invalid_argument);
    BOOST_CHECK_THROW(co_await here.connect("no name"), std::invalid_argument);
    here.close();
    BOOST_CHECK_THROW(co_await here.connect(in.at("there")), invalid_state);
    co_await other.submit(close_node(there));
    (void)s.take_incidents();  // of those that were not let in
    (void)other.take_incidents();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_node_beyond_this_host_without_certificates_is_refused) {
  live_stage s;
  auto main = [&]() -> task<void> {
    BOOST_CHECK_EXCEPTION(co_await io::node::listen({.name = "a", .address = "0.0.0.0:0"}),
                          std::invalid_argument, [](const auto& error) {
                            return std::string(error.what()).find("scripts/certificates") !=
                                   std::string::npos;
                          });
    BOOST_CHECK_THROW(co_await io::node::listen({.name = "a", .address = "127.0.0.1:0"}),
                      std::invalid_argument);
    BOOST_CHECK_THROW(co_await io::node::listen({.name = "a b"}), std::invalid_argument);
    BOOST_CHECK_THROW(co_await io::node::listen({.name = ""}), std::invalid_argument);
  };
  s.run(main());
}

/// What a stranger at the node's door is answered until it is shown out.
task<std::string> knock(std::string where, std::string says) {
  auto stranger = co_await io::connect(where);
  std::string answer;
  try {
    co_await stranger.write(says);
    answer = co_await stranger.read_all(64 * 1024);
  } catch (const std::system_error&) {
  }
  co_return answer;
}

// covers D2
BOOST_AUTO_TEST_CASE(whoever_does_not_greet_as_a_node_is_shown_out_and_the_node_serves_on) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    pair_of_nodes nodes;
    co_await connect(other, nodes);
    using namespace std::string_literals;
    for (const auto& says : {"GET / HTTP/1.0\r\n\r\n"s, std::string(42, '\xff'),
                             "\x05\0\0\0\x02"s + "\x01\x01\x01\x01", "\x01\0\0\0\x01"s, "\0\0\0\0"s,
                             "\xff\xff\xff\x7f"s}) {
      const auto answer = co_await knock(nodes.in.at("there"), says);
      BOOST_TEST(answer.size() < 1024U);  // its greeting
    }
    BOOST_TEST((co_await ask<int>(nodes.calculator, 10s, add_atom::value, 2, 3)) == 5);
    BOOST_TEST(nodes.there->peers().size() == 1U);
    co_await part(other, nodes);
    const auto told = other.take_incidents();
    BOOST_REQUIRE(told.size() == 1U);  // once, not for each
    BOOST_TEST(told[0].code == "BK050");
  };
  s.run(main());
}

// -- greeted, and then nonsense -----------------------------------------------------------------

/// Connects, and greets as a node would: with the node's own greeting, of another process.
task<io::connection> impostor(std::string where) {
  auto made = co_await io::connect(where);
  auto head = co_await made.read_exactly(4);
  auto greeting = co_await made.read_exactly(static_cast<unsigned char>(head[0]));
  // kind, "BUSKIN", version, CAF's, name, node id: any byte of the id will do
  const auto name = greeting.find("there");
  greeting[name + 5 + 12] ^= 0x55;
  co_await made.write(head + greeting);
  co_return made;
}

std::string frame(std::string body) {
  return std::string{static_cast<char>(body.size()), static_cast<char>(body.size() >> 8), 0, 0} +
         body;
}

/// Counts whatever reaches it.
caf::behavior victim(caf::event_based_actor* self, std::atomic<int>* reached) {
  self->set_default_handler([reached](caf::scheduled_actor*, caf::message_view&) {
    ++*reached;
    return caf::result<caf::message>(caf::sec::unexpected_message);
  });
  return {[](double) {}};
}

task<void> publish_a_victim(io::node where, std::atomic<int>* reached) {
  where.publish("victim", runtime::current().system().spawn(victim, reached));
  co_return;
}

// covers D2, D3
BOOST_AUTO_TEST_CASE(a_peer_reaches_nobody_by_guessing_and_is_shown_out_for_nonsense) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    pair_of_nodes nodes;
    co_await connect(other, nodes);
    std::atomic<int> reached = 0;
    co_await other.submit(publish_a_victim(*nodes.there, &reached));
    // One peer knows it. That is no leave for others.
    auto known = co_await nodes.peer->lookup("victim");
    const auto where = nodes.in.at("there");
    {
      // A message for each actor that there may be, and for an exit too.
      auto guesser = co_await impostor(where);
      for (char to = 1; to != 100; ++to) {
        // nobody's, to, a plain message, no stages, one string
        const std::string plain = {2,      0,      to,     '\x80', '\x80', '\x80',
                                   '\x80', '\x80', '\x80', '\x80', '\x80', '\x10',
                                   0,      1,      24,     1,      'x'};
        co_await guesser.write(frame(plain));
      }
      BOOST_TEST((co_await ask<int>(nodes.calculator, 10s, add_atom::value, 2, 3)) == 5);
      co_await until([&] { return nodes.there->peers().size() == 2; }, "the impostor to be in");
      guesser.close();
    }
    std::minstd_rand dice(7);
    for (int i = 0; i != 300; ++i) {
      auto liar = co_await impostor(where);
      try {
        for (int frames = 0; frames != 8; ++frames) {
          std::string body{static_cast<char>(1 + dice() % 11)};
          for (auto length = dice() % 40; length != 0; --length)
            body += static_cast<char>(dice() % 4 == 0 ? dice() : dice() % 8);
          co_await liar.write(frame(body));
        }
        if (i % 2 == 0) co_await liar.write(std::string("\xff\xff\xff\x7f", 4) + "2 GiB");
      } catch (const std::system_error&) {  // it was shown out
      }
      liar.abort();
    }
    co_await until([&] { return nodes.there->peers().size() == 1; }, "the last one to be out");
    BOOST_TEST((co_await ask<int>(nodes.calculator, 10s, add_atom::value, 2, 3)) == 5);
    BOOST_TEST(reached == 0);
    known = nullptr;
    co_await part(other, nodes);
    (void)other.take_incidents();
  };
  s.run(main());
}

task<void> send_numbers(caf::actor whom, int count) {
  for (int i = 0; i != count; ++i) caf::anon_send(whom, number_atom::value, i);
  co_return;
}

// covers D8
BOOST_AUTO_TEST_CASE(a_hundred_thousand_small_messages_come_in_order_and_a_huge_one_is_refused) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    pair_of_nodes nodes;
    co_await connect(other, nodes);
    constexpr int count = 100'000;
    co_await send_numbers(nodes.calculator, count);
    BOOST_TEST((co_await ask<int>(nodes.calculator, 30s, in_order_atom::value)) == count);
    BOOST_CHECK_EXCEPTION(co_await ask<std::string>(nodes.calculator, 10s, echo_atom::value,
                                                    std::string(100'000'000, 'x')),
                          request_failed, [](const auto& error) {
                            return std::string(error.what()).find("the peer takes") !=
                                   std::string::npos;
                          });
    // One of ten megabytes is none of these.
    const std::string large(10'000'000, 'x');
    BOOST_TEST((co_await ask<std::string>(nodes.calculator, 30s, echo_atom::value, large)) ==
               large);
    co_await part(other, nodes);
  };
  s.run(main());
}

// -- beyond the host ----------------------------------------------------------------------------

/// Certificates of one authority.
struct world {
  test::authority issuer;
  io::node_tls of(const std::string& name) { return of(issuer, name, "DNS:" + name); }
  io::node_tls of(test::authority& whose, const std::string& name, const std::string& names) {
    const auto who = whose.issue(name, {.names = names});
    return {.authority = issuer.file(), .certificate = who.chain, .key = who.key};
  }
};

io::node_options at_a_port(std::string name, io::node_tls who) {
  return {.name = std::move(name), .address = "127.0.0.1:0", .tls = std::move(who), .silence = 2s};
}

io::node calling(std::string name, io::node_tls who) {
  return io::node::without_address({.name = std::move(name), .tls = std::move(who)});
}

BOOST_AUTO_TEST_CASE(nodes_that_one_authority_vouches_for_reach_each_other_beyond_the_host) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    world w;
    const auto there = co_await other.submit(sums_node(at_a_port("there", w.of("there"))));
    const auto here = calling("here", w.of("here"));
    const auto peer = co_await here.connect(there.address(), "there");
    const auto calculator = co_await peer.lookup("sums");
    BOOST_TEST((co_await ask<int>(calculator, 10s, add_atom::value, 2, 3)) == 5);
    BOOST_TEST(there.peers().at(0).name() == "here");
    // The same without an encrypted connection, in CAF's own protocol: nobody answers.
    BOOST_TEST((co_await knock(there.address(), std::string(42, '\0'))).size() < 1024U);
    co_await other.submit(close_node(there));
    (void)co_await peer.down();
    (void)other.take_incidents();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(one_that_has_certificates_for_others_is_reached_by_its_name_on_this_host) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    world w;
    const std::string name = "there-" + std::to_string(::getpid());
    const auto there = co_await other.submit(sums_node({.name = name, .tls = w.of(name)}));
    const auto here = alone("here");
    const auto peer = co_await here.connect(name);
    BOOST_TEST(peer.name() == name);
    co_await other.submit(close_node(there));
    (void)co_await peer.down();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_certificate_that_is_missing_foreign_or_for_another_name_does_not_let_in) {
  live_stage s;
  second_runtime other;
  auto main = [&]() -> task<void> {
    world w;
    world foreign;
    const auto there = co_await other.submit(sums_node(at_a_port("there", w.of("there"))));
    const auto where = there.address();
    const auto gets_in = [&](io::node_tls who, std::string expected) -> task<bool> {
      const auto here = calling("here", std::move(who));
      try {
        const auto peer = co_await wait_for(here.connect(where, std::move(expected)), 10s);
        // With TLS 1.3 the client is through before its own certificate was looked at.
        co_await peer.lookup("sums");
        co_return true;
      } catch (const io::node_refused&) {
      } catch (const std::system_error&) {
      } catch (const node_down&) {
      }
      co_return false;
    };
    BOOST_TEST(co_await gets_in(w.of("here"), "there"));
    // Of another authority; for another name than it says; the other end is not whom we meant.
    BOOST_TEST(!co_await gets_in(w.of(foreign.issuer, "here", "DNS:here"), "there"));
    BOOST_TEST(!co_await gets_in(w.of("somebody"), "there"));
    BOOST_TEST(!co_await gets_in(w.of("here"), "elsewhere"));
    // One whose authority we do not trust.
    BOOST_TEST(!co_await gets_in(foreign.of("here"), "there"));
    // None at all.
    io::tls_context bare = io::tls_context::client().trust(w.issuer.file());
    BOOST_CHECK_THROW(
        {
          auto stranger = co_await io::connect(where, {.tls = bare, .server_name = "there"});
          (void)co_await stranger.read_exactly(1024);
        },
        std::exception);
    BOOST_TEST(co_await gets_in(w.of("here"), "there"));
    co_await other.submit(close_node(there));
    const auto told = other.take_incidents();
    BOOST_TEST(told.size() == 1U);
    BOOST_TEST(told.at(0).code == "BK050");
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
