// Waiting a moment with open eyes: to fall asleep and be woken takes longer than many a job.
#pragma once

#include <chrono>
#include <thread>

namespace buskin::detail {

inline void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Whether one thread's short waits are worth while. It learns: after a few in vain it tries but
/// once in a while. One thread uses it.
class short_wait {
 public:
  /// Looks until `there()` holds, for at most 20 µs. True when it does.
  template <class There>
  bool operator()(There there) noexcept {
    static const bool others_run = std::thread::hardware_concurrency() > 1;
    if (!others_run || (trust_ == 0 && ++left_out_ % try_every != 0)) return false;
    const auto end = std::chrono::steady_clock::now() + longest;
    do {
      for (int i = 0; i != 32; ++i) {
        if (there()) {
          trust_ = most_trust;
          return true;
        }
        relax();
      }
    } while (std::chrono::steady_clock::now() < end);
    if (trust_ != 0) --trust_;
    return false;
  }

 private:
  static constexpr auto longest = std::chrono::microseconds(20);
  static constexpr unsigned most_trust = 4;
  static constexpr unsigned try_every = 64;

  unsigned trust_ = most_trust;
  unsigned left_out_ = 0;
};

}  // namespace buskin::detail
