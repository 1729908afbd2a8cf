// What a message costs: ping-pong, request and response, spawning and ending, many senders and one receiver.
//
// Ours: lean actors, the friendlier forms above them (behavior_actor, a task that asks), and CAF's own actors on our
// scheduler; all on a cooperative runtime. The peer: CAF's event-based actors on CAF's scheduler, with one and with two
// threads, the better one counts. CAF's side is the same source in both places, written as classes with handlers set once,
// plain sends, and the next request sent from within the answer's handler.
#include <support/comparison.hpp>
#include <support/stage.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/send.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/sleep.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using bench::finish_line;

constexpr int round_trips = 300'000;
constexpr int requests = 200'000;
constexpr int spawns = 100'000;
constexpr int spawns_a_turn = 500;
constexpr int senders = 16;
constexpr int messages_each = 40'000;
constexpr int credit = 100;  // messages a sender may have under way

using start_atom = caf::atom_constant<caf::atom("start")>;
using credit_atom = caf::atom_constant<caf::atom("credit")>;

void end(const caf::actor& whom) { caf::anon_send_exit(whom, caf::exit_reason::user_shutdown); }

/// The int that a message is; -1 if it is something else.
int number_in(caf::mailbox_element& element) {
  auto& content = element.content();
  return content.match_elements<int>() ? content.get_as<int>(0) : -1;
}

/// Spawns an actor of either kind from outside.
template <class T, class... Args>
caf::actor start(caf::actor_system& system, Args&&... args) {
  if constexpr (std::is_base_of_v<buskin::lean_actor, T>)
    return buskin::spawn_actor<T>(system, std::forward<Args>(args)...);
  else
    return system.spawn<T>(std::forward<Args>(args)...);
}

// -- ping-pong --------------------------------------------------------------------------------

namespace lean {

class pong final : public buskin::lean_actor {
 public:
  using lean_actor::lean_actor;

 protected:
  void on_message(caf::mailbox_element_ptr& element) override {
    buskin::send(element->sender, number_in(*element) + 1);
  }
};

class ping final : public buskin::lean_actor {
 public:
  ping(caf::actor_config& config, caf::actor partner, finish_line& line)
      : lean_actor(config), partner_(std::move(partner)), line_(line) {}

 protected:
  void on_message(caf::mailbox_element_ptr& element) override {
    const int number = number_in(*element);
    if (number < round_trips) {
      buskin::send(partner_, number);
    } else {
      line_.cross();
      end(partner_);
      quit();
    }
  }

 private:
  caf::actor partner_;
  finish_line& line_;
};

}  // namespace lean

namespace handlers {

class pong final : public buskin::behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override {
    return {[this](int number) { buskin::send(current_sender(), number + 1); }};
  }
};

class ping final : public buskin::behavior_actor {
 public:
  ping(caf::actor_config& config, caf::actor partner, finish_line& line)
      : behavior_actor(config), partner_(std::move(partner)), line_(line) {}

 protected:
  caf::behavior make_behavior() override {
    return {[this](int number) {
      if (number < round_trips) {
        buskin::send(partner_, number);
      } else {
        line_.cross();
        end(partner_);
        quit();
      }
    }};
  }

 private:
  caf::actor partner_;
  finish_line& line_;
};

}  // namespace handlers

namespace peer {

class pong final : public caf::event_based_actor {
 public:
  using event_based_actor::event_based_actor;
  caf::behavior make_behavior() override {
    return {[this](int number) { send(caf::actor_cast<caf::actor>(current_sender()), number + 1); }};
  }
};

class ping final : public caf::event_based_actor {
 public:
  ping(caf::actor_config& config, caf::actor partner, finish_line& line)
      : event_based_actor(config), partner_(std::move(partner)), line_(line) {}
  caf::behavior make_behavior() override {
    return {[this](int number) {
      if (number < round_trips) {
        send(partner_, number);
      } else {
        line_.cross();
        end(partner_);
        quit();
      }
    }};
  }

 private:
  caf::actor partner_;
  finish_line& line_;
};

}  // namespace peer

template <class Ping, class Pong>
void ping_pong(caf::actor_system& system, finish_line& line) {
  auto partner = start<Pong>(system);
  caf::anon_send(start<Ping>(system, partner, line), 0);
}

