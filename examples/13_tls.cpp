// TLS: a server and its clients, from the first byte on and in mid-stream. A certificate to try it
// with:
//
//   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=me
//     -addext subjectAltName=DNS:localhost -keyout key.pem -out certificate.pem
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;
namespace io = buskin::io;

// [server]
buskin::task<void> greet(io::connection client) {
  const std::string name = co_await client.read_until("\n");
  co_await client.write("hello " + name);
}

buskin::task<io::server> serve_greetings(std::string certificate, std::string key) {
  const auto context = io::tls_context::server(certificate, key);
  co_return co_await io::serve("localhost:0", greet, {.tls = context});
}
// [/server]

// [client]
buskin::task<void> ask(std::string where, io::tls_context context) {
  auto server = co_await io::connect(where, {.tls = context});
  co_await server.write("Ada\n");
  std::cout << co_await server.read_until("\n");
  const auto session = server.tls().value();
  std::cout << session.version << " with " << session.peer->subject << '\n';
}
// [/client]

// [refused]
buskin::task<void> ask_a_stranger(std::string where, io::tls_context context) {
  try {
    co_await io::connect(where, {.tls = context, .server_name = "example.org"});
  } catch (const std::system_error& error) {
    if (error.code() == io::tls_error::wrong_host) std::cout << "that is somebody else\n";
    std::cout << error.what() << '\n';
  }
}
// [/refused]

// [upgrade]
buskin::task<void> offer_upgrade(io::stream client, io::tls_context context) {
  if (co_await client.read_until("\n") != "STARTTLS\n") co_return;
  co_await client.write("go ahead\n");
  co_await client.start_tls(context);
  co_await client.write("nobody else reads this\n");
}

buskin::task<void> upgrade(io::stream server, io::tls_context context) {
  co_await server.write("STARTTLS\n");
  co_await server.read_until("\n");
  co_await server.start_tls(context, {.server_name = "localhost"});
  std::cout << co_await server.read_until("\n");
}
// [/upgrade]

buskin::task<int> co_main(std::string certificate, std::string key) {
  const auto trusting = io::tls_context::client().trust(certificate);
  auto server = co_await serve_greetings(certificate, key);
  const std::string where = "localhost:" + std::to_string(server.port());
  co_await ask(where, trusting);
  co_await ask_a_stranger(where, trusting);

  auto [ours, theirs] = io::memory_stream();
  co_await buskin::gather(offer_upgrade(theirs, io::tls_context::server(certificate, key)),
                          upgrade(ours, trusting));
  co_return 0;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: " << argv[0] << " CERTIFICATE KEY (PEM files; localhost's)\n";
    return 2;
  }
  return buskin::run(co_main(argv[1], argv[2]));
}
