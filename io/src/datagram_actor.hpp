// The actor that owns a datagram socket.
//
// What always holds: only its worker touches the socket and the lines of those who wait; readable_
// is false only when the system has said that there is nothing; a subscriber is sent no more than
// it gave credit for.
#pragma once

#include <buskin/io/datagram.hpp>
#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/io/detail/readiness_set.hpp>
#include <buskin/runtime/lean_actor.hpp>

#include <caf/actor_addr.hpp>

#include <atomic>
#include <deque>

namespace buskin::io::detail {

/// Where a datagram lands before its size is known; one a thread.
std::span<char> landing();

class datagram_actor final : public lean_actor, private readiness_member {
 public:
  datagram_actor(caf::actor_config& config, unique_descriptor socket);
  ~datagram_actor() override;

  // -- any thread -------------------------------------------------------------------------------
  std::string title() const override { return describe(); }
  std::string describe() const;
  const io::address& local() const noexcept { return local_; }
  const std::optional<io::address>& peer() const noexcept { return peer_; }
  void close();

  // -- on its worker ----------------------------------------------------------------------------
  int descriptor() const noexcept { return socket_.get(); }
  bool try_receive(std::span<char> target, datagram_size& got);
  wait_line& receivers() noexcept { return receivers_; }
  void check_destination(const std::optional<io::address>& to) const;
  void send(std::string_view bytes, const std::optional<io::address>& to);
  wait_line& senders() noexcept { return senders_; }
  wait_line& drainers() noexcept { return drainers_; }
  std::size_t unsent() const noexcept { return unsent_; }
  std::size_t high_water() const noexcept { return high_water_; }
  void set_high_water(std::size_t bytes) noexcept { high_water_ = bytes; }
  void set_option(int level, int name, const void* value, socklen_t size, const std::string& what);
  void change_group(bool join, const std::string& group, const std::string& interface);
  unsigned interface_index(const std::string& interface) const;

 protected:
  void on_message(caf::mailbox_element_ptr& element) override;
  void on_exit_request(caf::exit_msg&) override { quit(); }
  void on_end() noexcept override;

 private:
  // UDP's, counted with what is kept: a million empty datagrams are something, too.
  static constexpr std::size_t header = 8;
  // System calls in a row, after which others have their turn.
  static constexpr int calls_a_turn = 32;

  struct kept {
    std::string bytes;
    std::optional<io::address> to;
  };

  void on_readiness(readiness what) override;
  void next_turn();
  void feed_subscriber();
  void flush();
  /// True when the system took it, or never will and that was noted.
  bool offer(std::string_view bytes, const std::optional<io::address>& to);
  void shut() noexcept;
  void send_for(caf::mailbox_element& element, const std::string& bytes,
                std::optional<io::address> to);
  [[noreturn]] void fail(const char* what, const std::error_code& error) const;

  unique_descriptor socket_;
  const io::address local_;
  const std::optional<io::address> peer_;
  std::deque<kept> out_;
  std::size_t unsent_ = 0;
  std::size_t high_water_ = 64 * 1024;
  std::error_code noted_;  // of a send; for who receives next
  wait_line receivers_;
  wait_line senders_;
  wait_line drainers_;
  caf::actor_addr subscriber_;
  std::uint64_t credit_ = 0;
  std::atomic<bool> closed_{false};
  int calls_ = 0;
  bool readable_ = false;
  bool turn_asked_ = false;
};

/// What the last handle lets go.
class datagram_owner {
 public:
  explicit datagram_owner(const lean_ref<datagram_actor>& actor) noexcept : actor(actor) {}
  ~datagram_owner() { actor->close(); }
  datagram_owner(const datagram_owner&) = delete;
  datagram_owner& operator=(const datagram_owner&) = delete;
  const lean_ref<datagram_actor> actor;
};

}  // namespace buskin::io::detail
