// What happens in a directory that is watched.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>

namespace buskin::io {

struct directory_event {
  enum class kind : std::uint8_t {
    created,
    modified,  ///< its contents; several changes in a row may be one event
    written,   ///< somebody who had it open for writing has closed it
    changed,   ///< its permissions, owner, times or number of links
    moved,     ///< to `path`, from `from`; one of them is empty when that is not watched
    deleted,
    gone,     ///< the directory itself: deleted, moved or unmounted; nothing more comes of it
    overflow  ///< events were lost: look at the directory; there is no path
  };

  kind what = kind::created;
  /// The watched directory as it was given, and the name in it.
  std::filesystem::path path;
  std::filesystem::path from;
  bool is_directory = false;
};

/// "created", …
const char* to_string(directory_event::kind what) noexcept;
/// "created /tmp/x", "moved /tmp/x to /tmp/y".
std::string to_string(const directory_event& event);
std::ostream& operator<<(std::ostream& out, directory_event::kind what);

}  // namespace buskin::io
