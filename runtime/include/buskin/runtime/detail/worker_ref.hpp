// A worker as seen by what may outlive it: a handle that somebody drops, or closes, after the
// runtime has gone.
#pragma once

#include <cstdint>
#include <functional>

namespace buskin::detail {

class worker;

class worker_ref {
 public:
  explicit worker_ref(worker& whom) noexcept;

  /// The caller runs on it.
  bool is_here() const noexcept;
  /// As post_function. Where the worker has gone nothing is done, and it returns false. Any thread.
  bool post(std::function<void()> function) const;
  /// It has ended, with its runtime. Any thread.
  bool gone() const noexcept;
  /// There is a worker at this address.
  static bool alive(const worker& whom) noexcept;
  /// Only while its runtime lives.
  worker& operator*() const noexcept { return *worker_; }

  /// For a worker that begins: it can be posted to from now on, under this number.
  static std::uint64_t enter(const worker& whom);
  /// For one that ends: no longer. Nothing when that was said.
  static void leave(const worker& whom) noexcept;

 private:
  worker* worker_;
  std::uint64_t number_;  // another worker may get the same address
};

}  // namespace buskin::detail
