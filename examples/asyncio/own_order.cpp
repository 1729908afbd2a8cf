// Who runs next: a race found by a seed and repeated by it, and an order of one's own.
#include <buskin/buskin.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/scheduling_order.hpp>

#include <iostream>
#include <set>

// [race]
buskin::task<void> withdraw(int& balance, int amount) {
  if (balance < amount) co_return;
  co_await buskin::yield();  // the balance may be another one now
  balance -= amount;
}

buskin::task<int> two_customers() {
  int balance = 100;
  co_await buskin::gather(withdraw(balance, 80), withdraw(balance, 80));
  co_return balance;
}

int with_seed(std::uint64_t seed) { return buskin::run(two_customers(), {.seed = seed}); }
// [/race]

// [order]
/// The youngest first: whoever became ready last runs next.
class youngest_first final : public buskin::scheduling_order {
 public:
  std::size_t next(const buskin::ready_jobs& ready) noexcept override { return ready.size() - 1; }
};
// [/order]

buskin::task<void> say(std::string name) {
  std::cout << name << '\n';
  co_return;
}

buskin::task<void> talk() { co_await buskin::gather(say("first"), say("second"), say("third")); }

int main() {
  std::set<int> balances;
  bool repeatable = true;
  for (std::uint64_t seed = 0; seed != 20; ++seed) {
    balances.insert(with_seed(seed));
    repeatable = repeatable && with_seed(seed) == with_seed(seed);
  }
  for (const int balance : balances) std::cout << "balance " << balance << '\n';
  std::cout << (repeatable ? "each seed again the same\n" : "seeds differ\n");

  buskin::run(talk(), {.order = std::make_shared<youngest_first>()});
}
