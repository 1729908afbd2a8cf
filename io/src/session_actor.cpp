#include "session_actor.hpp"

#include <buskin/io/tls_error.hpp>
#include <buskin/runtime/detail/scheduler.hpp>

#include "on_home.hpp"

#include <system_error>
#include <utility>

namespace buskin::io::detail {

// -- the list -----------------------------------------------------------------------------------

void guest_list::enter(session_actor& guest) {
  std::lock_guard lock(mutex_);
  guest.after_ = std::exchange(first_, &guest);
  if (guest.after_ != nullptr) guest.after_->before_ = &guest;
  size_.fetch_add(1, std::memory_order_acq_rel);
}

void guest_list::leave(session_actor& guest) noexcept {
  lean_ref<lean_actor> host;
  bool last = false;
  {
    std::lock_guard lock(mutex_);
    (guest.before_ != nullptr ? guest.before_->after_ : first_) = guest.after_;
    if (guest.after_ != nullptr) guest.after_->before_ = guest.before_;
    last = size_.fetch_sub(1, std::memory_order_acq_rel) == 1 && closed_;
    host = std::exchange(wants_room_, {});
  }
  if (host) host->signal();
  if (last) gone_.set();
}

bool guest_list::has_room(std::size_t most, lean_actor& host) {
  if (size() < most) return true;
  std::lock_guard lock(mutex_);
  if (size() < most) return true;
  // With no room for anybody, nobody can make some.
  if (size() != 0) wants_room_ = lean_ref<lean_actor>(&host);
  return false;
}

void guest_list::close() noexcept {
  bool nobody = false;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    wants_room_ = {};
    nobody = size() == 0;
  }
  if (nobody) gone_.set();
}

std::vector<lean_ref<session_actor>> guest_list::all() {
  std::lock_guard lock(mutex_);
  std::vector<lean_ref<session_actor>> guests;
  for (auto* each = first_; each != nullptr; each = each->after_) guests.emplace_back(each);
  return guests;
}

void guest_list::for_each(const std::function<void(session_actor&)>& function) {
  for (const auto& each : all()) function(*each);
}

std::size_t guest_list::cancel(const std::string& reason) {
  std::size_t count = 0;
  for_each([&](session_actor& each) {
    if (each.cancel(std::make_exception_ptr(cancelled(reason)))) ++count;
  });
  return count;
}

// -- a client -----------------------------------------------------------------------------------

session_actor::session_actor(caf::actor_config& config, unique_descriptor client,
                             std::shared_ptr<const handler_function> handler,
                             std::shared_ptr<guest_list> guests, const socket_settings& settings,
                             std::string name, const std::source_location& created)
    : task_actor_base(config, std::move(name), created),
      client_(std::move(client)),
      handler_(std::move(handler)),
      guests_(std::move(guests)),
      settings_(settings) {}

void session_actor::on_start() {
  root_ = body();
  root_.promise().started_by(nullptr);
  stack().start(root_);
  on_signal();
}

task<void>::handle_type session_actor::body() noexcept {
  const auto fail = [](std::exception_ptr error) -> task<void> {
    std::rethrow_exception(error);
    co_return;
  };
  try {
    auto core = make_socket_core(*here.worker, std::move(client_), settings_);
    core_ = core;
    return (*handler_)(connection(std::move(core))).release();
  } catch (...) {
    return fail(std::current_exception()).release();
  }
}

void session_actor::dismiss(farewell how) {
  enter_or_post([how](lean_actor& actor) {
    auto& self = static_cast<session_actor&>(actor);
    self.dismissed_ = true;
    const auto core = self.core_.lock();
    if (!core) return;
    // The handler may have followed another stream to that one's worker.
    on_home(core, [how](stream_core& c) { how == farewell::close ? c.close() : c.abort(); });
  });
}

/// How most connections end: the client went away; or the server sent it away.
bool session_actor::is_usual(const std::error_code& code) const noexcept {
  if (dismissed_ && (code == std::errc::operation_canceled || code == std::errc::not_connected ||
                     code == std::errc::connection_aborted))
    return true;
  return code == std::errc::connection_reset || code == std::errc::broken_pipe ||
         code == tls_error::truncated || code == tls_error::refused;
}

std::exception_ptr session_actor::collect() noexcept {
  try {
    root_.promise().take();
  } catch (const std::system_error& error) {
    return is_usual(error.code()) ? nullptr : std::current_exception();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

void session_actor::on_end() noexcept {
  task_actor_base::on_end();
  // Also when the handler left a copy of its connection behind. It may have ended on another
  // worker than the connection's.
  if (const auto core = core_.lock()) on_home(core, [](stream_core& c) { c.close(); });
  guests_->leave(*this);
}

}  // namespace buskin::io::detail
