// What on_done returns: the way to take a callback back.
#pragma once

#include <memory>
#include <utility>

namespace buskin {

namespace detail {
struct done_note;
}

/// A callback that waits for the end of a task. Dropping this does not remove the callback.
class done_callback {
 public:
  done_callback() noexcept = default;
  explicit done_callback(std::shared_ptr<detail::done_note> note) noexcept
      : note_(std::move(note)) {}

  /// True when this prevented the call; false when it was made, or removed before. Any thread.
  bool remove() noexcept;

 private:
  std::shared_ptr<detail::done_note> note_;
};

}  // namespace buskin
