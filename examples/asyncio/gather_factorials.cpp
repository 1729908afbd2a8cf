// Three computations at the same time, their results in the order of the arguments.
#include <buskin/buskin.hpp>

#include <iostream>

using namespace std::chrono_literals;

// [gather]
buskin::task<int> factorial(std::string name, int number) {
  int product = 1;
  for (int i = 2; i <= number; ++i) {
    std::cout << "Task " << name << ": Compute factorial(" << number << "), currently i=" << i
              << "...\n";
    co_await buskin::sleep(1s);
    product *= i;
  }
  std::cout << "Task " << name << ": factorial(" << number << ") = " << product << '\n';
  co_return product;
}

buskin::task<void> co_main() {
  auto [a, b, c] = co_await buskin::gather(factorial("A", 2), factorial("B", 3), factorial("C", 4));
  std::cout << a << ' ' << b << ' ' << c << '\n';
}
// [/gather]

int main() { buskin::run(co_main()); }
