// When a queue has filled up: counted, and told once a crossing.
#pragma once

#include <buskin/actors/queue_options.hpp>
#include <buskin/runtime/lean_actor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace buskin::detail {

/// Guarded by the queue that it belongs to.
class queue_marks {
 public:
  /// Throws std::invalid_argument when the low mark is not below the high one, and for options that
  /// contradict a rendezvous.
  explicit queue_marks(queue_options& options);

  /// True at a crossing.
  bool rose_to(std::size_t items) noexcept {
    if (high_ == 0 || above_ || items < high_) return false;
    above_ = true;
    ++crossings_;
    return true;
  }
  void fell_to(std::size_t items) noexcept {
    if (items <= low_) above_ = false;
  }
  /// Calls the function of the options in a turn of `queue`.
  void announce(lean_actor& queue, std::size_t items) const;
  std::uint64_t crossings() const noexcept { return crossings_; }

 private:
  using function = std::function<void(std::size_t)>;

  const std::size_t high_;
  const std::size_t low_;
  std::uint64_t crossings_ = 0;
  bool above_ = false;
  std::shared_ptr<const function> tell_;  // null for none
};

}  // namespace buskin::detail
