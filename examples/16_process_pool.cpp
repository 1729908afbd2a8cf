// Work for all processors, in worker processes of this same program: a long computation, and one
// that crashes, which harms nobody but itself.
#include <buskin/buskin.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

// [function]
/// How many primes there are from `first` on and below `end`.
int count_primes(int first, int end) {
  if (first > end) throw std::invalid_argument("the end is before the beginning");
  int count = 0;
  for (int n = std::max(first, 2); n < end; ++n) {
    bool prime = true;
    for (int d = 2; prime && d * d <= n; ++d) prime = n % d != 0;
    count += prime ? 1 : 0;
  }
  return count;
}
// [/function]

void crash() { std::abort(); }

// [gather]
buskin::task<int> count_all(buskin::process_pool pool) {
  std::vector<buskin::task<int>> parts;
  for (int first = 0; first != 400'000; first += 100'000)
    parts.push_back(pool.run<count_primes>(first, first + 100'000));
  int sum = 0;
  for (const int part : co_await buskin::gather(std::move(parts))) sum += part;
  co_return sum;
}
// [/gather]

// [failures]
buskin::task<void> survive(buskin::process_pool pool) {
  try {
    co_await pool.run<count_primes>(10, 5);
  } catch (const buskin::remote_error& error) {
    std::cout << error.type() << ": " << error.what() << '\n';
  }
  try {
    co_await pool.run<crash>();
  } catch (const buskin::worker_died& error) {
    std::cout << "a worker " << to_string(error.status()).substr(0, 17) << '\n';
  }
  std::cout << "and the pool goes on: " << co_await pool.run<count_primes>(0, 100) << '\n';
}
// [/failures]

// [main]
buskin::task<void> co_main() {
  const buskin::process_pool pool({.workers = 2});
  std::cout << co_await count_all(pool) << " primes\n";
  co_await survive(pool);
  co_await pool.shutdown();
}

}  // namespace

int main() {
  buskin::process_pool::work_if_worker();  // in a worker this does not return
  buskin::run(co_main());
}
// [/main]
