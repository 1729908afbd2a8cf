// Two processes of this host: requests and messages between their actors, and a queue between them.
//
// Ours are CAF's actors on our runtimes, source unchanged, one worker in each process, over our
// nodes; and tasks that put into a queue of the other process. Both as they come: nodes of one host
// speak over a Unix socket.
//
// The peers do the same over the loopback as they come: CAF's actors over its middleman, Erlang's
// processes over its distribution, Python's queues through their pipe or their manager. CAF's
// server is forked before there is any thread, and the client is this process; both have CAF's
// scheduler with one thread or with two, beside the thread of the middleman. Their processor time
// is measured too.
#include <support/comparison.hpp>
#include <support/peer_program.hpp>
#include <support/server_process.hpp>
#include <support/stage.hpp>

#include <buskin/actors/queue.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/node.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/atom.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/middleman.hpp>
#include <caf/send.hpp>

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <ctime>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using bench::contestant;
using bench::finish_line;
using bench::server_process;

constexpr std::size_t message_size = 64;
constexpr int in_flight = 100;

/// What is measured, how often it is done, and how much faster ours is to do it.
struct work {
  std::string name;
  int operations;
  double against_caf;
  double against_erlang;
};

const work one_request{"remote request, one at a time", 5000, 1.5, 0.8};
const work many_requests{"remote request, 100 in flight", 60'000, 1.2, 0.8};
const work one_way{"one-way message of 64 bytes to another process", 200'000, 1.2, 0.8};

/// A number goes from a process to another, by way of a queue of Python's.
struct queue_work {
  std::string peer;
  std::string python;  // in peers/multiprocessing/peer.py
  std::size_t items;
  double target;
};

const queue_work piped{"multiprocessing.Queue", "queue", 150'000, 1.5};
const queue_work managed{"multiprocessing.Manager().Queue()", "manager_queue", 8000, 10};

// -- both ends here ---------------------------------------------------------------------------

const std::vector<bench::measure> measures{
    {"time", "ns"}, {"processor time of the client", "ns"}, {"processor time of the server", "ns"}};

/// A client's way to the end. Whoever fails says why before it crosses the line.
struct course {
  finish_line line;
  std::string failure;  // written before the line is crossed
  std::function<void()> crossed{};
};

/// The processor time of this process, all threads, in nanoseconds.
double own_processor_time() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
}

/// What an operation costs, in all measures, when `run_course(course)` does so many and returns
/// after the line was crossed.
template <class RunCourse>
bench::sample measured(const server_process& server, int operations, RunCourse run_course) {
  course way;
  const double ours = own_processor_time(), servers = server.processor_time();
  const auto began = bench::steady::now();
  run_course(way);
  if (!way.failure.empty()) throw std::runtime_error(way.failure);
  return {way.line.cost(began, static_cast<std::size_t>(operations)),
          (own_processor_time() - ours) / operations,
          (server.processor_time() - servers) / operations};
}

// -- CAF --------------------------------------------------------------------------------------

namespace peer {

using start_atom = caf::atom_constant<caf::atom("start")>;
using arrived_atom = caf::atom_constant<caf::atom("arrived")>;

/// Answers numbers, and counts the messages that it need not answer.
class server final : public caf::event_based_actor {
 public:
  using event_based_actor::event_based_actor;
  caf::behavior make_behavior() override {
    return {[](int number) { return number + 1; }, [this](const std::string&) { ++arrived_; },
            [this](arrived_atom) { return std::exchange(arrived_, 0); }};
  }

 private:
  int arrived_ = 0;
};

/// What clients have in common: they end when their answers are complete or fail to come.
class client : public caf::event_based_actor {
 public:
  client(caf::actor_config& config, caf::actor server, int operations, course& way)
      : event_based_actor(config), server_(std::move(server)), operations_(operations), way_(way) {}

 protected:
  void finish(std::string failure = {}) {
    way_.failure = std::move(failure);
    way_.line.cross();
    if (way_.crossed) way_.crossed();
    quit();
  }
  void fail(const caf::error& why) { finish("CAF's server: " + system().render(why)); }

  const caf::actor server_;
  const int operations_;

 private:
  course& way_;
};

/// Asks with so many questions under way.
template <int UnderWay>
class asker final : public client {
 public:
  using client::client;
  caf::behavior make_behavior() override {
    return {[this](start_atom) {
      for (int i = 0; i != UnderWay; ++i) ask();
    }};
  }

 private:
  void ask() {
    request(server_, caf::infinite, ++asked_)
        .then([this](int) { answered(); }, [this](const caf::error& why) { fail(why); });
  }
  void answered() {
    if (++answered_ == operations_) return finish();
    if (asked_ != operations_) ask();
  }

  int asked_ = 0, answered_ = 0;
};

/// Sends, and asks at the end whether all has arrived.
class sender final : public client {
 public:
  using client::client;
  caf::behavior make_behavior() override {
    return {[this](start_atom) {
      for (int i = 0; i != operations_; ++i) send(server_, std::string(message_size, 'x'));
      request(server_, caf::infinite, arrived_atom::value)
          .then([this](int count) { finish(count == operations_ ? "" : "messages were lost"); },
                [this](const caf::error& why) { fail(why); });
    }};
  }
};

/// How CAF is set up, on both sides. By default an idle thread of its scheduler looks for work and
/// sleeps 50 us in between; where the threads share one queue it waits to be woken.
struct settings {
  std::string name;
  std::size_t threads;
  caf::atom_value policy;
};

const std::vector<settings> ways{
    {"CAF, work stealing, 1 thread", 1, caf::atom("stealing")},
    {"CAF, work stealing, 2 threads", 2, caf::atom("stealing")},
    {"CAF, work sharing, 1 thread", 1, caf::atom("sharing")},
    {"CAF, work sharing, 2 threads", 2, caf::atom("sharing")},
};

class system_config : public caf::actor_system_config {
 public:
  explicit system_config(const settings& how) {
    load<caf::io::middleman>();
    set("scheduler.max-threads", how.threads);
    set("scheduler.policy", how.policy);
  }
};

/// Until it is killed.
void serve(const settings& how, int tell) {
  system_config config(how);
  caf::actor_system system(config);
  const auto port = system.middleman().publish(system.spawn<server>(), 0, "127.0.0.1");
  if (!port) return;
  server_process::tell_port(tell, *port);
  for (;;) pause();
}

template <class Client>
bench::sample run(const settings& how, int operations) {
  const server_process server([&how](int tell) { serve(how, tell); });
  system_config config(how);
  caf::actor_system system(config);
  const auto remote = system.middleman().remote_actor("127.0.0.1", server.port());
  if (!remote) throw std::runtime_error("CAF's server: " + system.render(remote.error()));
  const auto times = [&](int count) {
    return measured(server, count, [&](course& way) {
      caf::anon_send(system.spawn<Client>(*remote, count, way), start_atom::value);
      way.line.wait();
    });
  };
  times(operations / 10);  // to warm up
  return times(operations);
}

}  // namespace peer

// -- ours -------------------------------------------------------------------------------------

namespace ours {

constexpr auto where = "unix:@buskin-bench-nodes";
constexpr int putters = 100;

buskin::runtime_options plain() {
  buskin::runtime_options options;
  options.signals = buskin::signal_handling::none;
  return options;
}

buskin::task<void> consume(buskin::queue<int> items) {
  for (;;) {
    (void)co_await items.get();
    items.task_done();
  }
}

buskin::task<void> serve(int tell) {
  const auto node = co_await buskin::node::listen({.name = "server", .address = where});
  node.publish("server", buskin::runtime::current().system().spawn<peer::server>());
  const buskin::queue<int> items(1000);
  node.publish("items", items);
  const auto consumer = buskin::spawn(consume(items));
  server_process::tell_port(tell, 1);
  co_await buskin::sleep(std::chrono::hours(24));
}

/// Until it is killed.
void serve_here(int tell) {
  buskin::runtime owner(plain());
  owner.run(serve(tell));
}

buskin::task<buskin::io::peer> reach_server() {
  const auto node = buskin::node::without_address({.name = "client"});
  co_return co_await node.connect(where);
}

template <class Client>
bench::sample run(int operations) {
  const server_process server(serve_here);
  buskin::runtime owner(plain());
  const auto there = owner.run_until_complete(reach_server());
  const auto remote = owner.run_until_complete(there.lookup("server"));
  const auto times = [&](int count) {
    return measured(server, count, [&](course& way) {
      way.crossed = [&owner] { owner.stop(); };
      caf::anon_send(owner.system().spawn<Client>(remote, count, way), peer::start_atom::value);
      owner.run_forever();
    });
  };
  times(operations / 10);  // to warm up
  return times(operations);
}

buskin::task<void> put(buskin::queue<int> items, std::size_t count) {
  for (std::size_t i = 0; i != count; ++i) co_await items.put(static_cast<int>(i));
}

buskin::task<double> put_all(buskin::queue<int> items, std::size_t count) {
  const auto began = bench::steady::now();
  std::vector<buskin::task_handle<void>> all;
  for (int i = 0; i != putters; ++i) all.push_back(buskin::spawn(put(items, count / putters)));
  for (const auto& each : all) co_await each;
  co_await items.join();
  co_return std::chrono::duration<double, std::nano>(bench::steady::now() - began).count() /
      static_cast<double>(count);
}

/// Nanoseconds for an item.
bench::sample pass(std::size_t count) {
  const server_process server(serve_here);
  buskin::runtime owner(plain());
  const auto there = owner.run_until_complete(reach_server());
  const auto items = owner.run_until_complete(there.lookup<buskin::queue<int>>("items"));
  owner.run_until_complete(put_all(items, count / 10));  // to warm up
  return {owner.run_until_complete(put_all(items, count))};
}

}  // namespace ours

template <class Client>
void add_against_caf(bench::suite& all, const work& what) {
  std::vector<contestant> peers;
  for (const auto& how : peer::ways)
    peers.push_back(
        {how.name, [&how, count = what.operations] { return peer::run<Client>(how, count); }});
  all.add({what.name + ", against CAF",
           {{"buskin::node, the same actors",
             [count = what.operations] { return ours::run<Client>(count); },
             {what.against_caf, 0, 0}}},
           std::move(peers),
           measures});
}

// -- other languages --------------------------------------------------------------------------

struct erlang_style {
  std::string name;
  std::string work;  // in peers/erlang/remote_peer.erl
};

template <class Client>
void add_against_erlang(bench::suite& all, const work& what,
                        const std::vector<erlang_style>& styles) {
  std::vector<contestant> peers;
  for (const auto& style : styles)
    for (const int schedulers : {1, 2})
      if (auto nodes = bench::peer_program::erlang_nodes(
              style.name + (schedulers == 1 ? ", 1 scheduler" : ", 2 schedulers"), schedulers,
              style.work, static_cast<std::size_t>(what.operations)))
        peers.push_back(*std::move(nodes));
  if (peers.empty()) return;
  all.add({what.name + ", against Erlang",
           {{"buskin::node, CAF's actors",
             [count = what.operations] { return bench::sample{ours::run<Client>(count).front()}; },
             {what.against_erlang}}},
           std::move(peers)});
}

void add_queue(bench::suite& all, const queue_work& what) {
  if (const auto queues = bench::peer_program::python_queues())
    all.add({"remote queue, put and get of a number, against " + what.peer,
             {{"buskin::queue at a node, 100 tasks put",
               [count = what.items] { return ours::pass(count); },
               {what.target}}},
             {queues->doing(what.peer, what.python, what.items)}});
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite all("nodes", argc, argv);
  add_against_caf<peer::asker<1>>(all, one_request);
  add_against_erlang<peer::asker<1>>(all, one_request, {{"Erlang nodes", "remote_ask"}});
  add_against_caf<peer::asker<in_flight>>(all, many_requests);
  add_against_erlang<peer::asker<in_flight>>(all, many_requests,
                                             {{"Erlang nodes, 100 ask", "remote_ask_hundred"},
                                              {"Erlang nodes, one asks", "remote_ask_by_one"}});
  add_against_caf<peer::sender>(all, one_way);
  add_against_erlang<peer::sender>(all, one_way, {{"Erlang nodes", "remote_send"}});
  add_queue(all, piped);
  add_queue(all, managed);
  return all.run();
}