// -- request and response ---------------------------------------------------------------------

namespace lean {

class responder final : public buskin::lean_actor {
 public:
  using lean_actor::lean_actor;

 protected:
  void on_message(caf::mailbox_element_ptr& element) override {
    respond(*element, caf::make_message(number_in(*element) + 1));
  }
};

/// Asks without a coroutine: registers for the answer and sends.
class requester final : public buskin::lean_actor, private buskin::detail::reply_slot {
 public:
  requester(caf::actor_config& config, caf::actor partner, finish_line& line)
      : lean_actor(config), partner_(std::move(partner)), line_(line) {}

 protected:
  void on_message(caf::mailbox_element_ptr&) override { request(0); }

 private:
  void request(int number) {
    const auto id = new_request_id(caf::message_priority::normal);
    await_reply(id.integer_value(), *this);
    caf::actor_cast<caf::abstract_actor*>(partner_)->enqueue(
        buskin::detail::make_element(caf::strong_actor_ptr(ctrl()), id, number), context());
  }
  void reply(caf::message answer) override {
    const int number = answer.get_as<int>(0);
    if (number < requests) return request(number);
    line_.cross();
    end(partner_);
    quit();
  }

  caf::actor partner_;
  finish_line& line_;
};

}  // namespace lean

namespace handlers {

class responder final : public buskin::behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override {
    return {[](int number) { return number + 1; }};
  }
};

}  // namespace handlers

buskin::task<void> ask_repeatedly(caf::actor partner, finish_line& line) {
  int number = 0;
  while (number < requests) number = co_await buskin::ask<int>(partner, buskin::infinite, number);
  line.cross();
  end(partner);
}

namespace peer {

class responder final : public caf::event_based_actor {
 public:
  using event_based_actor::event_based_actor;
  caf::behavior make_behavior() override {
    return {[](int number) { return number + 1; }};
  }
};

class requester final : public caf::event_based_actor {
 public:
  requester(caf::actor_config& config, caf::actor partner, finish_line& line)
      : event_based_actor(config), partner_(std::move(partner)), line_(line) {}
  caf::behavior make_behavior() override {
    return {[this](int number) { ask(number); }};
  }

 private:
  void ask(int number) {
    request(partner_, caf::infinite, number).then([this](int answer) {
      if (answer < requests) return ask(answer);
      line_.cross();
      end(partner_);
      quit();
    });
  }

  caf::actor partner_;
  finish_line& line_;
};

}  // namespace peer

template <class Requester, class Responder>
void request_response(caf::actor_system& system, finish_line& line) {
  auto partner = start<Responder>(system);
  caf::anon_send(start<Requester>(system, partner, line), 0);
}

template <class Responder>
void request_response_from_task(buskin::runtime& owner, finish_line& line) {
  buskin::spawn(owner, ask_repeatedly(start<Responder>(owner.system()), line));
}

// -- spawn and end ----------------------------------------------------------------------------

/// The children that have not run yet; the last one crosses the line.
struct generation {
  std::atomic<int> left{spawns};
  finish_line& line;
  void one_less() {
    if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) line.cross();
  }
};

namespace lean {

class child final : public buskin::lean_actor {
 public:
  child(caf::actor_config& config, generation& all) : lean_actor(config), all_(all) {}

 protected:
  void on_start() override {
    all_.one_less();
    quit();
  }
  void on_message(caf::mailbox_element_ptr&) override {}

 private:
  generation& all_;
};

}  // namespace lean

namespace handlers {

class child final : public buskin::behavior_actor {
 public:
  child(caf::actor_config& config, generation& all) : behavior_actor(config), all_(all) {}

 protected:
  caf::behavior make_behavior() override {
    all_.one_less();
    return {};
  }

 private:
  generation& all_;
};

}  // namespace handlers

namespace peer {

class child final : public caf::event_based_actor {
 public:
  child(caf::actor_config& config, generation& all) : event_based_actor(config), all_(all) {}
  caf::behavior make_behavior() override {
    all_.one_less();
    return {};
  }

 private:
  generation& all_;
};

}  // namespace peer

