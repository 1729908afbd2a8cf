#include <buskin/io/fd_watch.hpp>

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

namespace buskin::io {

namespace detail {

// -- the core ---------------------------------------------------------------------------------

fd_watch_core::fd_watch_core(worker& home, int descriptor)
    : home_(home), given_(descriptor), duplicate_(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0)) {
  const std::string text = "cannot watch descriptor " + std::to_string(descriptor);
  if (!duplicate_) throw std::system_error(last_error(), text);
  try {
    readiness_set::of(home.io()).add(*this, duplicate_.get());
  } catch (const std::system_error& failure) {
    if (failure.code().value() != EPERM) throw std::system_error(failure.code(), text);
    throw std::system_error(failure.code(),
                            text + ": nobody can wait for such a file; buskin::io::file reads it");
  }
}

bool fd_watch_core::ready(direction what) const noexcept {
  pollfd look{duplicate_.get(), static_cast<short>(what == direction::read ? POLLIN : POLLOUT), 0};
  return ::poll(&look, 1, 0) == 1;
}

void fd_watch_core::enter(fd_wait& waiting, direction what) {
  auto& place = waiting_[static_cast<std::size_t>(what)];
  if (place != nullptr)
    throw invalid_state("two tasks wait until descriptor " + std::to_string(given_) + " can be " +
                        (what == direction::read ? "read" : "written") +
                        " at the same time; give each a watch of its own");
  place = &waiting;
}

void fd_watch_core::leave(fd_wait& waiting) noexcept {
  std::replace(waiting_.begin(), waiting_.end(), &waiting, static_cast<fd_wait*>(nullptr));
}

void fd_watch_core::on_readiness(readiness what) {
  const auto keep = shared_from_this();  // whoever is told may drop the last handle
  if (what.readable) tell(direction::read);
  if (what.writable) tell(direction::write);
}

void fd_watch_core::tell(direction what) noexcept {
  auto* waiting = waiting_[static_cast<std::size_t>(what)];
  if (waiting != nullptr && (closed() || ready(what))) waiting->on_news();
}

void fd_watch_core::close() noexcept {
  if (closed()) return;
  const auto keep = shared_from_this();
  readiness_set::remove(*this);
  duplicate_ = unique_descriptor();
  tell(direction::read);
  tell(direction::write);
}

fd_watch_owner::~fd_watch_owner() {
  if (core->closed()) return;
  if (core->is_home())
    core->close();
  else
    core->post_home([core = core] { core->close(); });
}

// -- the wait ---------------------------------------------------------------------------------

fd_wait::fd_wait(std::shared_ptr<fd_watch_core> core, fd_watch_core::direction what,
                 const std::source_location& where) noexcept
    : wait(what == fd_watch_core::direction::read ? wait_kind::read : wait_kind::write, where),
      core_(std::move(core)),
      direction_(what) {}

fd_wait::~fd_wait() { withdraw(); }

bool fd_wait::await_ready() {
  host_ = &stack_here("fd_watch").host();
  auto& home = core_->home();
  if (core_->homeless())
    throw invalid_state("the runtime that watched descriptor " + std::to_string(core_->given()) +
                        " has ended");
  // With several workers the task stays where its descriptor is looked at.
  if ((here.worker != &home || here.worker->owner().threaded()) && !host_->move_to(home))
    throw invalid_state("a CAF actor cannot wait for descriptor " + std::to_string(core_->given()) +
                        ", which another worker watches; use a task");
  if (here.worker == &home) {
    begin();
    if (done_) host_->again();
  } else {
    moving_ = true;
    host_->again();
  }
  return false;
}

void fd_wait::begin() noexcept {
  try {
    core_->enter(*this, direction_);
    entered_ = true;
    done_ = core_->closed() || core_->ready(direction_);
  } catch (...) {
    failure_ = std::current_exception();
    done_ = true;
  }
}

bool fd_wait::ready() noexcept {
  if (moving_ && core_->is_home()) {
    moving_ = false;
    begin();
  }
  return done_;
}

void fd_wait::on_news() noexcept {
  if (std::exchange(done_, true)) return;
  host_->signal_here();
}

bool fd_wait::withdraw() noexcept {
  moving_ = false;
  if (std::exchange(entered_, false)) core_->leave(*this);
  return !done_;
}

void fd_wait::await_resume() {
  if (!done_)
    if (auto reason = interruption()) std::rethrow_exception(reason);
  if (failure_) std::rethrow_exception(failure_);
  if (core_->closed())
    throw std::system_error(
        std::make_error_code(std::errc::operation_canceled),
        "the watch of descriptor " + std::to_string(core_->given()) + " was closed");
}

}  // namespace detail

fd_watch::fd_watch(int descriptor) {
  if (detail::here.worker == nullptr)
    throw invalid_state("an fd_watch was made outside of a running buskin::runtime");
  owner_ = std::make_shared<detail::fd_watch_owner>(
      std::make_shared<detail::fd_watch_core>(*detail::here.worker, descriptor));
}

const std::shared_ptr<detail::fd_watch_core>& fd_watch::core() const {
  if (!owner_) throw invalid_state("this fd_watch watches nothing; it was default-constructed");
  return owner_->core;
}

void fd_watch::close() const {
  const auto& watch = core();
  if (watch->is_home())
    watch->close();
  else
    watch->post_home([watch] { watch->close(); });
}

}  // namespace buskin::io
