// Where a scheduler counts the messages that nobody took.
#pragma once

#include <buskin/runtime/dead_letters.hpp>

#include <caf/fwd.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>

namespace buskin {
class lean_actor;
}

namespace buskin::detail {

struct dead_letter_office {
  std::atomic<std::uint64_t> unknown{0};
  std::atomic<std::uint64_t> late_answers{0};
  std::atomic<bool> observed{false};
  std::mutex mutex;
  std::function<void(const dead_letter&)> observer;  // guarded by mutex
};

void note_dead_letter(const lean_actor& receiver, dead_letter::kind what,
                      const caf::type_erased_tuple& content);

}  // namespace buskin::detail
