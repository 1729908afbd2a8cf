// Who of those that are ready runs next: a place for users' own orders, and the one that finds
// races.
#pragma once

#include <buskin/runtime/detail/ring.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace caf {
class resumable;
}

namespace buskin {

/// Those that could run now, in the order in which they became ready; 0 is the one that is ready
/// for longest. A look at them, for the length of one call.
class ready_jobs {
 public:
  explicit ready_jobs(const detail::ring<caf::resumable>& ring) noexcept : ring_(ring) {}
  /// At least 2.
  std::size_t size() const noexcept { return ring_.size(); }
  /// "task "fetch"", an actor's name, or "callback".
  std::string name(std::size_t place) const;
  /// The actor's id; 0 for a callback.
  std::uint64_t id(std::size_t place) const;

 private:
  const detail::ring<caf::resumable>& ring_;
};

/// Decides who is next in a cooperative runtime (`runtime_options::order`). Without one it is first
/// in, first out, as in asyncio.
///
/// It chooses among whole turns of actors and callbacks; inside one actor the order of messages is
/// what it always is, and timers and I/O are served between rounds. Whoever is never chosen
/// starves. A runtime with an order makes no decision that depends on how long something takes, so
/// with a manual_clock and without threads and I/O the same choices give the same run.
class scheduling_order {
 public:
  virtual ~scheduling_order() = default;
  /// The place of the one to run. In the runtime's thread; must not throw nor use the runtime.
  /// Asked only when there is a choice. A place beyond the end counts as the last one.
  virtual std::size_t next(const ready_jobs& ready) noexcept = 0;
};

/// Any of them, by a seed: different seeds show different interleavings, the same seed the same
/// one. That is how a race between tasks is found and then repeated.
///
/// The generator is SplitMix64, so a seed means the same on every machine.
class seeded_order final : public scheduling_order {
 public:
  explicit seeded_order(std::uint64_t seed) noexcept : state_(seed) {}
  std::size_t next(const ready_jobs& ready) noexcept override;

 private:
  std::uint64_t state_;
};

}  // namespace buskin
