// Those who wait for one thing to happen, whatever it is.
#pragma once

#include <buskin/actors/detail/cell.hpp>

#include <cstddef>
#include <exception>
#include <limits>

namespace buskin::detail {

/// A line of waiting cells that are told no more than that it has happened. Guarded by the broker
/// that it belongs to.
class waiters {
 public:
  static constexpr std::size_t everybody = std::numeric_limits<std::size_t>::max();

  /// A coroutine of `host` queues up.
  cell_ref<cell<unit>> enlist(stack_host& host);
  /// So does one that came by message, say.
  void enlist(const cell_ref<cell<unit>>& waiting) { line_.push(waiting); }
  /// One gives up; nothing if it was woken before.
  void withdraw(cell<unit>& waiting) noexcept;
  /// One that was found is out of the line, and resolved by others.
  void forget(cell<unit>& waiting) noexcept { line_.erase(waiting); }
  /// One is sent away; nothing if it was woken before.
  void dismiss(cell<unit>& waiting, std::exception_ptr why);
  /// The one that asked by that request; null for none.
  cell<unit>* find(const request_key& request) const {
    return line_.find([&](const cell<unit>& each) { return each.answers(request); });
  }
  /// The same for the one that asked by that request; false when there is none.
  bool dismiss(const request_key& request, const std::exception_ptr& why) {
    return line_.dismiss(request, why);
  }

  /// Wakes up to `count`, those that wait longest first.
  void wake(std::size_t count = everybody);

  bool empty() const noexcept { return line_.empty(); }
  std::size_t size() const noexcept { return line_.size(); }

 private:
  waiting_line<cell<unit>> line_;
};

}  // namespace buskin::detail
