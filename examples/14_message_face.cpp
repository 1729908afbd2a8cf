// An echo server of plain CAF actors: connections in messages only.
#include <buskin/buskin.hpp>

#include <caf/event_based_actor.hpp>

#include <iostream>

namespace io = buskin::io;

// [echo]
caf::behavior echo(caf::event_based_actor* self, caf::actor client) {
  self->send(client, buskin::subscribe::value, std::uint32_t{8});
  return {
      [=](io::stream_received, std::string& bytes) {
        self->send(client, io::write_stream::value, std::move(bytes));
        self->send(client, io::more_reads::value, std::uint32_t{1});
      },
      [](io::stream_passive) {},                // all credit is used up; more is under way
      [=](io::stream_ended) { self->quit(); },  // the client's connection ends with its owner
      [=](io::stream_failed, const caf::error&) { self->quit(); },
  };
}

caf::behavior acceptor(caf::event_based_actor* self) {
  return {[=](io::new_connection, const caf::actor& client, const std::string&) {
    self->spawn(echo, client);
  }};
}
// [/echo]

// [reader]
using take_stream = caf::atom_constant<caf::atom("take")>;

caf::behavior reader(caf::event_based_actor* self) {
  return {
      [=](take_stream, const caf::actor& wire) {
        self->request(wire, caf::infinite, io::read_stream::value, std::uint64_t{4096})
            .then([=](const std::string& bytes) {
              std::cout << "read '" << bytes << "'\n";
              self->send(wire, io::close_stream::value);
            });
      },
      [=](io::stream_ended) { self->quit(); },  // the owner is told, subscribed or not
      [=](io::stream_failed, const caf::error&) { self->quit(); },
  };
}

buskin::task<caf::actor> connect_reader(std::string where) {
  const auto me = buskin::runtime::current().system().spawn(reader);
  const auto wire = io::hand_over(co_await io::connect(where), me);  // it is the reader's now
  buskin::send(me, take_stream::value, wire);
  co_return wire;
}
// [/reader]

buskin::task<int> co_main() {
  // [serve]
  const auto accepting = buskin::runtime::current().system().spawn(acceptor);
  auto server = co_await io::serve("127.0.0.1:0", accepting);
  // [/serve]
  auto link = co_await io::connect(server.local().to_string());
  for (const std::string text : {"one", "two", "three"}) {
    co_await link.write(text);
    std::cout << co_await link.read_exactly(text.size()) << '\n';
  }
  link.write_eof();
  std::cout << "then the end: '" << co_await link.read() << "'\n";

  const auto wire = co_await connect_reader(server.local().to_string());
  buskin::send(wire, io::write_stream::value, std::string("four"));
  const auto end = buskin::monitor(wire);
  co_await end;
  co_return 0;
}

int main() { return buskin::run(co_main()); }
