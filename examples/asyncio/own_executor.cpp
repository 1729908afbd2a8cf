// asyncio's run_in_executor: a pool with its own rules, and an executor of one's own.
#include <buskin/buskin.hpp>
#include <buskin/runtime/run_on.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/thread_pool.hpp>
#include <buskin/runtime/to_thread.hpp>

#include <iostream>

// [executor]
/// Runs jobs when somebody calls `turn`: what a GUI's event queue would do.
class stage_hands {
 public:
  void execute(buskin::job work) { jobs_.push_back(std::move(work)); }
  void turn() {
    for (const auto& work : std::exchange(jobs_, {})) work();
  }

 private:
  std::vector<buskin::job> jobs_;
};
static_assert(buskin::executor<stage_hands>);
// [/executor]

buskin::task<void> co_main() {
  // [pool]
  // One thread for a library that wants to be called from one only; nobody queues up behind a job.
  buskin::thread_pool database(
      {.name = "database", .threads = 1, .capacity = 0, .full = buskin::when_full::refuse});
  std::cout << "answer " << co_await buskin::run_on(database, [] { return 42; }) << '\n';

  co_await buskin::run_on(database, [&database] {
    try {
      database.execute([] {});
    } catch (const buskin::executor_full&) {
      std::cout << "one at a time\n";
    }
  });
  // [/pool]

  stage_hands hands;
  auto waiting = buskin::spawn([](stage_hands& hands) -> buskin::task<void> {
    co_await buskin::run_on(hands, [] { std::cout << "the curtain rises\n"; });
  }(hands));
  co_await buskin::yield();
  hands.turn();
  co_await waiting;

  // [default]
  buskin::runtime::current().set_default_executor(
      std::make_shared<buskin::thread_pool>(buskin::thread_pool_options{.name = "mine"}));
  co_await buskin::to_thread([] { std::cout << "on a pool of mine\n"; });
  // [/default]
}

int main() { buskin::run(co_main()); }
