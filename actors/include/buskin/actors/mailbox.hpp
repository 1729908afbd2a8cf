// Bounded mailboxes: how many messages an actor lets wait, and what becomes of one too many.
#pragma once

#include <buskin/actors/overflow.hpp>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace buskin {

/// A mailbox reached its high-water mark, or sank to its low-water mark afterwards.
struct mailbox_event {
  enum class kind : std::uint8_t { high_water, low_water };
  kind what = kind::high_water;
  std::string who;  ///< the actor's title
  caf::actor actor;
  std::size_t size = 0;  ///< messages that waited then
};

/// Options at the spawn of an actor. The default is CAF's unbounded mailbox, and costs nothing.
struct mailbox_options {
  /// Messages that may wait; 0: any number. Answers, and requests to end, do not count and are
  /// always taken.
  std::size_t capacity = 0;
  /// A request that is dropped or refused is answered with mailbox_full.
  overflow policy = overflow::wait;
  /// When as many messages wait, `events` is told once, and again only after not more than
  /// `low_water` did. 0: three quarters of the capacity, and a quarter.
  std::size_t high_water = 0;
  std::size_t low_water = 0;
  /// Called with each crossing, in the turn or thread of whoever caused it. It must neither wait
  /// nor throw; publishing to a `broadcast` is what it is for.
  std::function<void(const mailbox_event&)> events;
};

/// A mailbox as it stands, and what it has seen.
struct mailbox_status {
  std::size_t size = 0;
  std::size_t capacity = 0;
  std::size_t waiting = 0;      ///< senders in line
  std::uint64_t accepted = 0;   ///< messages that were let in, ever
  std::uint64_t dropped = 0;    ///< of those and others, dropped by drop_oldest or drop_newest
  std::uint64_t refused = 0;    ///< not let in by refuse, or by wait because the sender did not
  std::uint64_t crossings = 0;  ///< of the high-water mark, upwards
};

/// The bounded mailbox of an actor; nothing for an unbounded one, and for CAF's own actors. Any
/// thread.
std::optional<mailbox_status> mailbox_of(const caf::actor& whom);

}  // namespace buskin
