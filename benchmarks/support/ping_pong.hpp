// Two lean actors and a number that goes to and fro; and what benchmarks of actors have in common.
#pragma once

#include <support/stage.hpp>

#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/send.hpp>
#include <buskin/runtime/lean_actor.hpp>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/send.hpp>

#include <type_traits>
#include <utility>

namespace bench {

inline void end(const caf::actor& whom) {
  caf::anon_send_exit(whom, caf::exit_reason::user_shutdown);
}

/// The number that a message is; -1 if it is something else.
template <class Number = int>
Number number_in(caf::mailbox_element& element) {
  auto& content = element.content();
  return content.match_elements<Number>() ? content.get_as<Number>(0) : -1;
}

/// Spawns an actor of either kind from outside.
template <class T, class... Args>
caf::actor start(caf::actor_system& system, Args&&... args) {
  if constexpr (std::is_base_of_v<buskin::lean_actor, T>)
    return buskin::spawn_actor<T>(system, std::forward<Args>(args)...);
  else
    return system.spawn<T>(std::forward<Args>(args)...);
}

/// Adds one and sends it back.
class lean_pong final : public buskin::lean_actor {
 public:
  using lean_actor::lean_actor;

 protected:
  void on_message(caf::mailbox_element_ptr& element) override {
    buskin::send(element->sender, number_in(*element) + 1);
  }
};

/// Begins with the first number that it is sent, crosses the line after so many round trips, and
/// ends both.
class lean_ping final : public buskin::lean_actor {
 public:
  lean_ping(caf::actor_config& config, caf::actor partner, int round_trips, finish_line& line)
      : lean_actor(config), partner_(std::move(partner)), round_trips_(round_trips), line_(line) {}

 protected:
  void on_message(caf::mailbox_element_ptr& element) override {
    const int number = number_in(*element);
    if (number < round_trips_) {
      buskin::send(partner_, number);
    } else {
      line_.cross();
      end(partner_);
      quit();
    }
  }

 private:
  caf::actor partner_;
  const int round_trips_;
  finish_line& line_;
};

/// Work for a system: a ping and a pong of these kinds.
template <class Ping, class Pong>
auto ping_pong(int round_trips) {
  return [round_trips](caf::actor_system& system, finish_line& line) {
    auto partner = start<Pong>(system);
    caf::anon_send(start<Ping>(system, partner, round_trips, line), 0);
  };
}

}  // namespace bench