/// Spawns all children, some a turn, and ends. A CAF actor everywhere: its few turns do not count.
template <class Child>
class spawner final : public caf::event_based_actor {
 public:
  spawner(caf::actor_config& config, generation& all) : event_based_actor(config), all_(all) {}
  caf::behavior make_behavior() override {
    return {[this](int spawned) {
      for (int i = 0; i != spawns_a_turn; ++i) one();
      spawned += spawns_a_turn;
      if (spawned < spawns) send(this, spawned);
    }};
  }

 private:
  void one() {
    if constexpr (std::is_base_of_v<buskin::lean_actor, Child>)
      buskin::spawn_actor<Child>(system(), all_);
    else
      spawn<Child>(all_);
  }
  generation& all_;
};

buskin::task<void> empty_task(generation& all) {
  all.one_less();
  co_return;
}

buskin::task<void> spawn_tasks(generation& all) {
  for (int spawned = 0; spawned < spawns; spawned += spawns_a_turn) {
    for (int i = 0; i != spawns_a_turn; ++i) buskin::spawn(empty_task(all));
    co_await buskin::yield();
  }
}

// -- many to one ------------------------------------------------------------------------------

/// What has come from each sender; says when one may go on and when all is done.
class tally {
 public:
  explicit tally(finish_line& line) : line_(line) {}
  /// True when this sender is to be given new credit.
  bool count(int sender) {
    if (++total_ == senders * messages_each) line_.cross();
    return ++seen_[static_cast<std::size_t>(sender)] % credit == 0;
  }
  bool complete() const noexcept { return total_ == senders * messages_each; }

 private:
  finish_line& line_;
  std::array<int, senders> seen_{};
  int total_ = 0;
};

namespace lean {

class receiver final : public buskin::lean_actor {
 public:
  receiver(caf::actor_config& config, finish_line& line) : lean_actor(config), tally_(line) {}

 protected:
  void on_message(caf::mailbox_element_ptr& element) override {
    if (tally_.count(number_in(*element))) buskin::send(element->sender, credit_atom::value);
    if (tally_.complete()) quit();
  }

 private:
  tally tally_;
};

class sender final : public buskin::lean_actor {
 public:
  sender(caf::actor_config& config, caf::actor to, int number) : lean_actor(config), to_(std::move(to)), number_(number) {}

 protected:
  void on_message(caf::mailbox_element_ptr&) override {
    for (int i = 0; i != credit; ++i) buskin::send(to_, number_);
    if ((sent_ += credit) == messages_each) quit();
  }

 private:
  caf::actor to_;
  int number_;
  int sent_ = 0;
};

}  // namespace lean

namespace handlers {

class receiver final : public buskin::behavior_actor {
 public:
  receiver(caf::actor_config& config, finish_line& line) : behavior_actor(config), tally_(line) {}

 protected:
  caf::behavior make_behavior() override {
    return {[this](int number) {
      if (tally_.count(number)) buskin::send(current_sender(), credit_atom::value);
      if (tally_.complete()) quit();
    }};
  }

 private:
  tally tally_;
};

class sender final : public buskin::behavior_actor {
 public:
  sender(caf::actor_config& config, caf::actor to, int number)
      : behavior_actor(config), to_(std::move(to)), number_(number) {}

 protected:
  caf::behavior make_behavior() override {
    return {[this](credit_atom) {
      for (int i = 0; i != credit; ++i) buskin::send(to_, number_);
      if ((sent_ += credit) == messages_each) quit();
    }};
  }

 private:
  caf::actor to_;
  int number_;
  int sent_ = 0;
};

}  // namespace handlers

namespace peer {

class receiver final : public caf::event_based_actor {
 public:
  receiver(caf::actor_config& config, finish_line& line) : event_based_actor(config), tally_(line) {}
  caf::behavior make_behavior() override {
    return {[this](int number) {
      if (tally_.count(number)) send(caf::actor_cast<caf::actor>(current_sender()), credit_atom::value);
      if (tally_.complete()) quit();
    }};
  }

 private:
  tally tally_;
};

class sender final : public caf::event_based_actor {
 public:
  sender(caf::actor_config& config, caf::actor to, int number)
      : event_based_actor(config), to_(std::move(to)), number_(number) {}
  caf::behavior make_behavior() override {
    return {[this](credit_atom) {
      for (int i = 0; i != credit; ++i) send(to_, number_);
      if ((sent_ += credit) == messages_each) quit();
    }};
  }

