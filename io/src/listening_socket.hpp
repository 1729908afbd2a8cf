// Sockets that are bound, to be listened at.
//
// What always holds: a file of a Unix socket is removed by whoever made it or took it over, once,
// and only while it is that very file.
#pragma once

#include <buskin/io/address.hpp>
#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/runtime/task.hpp>

#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace buskin::io::detail {

/// The file of a bound Unix socket; removed at the end of this object.
class socket_file {
 public:
  socket_file() noexcept = default;
  /// The file that `where` names now; none for other kinds of addresses.
  explicit socket_file(const address& where);
  socket_file(socket_file&& other) noexcept { swap(other); }
  socket_file& operator=(socket_file other) noexcept {
    swap(other);
    return *this;
  }
  ~socket_file() { remove(); }

  /// While its socket is still open: until then no other file can get its number.
  void remove() noexcept;
  /// Leaves the file where it is.
  void keep() noexcept { path_.clear(); }

 private:
  void swap(socket_file& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(device_, other.device_);
    std::swap(inode_, other.inode_);
  }
  std::string path_;  // absolute, for the working directory may change; empty: none
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct listening_socket {
  unique_descriptor descriptor;
  socket_file file;  // goes before the descriptor
};

struct listening_options {
  int backlog = 1024;
  bool reuse_port = false;
  bool start = true;  // else only bound
  mode_t socket_mode = 0600;
  bool remove_socket = true;
};

/// Whether `where` is "unix:" and a path or name.
bool is_unix(const std::string& where) noexcept;
/// The address of such a text.
address unix_address(const std::string& where);

/// Bound, and listening unless that is left for later. Throws what `serve` throws, and leaves
/// nothing then.
task<std::vector<listening_socket>> bind_at(std::string where, listening_options options,
                                            std::source_location source);
/// A socket that somebody else has bound; it is closed when this throws.
std::vector<listening_socket> adopt_bound(unique_descriptor bound,
                                          const listening_options& options);

/// Lets clients queue up at the socket. Throws std::system_error with its address.
void start_listening(int descriptor, int backlog);

}  // namespace buskin::io::detail
