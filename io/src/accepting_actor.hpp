// What servers and listeners have in common: sockets that listen, and how clients are taken from
// them.
//
// What always holds: a socket is either watched, or may have clients that nobody has asked for;
// nobody is told of those again. Only the home worker's thread touches the sockets.
#pragma once

#include <buskin/actors/detail/actor_timer.hpp>
#include <buskin/io/address.hpp>
#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/runtime/clock.hpp>
#include <buskin/runtime/lean_actor.hpp>

#include "listening_socket.hpp"

#include <asio/posix/stream_descriptor.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

namespace buskin::io::detail {

class accepting_actor : public lean_actor {
 public:
  /// `name` is what it is called in reports, with its address. On its home worker.
  accepting_actor(caf::actor_config& config, std::vector<listening_socket> sockets,
                  const std::string& name, const std::source_location& created);

  const std::vector<io::address>& addresses() const noexcept { return addresses_; }
  std::string title() const override { return title_; }
  const std::source_location& created() const noexcept { return created_; }

  /// Closes the sockets, removes their files, and ends. In its turn.
  void close() noexcept;
  bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }

 protected:
  /// Clients may have come: `next_client` is worth an attempt. In its turn.
  virtual void on_clients() = 0;
  /// A client, connected. None: `on_clients` will be called when there is one. Out of descriptors
  /// it says so once (BK020), until there was no shortage for a minute, and looks again after a
  /// while: the queue stays readable, and a watch would spin.
  unique_descriptor next_client();
  /// Has `on_clients` called for clients that are there already, after others had their turn.
  void look_later() { again(); }
  /// Lets clients queue up. Throws std::system_error.
  void start(int backlog);

  void on_message(caf::mailbox_element_ptr& element) override { refuse(*element); }
  void on_exit_request(caf::exit_msg&) override { close(); }
  void on_signal() override;
  void on_end() noexcept override;

 private:
  struct door {
    door(asio::io_context& io, listening_socket from) : descriptor(io), file(std::move(from.file)) {
      descriptor.assign(from.descriptor.get());  // takes nothing when it throws
      from.descriptor.release();
    }
    asio::posix::stream_descriptor descriptor;
    socket_file file;
    bool watched = false;
  };
  static constexpr auto retry = std::chrono::milliseconds(100);
  // At the limit a client that goes lets another one in: that alone is no end of the shortage.
  static constexpr auto one_shortage = std::chrono::minutes(1);

  void watch(const std::shared_ptr<door>& at);
  unique_descriptor next_client_at(const std::shared_ptr<door>& at);
  void complain(const std::error_code& error);

  const std::source_location created_;
  std::vector<std::shared_ptr<door>> doors_;
  std::vector<io::address> addresses_;
  std::string title_;
  actor_timer pause_{*this};
  std::size_t next_door_ = 0;
  std::atomic<bool> closed_ = false;
  bool paused_ = false;
  std::optional<time_point> last_short_;  // of descriptors
};

}  // namespace buskin::io::detail