 private:
  caf::actor to_;
  int number_;
  int sent_ = 0;
};

}  // namespace peer

template <class Receiver, class Sender>
void many_to_one(caf::actor_system& system, finish_line& line) {
  auto to = start<Receiver>(system, line);
  for (int i = 0; i != senders; ++i) caf::anon_send(start<Sender>(system, to, i), credit_atom::value);
}

// -- the table --------------------------------------------------------------------------------

/// Ours: work for an actor system, on our scheduler.
template <class Work>
bench::contestant ours(std::string name, std::size_t operations, Work work, double target = 0) {
  return {std::move(name),
          [=] {
            return bench::sample{bench::on_buskin(
                operations, [&](buskin::runtime& owner, finish_line& line) { work(owner.system(), line); })};
          },
          {target}};
}

/// The peer: the same work on CAF's scheduler, with one thread and with two.
template <class Work>
std::vector<bench::contestant> peers(std::size_t operations, Work work) {
  std::vector<bench::contestant> both;
  for (const std::size_t threads : {1U, 2U})
    both.push_back({"CAF, " + std::to_string(threads) + (threads == 1 ? " thread" : " threads"),
                    [=] { return bench::sample{bench::on_caf(threads, operations, work)}; }});
  return both;
}

/// Spawning needs a count that lives as long as the system does.
template <class Child>
void spawn_work(caf::actor_system& system, finish_line& line, std::shared_ptr<generation>& keep) {
  keep = std::make_shared<generation>(spawns, line);
  caf::anon_send(system.spawn<spawner<Child>>(*keep), 0);
}

constexpr auto caf_on_ours = "CAF's event_based_actor on our scheduler";

}  // namespace

int main(int argc, char** argv) {
  bench::suite all("messages", argc, argv);

  all.add({"ping-pong, a round trip",
           {ours("lean_actor", round_trips, ping_pong<lean::ping, lean::pong>, 3.5),
            ours(caf_on_ours, round_trips, ping_pong<peer::ping, peer::pong>, 1.7),
            ours("behavior_actor", round_trips, ping_pong<handlers::ping, handlers::pong>)},
           peers(round_trips, ping_pong<peer::ping, peer::pong>)});

  const auto from_task = [](auto work) {
    return [work] { return bench::sample{bench::on_buskin(requests, work)}; };
  };
  all.add({"request and response",
           {ours("lean_actor", requests, request_response<lean::requester, lean::responder>, 3),
            ours(caf_on_ours, requests, request_response<peer::requester, peer::responder>, 1.3),
            {"a task asks a lean_actor", from_task(request_response_from_task<lean::responder>), {}},
            {"a task asks a behavior_actor", from_task(request_response_from_task<handlers::responder>), {}}},
           peers(requests, request_response<peer::requester, peer::responder>)});

  std::shared_ptr<generation> keep;
  const auto spawning = [&keep](auto work) {
    return [&keep, work](caf::actor_system& system, finish_line& line) { work(system, line, keep); };
  };
  all.add({"spawn and end",
           {ours("lean_actor", spawns, spawning(spawn_work<lean::child>), 2),
            ours(caf_on_ours, spawns, spawning(spawn_work<peer::child>), 1.2),
            ours("behavior_actor", spawns, spawning(spawn_work<handlers::child>)),
            {"task",
             [&keep] {
               return bench::sample{bench::on_buskin(spawns, [&keep](buskin::runtime& owner, finish_line& line) {
                 keep = std::make_shared<generation>(spawns, line);
                 buskin::spawn(owner, spawn_tasks(*keep));
               })};
             },
             {}}},
           peers(spawns, spawning(spawn_work<peer::child>))});

  constexpr std::size_t messages = senders * messages_each;
  all.add({"many to one (16 to 1), a message",
           {ours("lean_actor", messages, many_to_one<lean::receiver, lean::sender>, 2),
            ours(caf_on_ours, messages, many_to_one<peer::receiver, peer::sender>, 1.2),
            ours("behavior_actor", messages, many_to_one<handlers::receiver, handlers::sender>)},
           peers(messages, many_to_one<peer::receiver, peer::sender>)});

  return all.run();
}
