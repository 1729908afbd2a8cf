// The descriptors of one Asio loop that are looked at again and again: told each time one becomes
// readable or writable, without asking anew.
//
// Asio asks the system either by a system call that finds nothing, or by one that says it wants to
// know again; here a descriptor is entered once. The set itself is a descriptor of the loop. What
// always holds: only the thread that drives the loop touches a set and its members, and a member
// that was removed is not told anything any more, not even of what was found before.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <cstddef>

namespace buskin::io::detail {

class readiness_set;

/// What became possible. An end and an error count as readable and writable: the attempt tells.
struct readiness {
  bool readable = false;
  bool writable = false;
  bool ended =
      false;  ///< the peer has closed, at least its sending direction, or there is an error
};

/// Somebody with a descriptor. Must not be moved while it is a member.
class readiness_member {
 public:
  readiness_member() = default;
  readiness_member(const readiness_member&) = delete;
  readiness_member& operator=(const readiness_member&) = delete;

 protected:
  ~readiness_member();
  /// Told once for each change; it may remove itself or others.
  virtual void on_readiness(readiness what) = 0;
  /// The loop has ended: nothing more will be told, and its worker is as good as gone.
  virtual void on_loop_end() noexcept {}

 private:
  friend class readiness_set;
  readiness_set* set_ = nullptr;
  int descriptor_ = -1;
  readiness_member* before_ = nullptr;
  readiness_member* after_ = nullptr;
};

class readiness_set final : public asio::io_context::service {
 public:
  static asio::io_context::id id;

  /// The set of a loop; there is one from the first call on.
  static readiness_set& of(asio::io_context& io) { return asio::use_service<readiness_set>(io); }

  explicit readiness_set(asio::io_context& io);
  ~readiness_set() override;

  /// What the descriptor is ready for already is told as well. Throws std::system_error.
  void add(readiness_member& member, int descriptor);
  /// Before the descriptor is closed. Without effect for who is no member.
  static void remove(readiness_member& member) noexcept;

 private:
  static constexpr std::size_t batch = 64;
  static constexpr std::size_t many = 4;

  /// The loop ends: what outlives it is told nothing more.
  void shutdown() override;
  void watch();
  /// Returns how many were told.
  std::size_t tell();
  void drop(readiness_member& member) noexcept;

  asio::posix::stream_descriptor descriptor_;  // of the set
  readiness_member* members_ = nullptr;
  readiness_member* found_[batch] = {};  // who is still to be told; null: removed meanwhile
  std::size_t found_count_ = 0;
};

}  // namespace buskin::io::detail
