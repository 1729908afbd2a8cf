// Echo on the loopback: small messages and large ones, in the clear and over TLS 1.3.
//
// The server is a process of its own, and so has one core while the load has the other. Two
// measures of the same run: the time an echo takes with all connections busy, and the server's own
// processor time for one. Asio's server is one of plain callbacks on one io_context in one thread;
// the load is Asio's in all cases.
#include <support/certificate.hpp>
#include <support/comparison.hpp>
#include <support/echo.hpp>
#include <support/peer_program.hpp>

#include <buskin/io/create_server.hpp>
#include <buskin/io/protocol.hpp>
#include <buskin/io/stream_messages.hpp>

#include <caf/event_based_actor.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using bench::contestant;
using bench::echo_load;
using bench::echoing;

const std::vector<bench::measure> measures{{"time an echo", "ns"},
                                           {"processor time of the server an echo", "ns"}};
constexpr std::size_t small = 4096;
constexpr std::size_t large = 16 * 1024;
constexpr std::size_t roomy = 64 * 1024;  // so that a read takes all there is
const std::string our_name = "buskin::io::serve, a coroutine a client";

contestant ours(const std::string& name, double target) {
  return echoing(name, bench::serving(bench::echo_with(small)), {}, {target, target});
}

/// A client as a protocol.
struct echo_protocol : buskin::io::protocol {
  void connection_made(buskin::io::transport made) override { link = std::move(made); }
  void data_received(std::string_view bytes) override { link.write(bytes); }
  buskin::io::transport link;
};

bench::server protocols() {
  return bench::ours([] {
    return buskin::io::create_server("127.0.0.1:0",
                                     [] { return std::make_shared<echo_protocol>(); });
  });
}

/// A client as messages to a CAF actor.
caf::behavior echo_actor(caf::event_based_actor* self, caf::actor client) {
  self->send(client, buskin::subscribe::value, std::uint32_t{64});
  return {[=](buskin::io::stream_received, std::string& bytes) {
            self->send(client, buskin::io::write_stream::value, std::move(bytes));
            self->send(client, buskin::io::more_reads::value, std::uint32_t{1});
          },
          [](buskin::io::stream_passive) {}, [=](buskin::io::stream_ended) { self->quit(); },
          [=](buskin::io::stream_failed, const caf::error&) { self->quit(); }};
}

caf::behavior acceptor(caf::event_based_actor* self) {
  return {[=](buskin::io::new_connection, const caf::actor& client, const std::string&) {
    self->spawn(echo_actor, client);
  }};
}

bench::server messages() {
  return bench::ours([] {
    return buskin::io::serve("127.0.0.1:0", buskin::runtime::current().system().spawn(acceptor));
  });
}

/// Against the echo servers of another language, if it is installed.
void add_against(bench::suite& all, const std::string& whom, double target,
                 std::vector<contestant> peers) {
  if (!peers.empty())
    all.add({"echo against " + whom, {ours(our_name, target)}, std::move(peers), measures});
}

void add_program(std::vector<contestant>& peers, const std::string& name,
                 const std::optional<bench::command>& words, const echo_load& how = {}) {
  if (words) peers.push_back(echoing(name, bench::program(*words), how));
}

void add_small(bench::suite& all) {
  all.add(
      {"echo, 50 connections, 64 bytes",
       {ours(our_name, 0.95),
        echoing("buskin::io::create_server, a protocol a client", protocols(), {}, {0.95, 0.95}),
        echoing("buskin::io::serve, a CAF actor a client", messages(), {}, {0.75, 0.75})},
       {echoing("Asio, callbacks", bench::raw_echo(small), {})},
       measures});
  std::vector<contestant> asyncio, uvloop, go, erlang;
  using peer = bench::peer_program;
  add_program(asyncio, "asyncio, streams", peer::python_echo("asyncio"));
  add_against(all, "asyncio", 4, std::move(asyncio));
  add_program(uvloop, "uvloop, streams", peer::python_echo("uvloop"));
  add_against(all, "uvloop", 1.5, std::move(uvloop));
  for (const int threads : {1, 2})
    add_program(go, "Go, net, threads: " + std::to_string(threads), peer::go_echo(threads));
  add_against(all, "Go", 1.1, std::move(go));
  for (const int schedulers : {1, 2})
    for (const char* mode : {"passive", "active"})
      add_program(
          erlang,
          std::string("Erlang, gen_tcp, ") + mode + ", schedulers: " + std::to_string(schedulers),
          peer::erlang_echo(schedulers, mode));
  add_against(all, "Erlang", 1.5, std::move(erlang));
}

void add_large(bench::suite& all) {
  const echo_load how{.size = large};
  all.add({"echo, 50 connections, 16 kB",
           {echoing(our_name, bench::serving(bench::echo_with(roomy)), how, {0.95, 0.95})},
           {echoing("Asio, callbacks", bench::raw_echo(roomy), how)},
           measures});
}

void add_tls(bench::suite& all, const bench::certificate& made) {
  const echo_load how{.tls = true};
  const auto chain = made.chain();
  const auto key = made.key();
  const auto secure = [=] {
    return buskin::io::serve_options{.backlog = 4096,
                                     .tls = buskin::io::tls_context::server(chain, key)};
  };
  const auto ours = [=](double target) {
    return echoing(our_name, bench::serving(bench::echo_with(small), secure), how,
                   {target, target});
  };
  all.add({"echo over TLS, 50 connections, 64 bytes",
           {ours(0.95)},
           {echoing("asio::ssl::stream, callbacks", bench::raw_echo_tls(chain, key, small), how)},
           measures});
  std::vector<contestant> asyncio;
  add_program(asyncio, "asyncio, streams",
              bench::peer_program::python_echo("asyncio", {chain, key}), how);
  if (!asyncio.empty())
    all.add({"echo over TLS against asyncio", {ours(3)}, std::move(asyncio), measures});
}

}  // namespace

int main(int argc, char** argv) {
  const bench::certificate made;
  bench::suite all("echo", argc, argv);
  add_small(all);
  add_large(all);
  add_tls(all, made);
  return all.run();
}
