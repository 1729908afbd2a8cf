// asyncio's contextvars: each request knows whose it is, without being told in every call.
#include <buskin/buskin.hpp>
#include <buskin/runtime/local.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/to_thread.hpp>

#include <iostream>

using namespace std::chrono_literals;

// [local]
buskin::local<std::string> client("client", "nobody");

void log(const std::string& text) { std::cout << client.get() << ": " << text << '\n'; }

buskin::task<void> look_up() {
  co_await buskin::sleep(1s);
  co_await buskin::to_thread([] { log("found it in the archive"); });
}

buskin::task<void> handle(std::string name, std::chrono::milliseconds start) {
  co_await buskin::sleep(start);
  client.set(name);
  log("asks");
  co_await buskin::spawn(look_up());  // a child starts with our values
  buskin::runtime::current().call_soon([] { log("goes"); });
}
// [/local]

buskin::task<void> co_main() {
  co_await buskin::gather(handle("ada", 0ms), handle("grace", 100ms));
  co_await buskin::sleep(1s);
  log("closes");

  // [scope]
  {
    const auto as_admin = client.with("admin");
    log("opens again");
  }
  log("is here");
  // [/scope]
}

int main() { buskin::run(co_main()); }
