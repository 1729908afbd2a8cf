// The first to end wins; and candidates that are started one after the other.
#include <buskin/actors/race.hpp>
#include <buskin/actors/staggered.hpp>
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;

buskin::task<std::string> ask(std::string server, buskin::duration delay, bool up = true) {
  try {
    co_await buskin::sleep(delay);
  } catch (const buskin::cancelled&) {
    std::cout << server << " is not needed\n";
    throw;
  }
  if (!up) throw std::runtime_error(server + " is down");
  co_return "answer of " + server;
}

buskin::task<void> co_main() {
  // [race]
  auto first = co_await buskin::race(ask("north", 3s), ask("south", 1s), ask("west", 2s));
  std::cout << first.index << ": " << first.value << '\n';
  // [/race]

  // [staggered]
  std::vector<buskin::task<std::string>> servers;
  servers.push_back(ask("old", 1h));
  servers.push_back(ask("dead", 100ms, false));
  servers.push_back(ask("new", 200ms));
  servers.push_back(ask("spare", 1s));

  auto won = co_await buskin::staggered(250ms, std::move(servers));
  if (won.value) std::cout << *won.value << '\n';
  for (const auto& error : won.errors)
    std::cout << (error ? buskin::describe(error) : "won") << '\n';
  // [/staggered]
}

int main() { buskin::run(co_main()); }
