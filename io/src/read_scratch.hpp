// Room for a read of unknown size, so that a stream that waits needs none of its own.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace buskin::io::detail {

/// Where bytes land before it is known how many they are: the thread's, or one of its own while
/// somebody further out on the stack looks at what landed there. (A callback that is given its
/// bytes may attach another protocol, which reads at once.)
class read_scratch {
 public:
  static constexpr std::size_t size = 64 * 1024;

  read_scratch();
  ~read_scratch();
  read_scratch(const read_scratch&) = delete;
  read_scratch& operator=(const read_scratch&) = delete;

  std::span<char> bytes() const noexcept { return bytes_; }

 private:
  std::unique_ptr<char[]> own_;  // null: it is the thread's
  std::span<char> bytes_;
};

}  // namespace buskin::io::detail
