// A client that tries until its server is there: after 1, 2, 4 seconds and so on.
#include <buskin/buskin.hpp>

#include <iostream>

namespace io = buskin::io;
using namespace std::chrono_literals;

// [retry]
buskin::task<io::connection> connect_at_last(std::string where, int attempts) {
  for (std::chrono::seconds wait = 1s;; wait *= 2) {
    try {
      co_return co_await io::connect(where);
    } catch (const std::system_error& error) {
      if (--attempts == 0) throw;
      std::cout << error.code().message() << ", again in " << wait.count() << " s\n";
    }
    co_await buskin::sleep(wait);  // not inside the handler: there nothing can be awaited
  }
}
// [/retry]

buskin::task<void> greet(io::connection client) { co_await client.write("hello\n"); }

buskin::task<void> serve_later(std::string where) {
  co_await buskin::sleep(5s);
  std::cout << "the server starts\n";
  auto server = co_await io::serve(where, greet);
  co_await buskin::sleep(1h);
}

buskin::task<void> co_main() {
  auto place = co_await io::serve("127.0.0.1:0", greet);  // a port that is free
  const auto where = place.local().to_string();
  place.close();
  while (!place.closed()) co_await buskin::yield();

  auto server = buskin::spawn(serve_later(where), {"server"});
  auto client = co_await connect_at_last(where, 10);
  const std::string greeting = co_await client.read_line();
  std::cout << "the server says " << greeting;
  server.cancel();
}

int main() { buskin::run(co_main()); }
