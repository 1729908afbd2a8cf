// The clients of a server: an actor for each, and the list of them.
#pragma once

#include <buskin/actors/event.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/io/detail/socket_options.hpp>
#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/lean_ref.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace buskin::io::detail {

using handler_function = std::function<task<void>(connection)>;

class session_actor;

/// Who is at a server. Any thread.
class guest_list {
 public:
  /// In a running runtime.
  guest_list() = default;

  /// Before the session's launch, and at its end.
  void enter(session_actor& guest);
  void leave(session_actor& guest) noexcept;

  std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }
  /// False when there are `most` or more; then `host` is signalled when somebody has gone.
  bool has_room(std::size_t most, lean_actor& host);
  /// Nobody will enter any more.
  void close() noexcept;
  /// Set when it is closed and nobody is there.
  const event& gone() const noexcept { return gone_; }

  /// Requests the cancellation of all handlers; of how many.
  std::size_t cancel(const std::string& reason);
  void for_each(const std::function<void(session_actor&)>& function);

 private:
  std::vector<lean_ref<session_actor>> all();

  const event gone_;
  std::mutex mutex_;
  session_actor* first_ = nullptr;     // guarded by mutex_, as are the links
  lean_ref<lean_actor> wants_room_;    // guarded by mutex_
  bool closed_ = false;                // guarded by mutex_
  std::atomic<std::size_t> size_ = 0;  // written with mutex_ held
};

/// A client's actor: the handler's coroutine runs in it, and owns the connection.
class session_actor final : public task_actor_base {
 public:
  session_actor(caf::actor_config& config, unique_descriptor client,
                std::shared_ptr<const handler_function> handler, std::shared_ptr<guest_list> guests,
                const socket_settings& settings, std::string name,
                const std::source_location& created);

  enum class farewell : std::uint8_t { close, abort };
  /// Ends the connection: what the handler fails with because of that is nobody's fault. Any
  /// thread.
  void dismiss(farewell how);

 protected:
  void on_start() override;
  std::exception_ptr collect() noexcept override;
  void on_end() noexcept override;

 private:
  friend class guest_list;
  task<void>::handle_type body() noexcept;
  bool is_usual(const std::error_code& code) const noexcept;

  unique_descriptor client_;
  std::weak_ptr<stream_core> core_;
  std::shared_ptr<const handler_function> handler_;
  std::shared_ptr<guest_list> guests_;
  session_actor* before_ = nullptr;  // of the list, and guarded by it
  session_actor* after_ = nullptr;
  task<void>::handle_type root_;
  const socket_settings settings_;
  bool dismissed_ = false;
};

}  // namespace buskin::io::detail
