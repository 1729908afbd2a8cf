// A server's own actor.
#pragma once

#include <buskin/actors/event.hpp>
#include <buskin/io/serve.hpp>

#include "accepting_actor.hpp"
#include "session_actor.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace buskin::io::detail {

/// What always holds: it takes clients only while fewer than max_connections handlers run; a
/// client's descriptor is owned by its session actor from its first turn on.
class server_actor final : public accepting_actor {
 public:
  server_actor(caf::actor_config& config, std::vector<listening_socket> sockets,
               handler_function handler, serve_options options,
               const std::source_location& created);

  /// On its home worker. Throws what `server::start` throws.
  void begin();
  bool serving() const noexcept { return started_.load(std::memory_order_acquire) && !closed(); }
  /// Set when it is closed.
  const event& end() const noexcept { return end_; }
  guest_list& guests() const noexcept { return *guests_; }

 protected:
  void on_start() override { on_clients(); }
  void on_clients() override;
  void on_end() noexcept override;

 private:
  static constexpr int clients_a_turn = 64;

  void welcome(unique_descriptor client);

  const serve_options options_;
  const std::shared_ptr<const handler_function> handler_;
  const std::shared_ptr<guest_list> guests_ = std::make_shared<guest_list>();
  const event end_;
  std::atomic<bool> started_;
  std::size_t next_worker_ = 0;
  std::uint64_t clients_ = 0;
};

}  // namespace buskin::io::detail
