// A line server and its client: a coroutine for each connection, inside the connection's actor.
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;
using buskin::io::connection, buskin::io::framed, buskin::io::line_codec;

// [serve]
buskin::task<void> greet(connection client) {
  framed<line_codec> lines(client);
  while (auto name = co_await lines.next()) co_await lines.write("hello " + *name);
}
// [/serve]

buskin::task<int> co_main() {
  auto server = co_await buskin::io::serve("127.0.0.1:0", greet);

  // [connect]
  framed<line_codec> lines(co_await buskin::io::connect(server.local().to_string()));
  for (const char* name : {"Ada", "Grace"}) {
    co_await lines.write(name);
    std::cout << (co_await lines.next()).value() << '\n';
  }
  // [/connect]
  co_return 0;  // the server and its clients end with the program
}

int main() { return buskin::run(co_main()); }
