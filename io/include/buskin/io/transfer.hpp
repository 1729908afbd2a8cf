// What one attempt to move bytes came to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <system_error>

namespace buskin::io {

/// The outcome of a step of a transport that never waits.
struct transfer {
  enum class status : std::uint8_t {
    done,         ///< `bytes` were moved, at least one
    would_block,  ///< none now; another attempt is worth while when the transport says so
    end,          ///< the peer sends no more
    failed        ///< for good, with `error`
  };
  status what = status::would_block;
  std::size_t bytes = 0;
  std::error_code error;

  static transfer moved(std::size_t count) noexcept { return {status::done, count, {}}; }
  static transfer ended() noexcept { return {status::end, 0, {}}; }
  static transfer blocked() noexcept { return {}; }
  static transfer failure(std::error_code why) noexcept { return {status::failed, 0, why}; }
};

}  // namespace buskin::io
