// Messages that nobody took: what they were, and how many.
#pragma once

#include <caf/actor_system.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace buskin {

/// A message that reached one of our actors and was not handled.
struct dead_letter {
  enum class kind : std::uint8_t {
    unknown,  ///< the actor has no handler for a message of these types; a request is answered so
    late_answer  ///< the answer to a request that was given up, by a timeout or a cancellation
  };
  kind what = kind::unknown;
  std::string receiver;  ///< the actor's title
  std::string types;     ///< of the message's parts, readable: "int, std::string"
};

/// How many there were in this runtime, of each kind.
struct dead_letter_counts {
  std::uint64_t unknown = 0;
  std::uint64_t late_answers = 0;
};

/// Counted always. Any thread.
dead_letter_counts dead_letters(caf::actor_system& system);

/// From now on `observer` is called with each, in the receiver's turn; null for none. It must not
/// wait. Any thread.
void observe_dead_letters(caf::actor_system& system,
                          std::function<void(const dead_letter&)> observer);

}  // namespace buskin
