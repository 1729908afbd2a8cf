// A place where a number of tasks wait for each other. asyncio's Barrier.
#pragma once

#include <buskin/actors/detail/broker.hpp>
#include <buskin/actors/detail/broker_ref.hpp>
#include <buskin/runtime/errors.hpp>

#include <cstddef>
#include <source_location>

namespace buskin {

namespace detail {

class barrier_actor;  // what the references below refer to
class far_request;

class [[nodiscard("nothing happens until it is awaited")]] barrier_wait final : public wait {
 public:
  barrier_wait(broker_ref<barrier_actor> barrier, const std::source_location& where) noexcept;
  ~barrier_wait();
  bool ready() noexcept override;
  bool withdraw() noexcept override;
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  std::size_t await_resume();

 private:
  far_request& request() const noexcept;
  void give_up() noexcept;

  broker_ref<barrier_actor> barrier_;
  cell_ref<cell<unit>> waiting_;
};

}  // namespace detail

/// A barrier for a fixed number of parties; copies of this object are the same barrier. Any thread
/// of its runtime. Round after round: when the last party has arrived all go on, and the next round
/// begins when all have left.
///
/// The message face: `(await_barrier)` arrives, and is answered with the party's place, a
/// `std::uint64_t`, when the round is complete, or with broken_barrier; `(leave_barrier)` takes the
/// sender's arrival back, and is answered with whether it waited; `(reset_barrier)` and
/// `(abort_barrier)` do what the functions do. An actor is one party: it takes its own place when
/// it asks again. One that ends before the round is complete leaves.
///
/// In another process `wait` is the same; `reset` and `abort` are sent and go on; everything else
/// throws invalid_state.
class barrier {
 public:
  /// Throws std::invalid_argument for less than one party. Inside a running runtime.
  explicit barrier(std::size_t parties);
  /// The barrier whose `actor()` that is, here or in another process. Throws std::invalid_argument
  /// when it is none.
  static barrier at(const caf::actor& whom);

  /// Awaits the others; yields this party's place in the round, 0 to parties-1, no two the same.
  /// Throws broken_barrier. Cancellation: this party leaves, another may take its place.
  detail::barrier_wait wait(std::source_location where = std::source_location::current()) const {
    return {actor_, where};
  }
  /// Whoever waits, or has not left yet, gets broken_barrier; then the barrier begins anew. Mends a
  /// broken one.
  void reset() const;
  /// Breaks the barrier: whoever waits, or has not left yet, and whoever comes until a reset, gets
  /// broken_barrier.
  void abort() const;

  std::size_t parties() const;
  /// Parties that wait for the round to be complete.
  std::size_t waiting() const;
  bool broken() const;
  caf::actor actor() const;

 private:
  explicit barrier(detail::broker_ref<detail::barrier_actor> actor) noexcept;
  detail::barrier_actor& look(const char* operation) const;

  detail::broker_ref<detail::barrier_actor> actor_;
};

}  // namespace buskin
