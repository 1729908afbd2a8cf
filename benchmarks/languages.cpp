// A number goes to and fro: between actors and between tasks here, between processes in Erlang,
// between goroutines in Go.
//
// Ours run on a cooperative runtime. Erlang with one scheduler and with two, Go with one thread and
// with two: the better counts. Go's channels with room for one item and without any: the better.
#include <support/comparison.hpp>
#include <support/peer_program.hpp>
#include <support/ping_pong.hpp>
#include <support/stage.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/queue.hpp>
#include <buskin/actors/receive.hpp>
#include <buskin/actors/task_handle.hpp>

#include <string>
#include <utility>
#include <vector>

namespace {

using bench::finish_line;

constexpr int round_trips = 300'000;

/// Ours: work for a runtime.
template <class Work>
bench::contestant ours(std::string name, Work work, double target = 0) {
  return {std::move(name),
          [=] { return bench::sample{bench::on_buskin(round_trips, work)}; },
          {target}};
}

void message_ping_pong(buskin::runtime& owner, finish_line& line) {
  bench::ping_pong<bench::lean_ping, bench::lean_pong>(round_trips)(owner.system(), line);
}

// -- requests ---------------------------------------------------------------------------------

/// Ends when it is told to by an exit message.
buskin::task<void> serve() {
  for (;;) co_await buskin::receive([](int number) { return number + 1; });
}

class lean_server final : public buskin::lean_actor {
 public:
  using lean_actor::lean_actor;

 protected:
  void on_message(caf::mailbox_element_ptr& element) override {
    respond_with(*element, bench::number_in(*element) + 1);
  }
};

buskin::task<void> ask_repeatedly(caf::actor server, finish_line& line) {
  int number = 0;
  while (number < round_trips) number = co_await buskin::ask<int>(server, buskin::infinite, number);
  line.cross();
  bench::end(server);
}

void task_asks_task(buskin::runtime& owner, finish_line& line) {
  buskin::spawn(owner, ask_repeatedly(buskin::spawn(owner, serve()).actor(), line));
}

void task_asks_lean_actor(buskin::runtime& owner, finish_line& line) {
  buskin::spawn(owner, ask_repeatedly(bench::start<lean_server>(owner.system()), line));
}

// -- queues -----------------------------------------------------------------------------------

buskin::task<void> pong(buskin::queue<int> there, buskin::queue<int> back) {
  for (int number = 0; number < round_trips;) {
    number = co_await there.get() + 1;
    co_await back.put(number);
  }
}

buskin::task<void> ping(buskin::queue<int> there, buskin::queue<int> back, finish_line& line) {
  for (int number = 0; number < round_trips;) {
    co_await there.put(number);
    number = co_await back.get();
  }
  line.cross();
}

auto queue_ping_pong(std::size_t capacity) {
  return [capacity](buskin::runtime& owner, finish_line& line) {
    const buskin::queue<int> there(owner.system(), capacity), back(owner.system(), capacity);
    buskin::spawn(owner, pong(there, back));
    buskin::spawn(owner, ping(there, back, line));
  };
}

std::vector<bench::contestant> channels() {
  std::vector<bench::contestant> peers;
  bench::add_go(peers, "goroutines, channels without room", "unbuffered", round_trips);
  bench::add_go(peers, "goroutines, channels with room for one", "buffered", round_trips);
  return peers;
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite all("languages", argc, argv);

  bench::comparison messages{"message ping-pong against Erlang, a round trip",
                             {ours("lean_actor", message_ping_pong, 3)},
                             {}};
  bench::add_erlang(messages.peers, "Erlang processes", "ping_pong", round_trips);
  all.add(std::move(messages));

  bench::comparison requests{"ask against Erlang, a round trip",
                             {ours("a task asks a task", task_asks_task, 2),
                              ours("a task asks a lean_actor", task_asks_lean_actor, 2)},
                             {}};
  bench::add_erlang(requests.peers, "Erlang processes, reference", "ask", round_trips);
  all.add(std::move(requests));

  all.add({"message ping-pong against Go, a round trip",
           {ours("lean_actor", message_ping_pong, 1.5)},
           channels()});

  all.add({"queue ping-pong between two tasks against Go, a round trip",
           {ours("tasks, queues with room for one", queue_ping_pong(1), 1),
            ours("tasks, unbounded queues", queue_ping_pong(0), 1)},
           channels()});

  return all.run();
}
