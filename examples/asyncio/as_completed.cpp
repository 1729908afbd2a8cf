// Results in the order in which they come, and whose they are.
#include <buskin/actors/as_completed.hpp>
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;

buskin::task<std::string> fetch(std::string what, buskin::duration delay) {
  co_await buskin::sleep(delay);
  if (what == "broken") throw std::runtime_error("no such page");
  co_return "content of " + what;
}

buskin::task<void> co_main() {
  // [as_completed]
  std::vector<buskin::task<std::string>> fetches;
  fetches.push_back(fetch("slow", 3s));
  fetches.push_back(fetch("broken", 2s));
  fetches.push_back(fetch("quick", 1s));

  auto pages = buskin::as_completed(std::move(fetches), 10s);
  while (auto page = co_await pages.next()) {
    try {
      std::cout << page->index << ": " << page->result() << '\n';
    } catch (const std::runtime_error& failure) {
      std::cout << page->index << " failed: " << failure.what() << '\n';
    }
  }
  // [/as_completed]
}

int main() { buskin::run(co_main()); }
