// What a message costs: ping-pong, request and response, spawning and ending, many senders and one
// receiver.
//
// Ours: lean actors, the friendlier forms above them (behavior_actor, a task that asks), and CAF's
// own actors on our scheduler; all on a cooperative runtime. The peer: CAF's event-based actors on
// CAF's scheduler, with one and with two threads, the better one counts. CAF's side is the same
// source in both places, written as classes with handlers set once, plain sends, and the next
// request sent from within the answer's handler. The file is long because each piece of work stands
// here three times, in the three ways to write an actor.
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
constexpr int brood = 500;
constexpr int senders = 16;
constexpr int messages_each = 40'000;

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
    return {
        [this](int number) { send(caf::actor_cast<caf::actor>(current_sender()), number + 1); }};
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
    respond_with(*element, number_in(*element) + 1);
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
  void reply(caf::mailbox_element_ptr answer) override {
    const int number = number_in(*answer);
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

/// Children are spawned a brood at a time, and the last of a brood asks for the next, so that the
/// measure is the actors and not the memory of a hundred thousand of them at once.
class generation {
 public:
  explicit generation(finish_line& line) : line_(line) {}
  /// A child has run.
  void one_less() {
    if (left_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    ended_ += brood;
    if (ended_ == spawns) {
      const auto spawner = spawner_;  // we may be gone as soon as it ends
      line_.cross();
      end(spawner);
      return;
    }
    left_.store(brood, std::memory_order_release);
    caf::anon_send(spawner_, start_atom::value);
  }
  void spawned_by(caf::actor spawner) { spawner_ = std::move(spawner); }

 private:
  finish_line& line_;
  caf::actor spawner_;
  std::atomic<int> left_{brood};
  int ended_ = 0;  // written by the last child of a brood, when nobody else runs
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

/// Spawns a brood for each message. A CAF actor everywhere: its few turns do not count.
template <class Child>
class spawner final : public caf::event_based_actor {
 public:
  spawner(caf::actor_config& config, generation& all) : event_based_actor(config), all_(all) {}
  caf::behavior make_behavior() override {
    return {[this](start_atom) {
      for (int i = 0; i != brood; ++i) one();
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

/// The same where the children are tasks.
class task_spawner final : public buskin::lean_actor {
 public:
  task_spawner(caf::actor_config& config, generation& all) : lean_actor(config), all_(all) {}

 protected:
  void on_message(caf::mailbox_element_ptr&) override {
    for (int i = 0; i != brood; ++i) buskin::spawn(empty_task(all_));
  }

 private:
  generation& all_;
};

template <class Spawner>
void spawn_and_end(caf::actor_system& system, finish_line& line) {
  // Lives as long as the spawner, which its last child ends.
  auto all = std::make_shared<generation>(line);
  auto spawner = start<Spawner>(system, *all);
  all->spawned_by(spawner);
  spawner->attach_functor([all] {});
  caf::anon_send(spawner, start_atom::value);
}

// -- many to one ------------------------------------------------------------------------------
//
// A sender sends what it has credit for and waits for more, which the receiver gives when that has
// come. Little credit measures the hand-over between actors, much credit what a mailbox and memory
// can do.

/// What has come from each sender; says when one may go on and when all is done.
class tally {
 public:
  tally(finish_line& line, int credit) : line_(line), credit_(credit) {}
  /// True when this sender is to be given new credit.
  bool count(int sender) {
    if (++total_ == senders * messages_each) line_.cross();
    return ++seen_[static_cast<std::size_t>(sender)] % credit_ == 0;
  }
  bool complete() const noexcept { return total_ == senders * messages_each; }

 private:
  finish_line& line_;
  const int credit_;
  std::array<int, senders> seen_{};
  int total_ = 0;
};

namespace lean {

class receiver final : public buskin::lean_actor {
 public:
  receiver(caf::actor_config& config, finish_line& line, int credit)
      : lean_actor(config), tally_(line, credit) {}

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
  sender(caf::actor_config& config, caf::actor to, int number, int credit)
      : lean_actor(config), to_(std::move(to)), number_(number), credit_(credit) {}

 protected:
  void on_message(caf::mailbox_element_ptr&) override {
    for (int i = 0; i != credit_; ++i) buskin::send(to_, number_);
    if ((sent_ += credit_) == messages_each) quit();
  }

 private:
  caf::actor to_;
  const int number_;
  const int credit_;
  int sent_ = 0;
};

}  // namespace lean

namespace handlers {

class receiver final : public buskin::behavior_actor {
 public:
  receiver(caf::actor_config& config, finish_line& line, int credit)
      : behavior_actor(config), tally_(line, credit) {}

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
  sender(caf::actor_config& config, caf::actor to, int number, int credit)
      : behavior_actor(config), to_(std::move(to)), number_(number), credit_(credit) {}

 protected:
  caf::behavior make_behavior() override {
    return {[this](credit_atom) {
      for (int i = 0; i != credit_; ++i) buskin::send(to_, number_);
      if ((sent_ += credit_) == messages_each) quit();
    }};
  }

 private:
  caf::actor to_;
  const int number_;
  const int credit_;
  int sent_ = 0;
};

}  // namespace handlers

namespace peer {

class receiver final : public caf::event_based_actor {
 public:
  receiver(caf::actor_config& config, finish_line& line, int credit)
      : event_based_actor(config), tally_(line, credit) {}
  caf::behavior make_behavior() override {
    return {[this](int number) {
      if (tally_.count(number))
        send(caf::actor_cast<caf::actor>(current_sender()), credit_atom::value);
      if (tally_.complete()) quit();
    }};
  }

 private:
  tally tally_;
};

class sender final : public caf::event_based_actor {
 public:
  sender(caf::actor_config& config, caf::actor to, int number, int credit)
      : event_based_actor(config), to_(std::move(to)), number_(number), credit_(credit) {}
  caf::behavior make_behavior() override {
    return {[this](credit_atom) {
      for (int i = 0; i != credit_; ++i) send(to_, number_);
      if ((sent_ += credit_) == messages_each) quit();
    }};
  }

 private:
  caf::actor to_;
  const int number_;
  const int credit_;
  int sent_ = 0;
};

}  // namespace peer

template <class Receiver, class Sender>
auto many_to_one(int credit) {
  return [credit](caf::actor_system& system, finish_line& line) {
    auto to = start<Receiver>(system, line, credit);
    std::vector<caf::actor> all;
    for (int i = 0; i != senders; ++i) all.push_back(start<Sender>(system, to, i, credit));
    // From an actor, so that under every scheduler all senders are in the queue before the receiver
    // is.
    system.spawn([all](caf::event_based_actor* self) {
      for (const auto& one : all) self->send(one, credit_atom::value);
    });
  };
}

// -- the table --------------------------------------------------------------------------------

/// Ours: work for an actor system, on our scheduler.
template <class Work>
bench::contestant ours(std::string name, std::size_t operations, Work work, double target = 0) {
  return {std::move(name),
          [=] {
            return bench::sample{bench::on_buskin(
                operations,
                [&](buskin::runtime& owner, finish_line& line) { work(owner.system(), line); })};
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
  all.add(
      {"request and response",
       {ours("lean_actor", requests, request_response<lean::requester, lean::responder>, 3),
        ours(caf_on_ours, requests, request_response<peer::requester, peer::responder>, 1.3),
        {"a task asks a lean_actor", from_task(request_response_from_task<lean::responder>), {}},
        {"a task asks a behavior_actor",
         from_task(request_response_from_task<handlers::responder>),
         {}}},
       peers(requests, request_response<peer::requester, peer::responder>)});

  all.add({"spawn and end",
           {ours("lean_actor", spawns, spawn_and_end<spawner<lean::child>>, 2),
            ours(caf_on_ours, spawns, spawn_and_end<spawner<peer::child>>, 1.2),
            ours("behavior_actor", spawns, spawn_and_end<spawner<handlers::child>>),
            ours("task", spawns, spawn_and_end<task_spawner>)},
           peers(spawns, spawn_and_end<spawner<peer::child>>)});

  constexpr std::size_t messages = senders * messages_each;
  for (const int credit : {10, 100, messages_each})
    all.add({"many to one (16 to 1), a message, " +
                 (credit == messages_each ? "all sent at once"
                                          : std::to_string(credit) + " under way from each"),
             {ours("lean_actor", messages, many_to_one<lean::receiver, lean::sender>(credit), 2),
              ours(caf_on_ours, messages, many_to_one<peer::receiver, peer::sender>(credit), 1.2),
              ours("behavior_actor", messages,
                   many_to_one<handlers::receiver, handlers::sender>(credit))},
             peers(messages, many_to_one<peer::receiver, peer::sender>(credit))});

  return all.run();
}
