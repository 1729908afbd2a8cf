// Six downloads, two at a time.
#include <buskin/buskin.hpp>

#include <chrono>
#include <iostream>

using namespace std::chrono_literals;

// [semaphore]
buskin::task<void> download(int number, buskin::semaphore slots) {
  const auto slot = co_await slots.hold();
  std::cout << "begins " << number << '\n';
  co_await buskin::sleep(1s);
  std::cout << "ends " << number << '\n';
}

buskin::task<void> co_main() {
  buskin::semaphore slots(2);
  auto& loop = buskin::runtime::current();
  const auto start = loop.now();
  co_await buskin::gather(download(1, slots), download(2, slots), download(3, slots),
                          download(4, slots), download(5, slots), download(6, slots));
  std::cout << std::chrono::round<std::chrono::seconds>(loop.now() - start).count() << " s, "
            << to_string(slots) << '\n';
}
// [/semaphore]

int main() { buskin::run(co_main()); }
