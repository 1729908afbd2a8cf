// A user's program: proves that buskin is found, compiles, links and runs from outside.
#include <buskin/buskin.hpp>

#include <chrono>

namespace {

using namespace std::chrono_literals;

buskin::task<int> answer() {
  co_await buskin::sleep(1ms);
  co_return 42;
}

buskin::task<int> co_main() {
  auto [client, server] = buskin::io::memory_stream();
  co_await client.write("ping");
  const std::string heard = co_await server.read_exactly(4);
  const int value = co_await buskin::spawn(answer(), {"answer"});
  co_return value == 42 && heard == "ping" ? 0 : 1;
}

}  // namespace

int main() { return buskin::run(co_main()); }
