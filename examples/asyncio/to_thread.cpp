// asyncio's to_thread: a blocking function runs on a thread while tasks go on.
#include <buskin/buskin.hpp>
#include <buskin/runtime/to_thread.hpp>

#include <fstream>
#include <iostream>
#include <stop_token>
#include <thread>

using namespace std::chrono_literals;

// [blocking]
/// Blocks: reading a file, a database without an asynchronous interface, a long computation.
std::size_t count_words(const std::string& text, std::chrono::milliseconds effort) {
  std::this_thread::sleep_for(effort);
  std::size_t words = 0;
  std::istringstream in(text);
  for (std::string word; in >> word;) ++words;
  return words;
}

buskin::task<void> report(std::string text, std::chrono::milliseconds effort) {
  const auto words = co_await buskin::to_thread(count_words, text, effort);
  std::cout << "\"" << text << "\" has " << words << " words\n";
}
// [/blocking]

// [stop]
buskin::task<void> search() {
  co_await buskin::to_thread([](std::stop_token stop) {
    while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);  // a step of the search
  });
}
// [/stop]

buskin::task<void> co_main() {
  co_await buskin::gather(report("to be or not to be", 10ms),
                          report("exit, pursued by a bear", 200ms));

  try {
    co_await buskin::to_thread([] { throw std::runtime_error("the disk is on fire"); });
  } catch (const std::runtime_error& error) {
    std::cout << "failed: " << error.what() << '\n';
  }

  auto searching = buskin::spawn(search(), {"search"});
  co_await buskin::sleep(10ms);
  searching.cancel();  // the thread is asked to stop; nobody waits for it any more
  try {
    co_await searching;
  } catch (const buskin::cancelled&) {
    std::cout << "search called off\n";
  }
}

int main() { buskin::run(co_main()); }
