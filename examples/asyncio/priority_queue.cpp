// The most urgent job first; of equally urgent ones the one that came first. Newest first beside
// it.
#include <buskin/actors/lifo_queue.hpp>
#include <buskin/actors/priority_queue.hpp>
#include <buskin/buskin.hpp>

#include <iostream>
#include <string>

// [jobs]
struct job {
  int urgency;  // 1 before 2
  std::string name;
};
struct more_urgent {
  bool operator()(const job& a, const job& b) const { return a.urgency < b.urgency; }
};

buskin::task<void> co_main() {
  buskin::priority_queue<job, more_urgent> jobs;
  co_await jobs.put({2, "wash up"});
  co_await jobs.put({1, "put out the fire"});
  co_await jobs.put({2, "dry up"});
  co_await jobs.put({1, "call the neighbours"});
  while (auto next = jobs.try_get()) std::cout << next->urgency << ' ' << next->name << '\n';

  buskin::lifo_queue<std::string> pile;
  for (const auto* plate : {"bottom", "middle", "top"}) co_await pile.put(plate);
  while (auto plate = pile.try_get()) std::cout << *plate << '\n';
}
// [/jobs]

int main() { buskin::run(co_main()); }
