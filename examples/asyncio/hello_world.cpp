// asyncio's first program: print, wait a second, print.
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;

buskin::task<void> co_main() {
  std::cout << "Hello ...\n";
  co_await buskin::sleep(1s);
  std::cout << "... World!\n";
}

int main() { buskin::run(co_main()); }
