// What a process_pool and its workers say to each other: a head, a text, and long blocks behind it.
// Both are the same program on the same machine, so numbers are as they lie in memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace buskin::io::detail {

enum class frame_kind : std::uint32_t {
  ready = 1,  // the worker asks for work
  job,        // the code's name, then the arguments
  result,
  failed  // the type and the text of an exception
};

struct frame_head {
  static constexpr std::uint32_t right_mark = 0x6b736b62;  // "bksk"

  std::uint32_t mark = right_mark;
  frame_kind kind = frame_kind::ready;
  std::uint64_t name = 0;    // bytes of the code's name; 0 but for a job
  std::uint64_t text = 0;    // bytes behind that
  std::uint64_t blocks = 0;  // bytes behind that
};

/// The environment variable that makes a process a worker: "descriptor,grace in ms,the program's
/// process".
inline constexpr const char* worker_variable = "BUSKIN_PROCESS_WORKER";

/// What of a frame is read ahead.
inline constexpr std::size_t frame_buffer = 4096;

}  // namespace buskin::io::detail
