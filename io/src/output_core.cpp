#include <buskin/io/detail/output_core.hpp>

#include <buskin/runtime/lean_actor.hpp>

#include <asio/post.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace buskin::io::detail {

output_core::output_core(worker& home, unique_descriptor descriptor, std::string name,
                         std::size_t keep, output_listener& owner)
    : stream_core(home),
      descriptor_(std::move(descriptor)),
      name_(std::move(name)),
      owner_(&owner),
      keep_(keep) {
  readiness_set::of(home.io()).add(*this, descriptor_.get());
}

// While the descriptor is still open.
output_core::~output_core() { readiness_set::remove(*this); }

// -- what comes -------------------------------------------------------------------------------

void output_core::on_loop_end() noexcept {
  abandon();
  descriptor_ = unique_descriptor();
}

void output_core::on_readiness(readiness what) {
  if (!what.readable) return;
  readable_ = true;
  pump();
}

void output_core::pump() {
  const auto self = shared_from_this();  // whoever is told may drop the last handle
  calls_ = 0;
  std::array<char, 64 * 1024> scratch;
  for (int calls = 0; readable_ && !ended() && mode_ != mode::read; ++calls) {
    if (calls == calls_a_turn) return again();
    const transfer got = read_now(scratch.data(), scratch.size());
    if (got.what != transfer::status::done) break;
    if (mode_ == mode::subscribed && owner_ != nullptr) {
      owner_->on_output(*this, std::string(scratch.data(), got.bytes));
    } else {
      keep(scratch.data(), got.bytes);
      if (mode_ == mode::collected && owner_ != nullptr) owner_->on_collected();
    }
  }
  if (readable_ || ended()) on_readable();
}

/// The rest in another turn: the flood of one process must not be the drought of all.
void output_core::again() {
  if (std::exchange(posted_, true)) return;
  asio::post(home().io(), [weak = weak_from_this(), this] {
    const auto self = weak.lock();
    if (!self) return;
    posted_ = false;
    pump();
  });
}

void output_core::keep(const char* bytes, std::size_t size) {
  kept_.append(bytes, size);
  const std::size_t here = kept_.size() - kept_begin_;
  if (mode_ == mode::unread && here > keep_) {
    const std::size_t excess = here - keep_;
    kept_begin_ += excess;
    lost_.fetch_add(excess, std::memory_order_relaxed);
    gap_ = true;
  }
  // Not at each step, which would move all of it each time.
  if (kept_begin_ > 64 * 1024 && kept_begin_ > kept_.size() / 2) {
    kept_.erase(0, kept_begin_);
    kept_begin_ = 0;
  }
}

transfer output_core::read_now(char* target, std::size_t size) noexcept {
  for (;;) {
    const ssize_t got = ::read(descriptor_.get(), target, size);
    if (got > 0) return {transfer::status::done, static_cast<std::size_t>(got), {}};
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      readable_ = false;
      return {};
    }
    // A terminal that nobody has open any more ends with EIO.
    if (got == 0 || errno == EIO)
      end({transfer::status::end, 0, {}});
    else
      end({transfer::status::failed, 0, last_error()});
    return ending_;
  }
}

void output_core::end(const transfer& how) {
  if (ended()) return;
  ending_ = how;
  readiness_set::remove(*this);
  descriptor_ = unique_descriptor();
  if (owner_ != nullptr) owner_->on_output_end();
}

// -- who takes it -----------------------------------------------------------------------------

void output_core::set_mode(mode how) {
  if (mode_ == how) return;
  mode_ = how;
  if (how != mode::read) {
    reader_ = 0;
    if (readable_) again();
  }
}

transfer output_core::transport_read(char* target, std::size_t size) {
  if (here.actor != nullptr && here.actor->id() != reader_) {
    reader_ = here.actor->id();
    if (owner_ != nullptr) owner_->on_new_reader(*this);
  }
  if (mode_ == mode::unread) mode_ = mode::read;
  if (std::exchange(gap_, false))
    return {transfer::status::failed, 0, std::make_error_code(std::errc::no_buffer_space)};
  if (const std::size_t kept = kept_.size() - kept_begin_; kept != 0) {
    const std::size_t count = std::min(kept, size);
    std::memcpy(target, kept_.data() + kept_begin_, count);
    kept_begin_ += count;
    if (kept_begin_ == kept_.size()) {
      kept_.clear();
      kept_begin_ = 0;
    }
    return {transfer::status::done, count, {}};
  }
  if (ended()) return ending_;
  if (!readable_ || mode_ != mode::read || ++calls_ > calls_a_turn) return {};
  return read_now(target, size);
}

transfer output_core::transport_write(const char*, std::size_t) {
  return {transfer::status::failed, 0, std::make_error_code(std::errc::bad_file_descriptor)};
}

void output_core::watch_readable() {
  if (readable_ || ended() || kept_.size() != kept_begin_) again();
}

std::string output_core::take() {
  std::string all(buffered());
  consume(all.size());
  all.append(kept_, kept_begin_);
  kept_.clear();
  kept_begin_ = 0;
  return all;
}

void output_core::discard() noexcept {
  keep_ = 0;
  mode_ = mode::unread;
  kept_.clear();
  kept_begin_ = 0;
}

bool output_core::finish() {
  if (ended()) return true;
  std::array<char, 64 * 1024> scratch;
  // All that was written by now; a pipe cannot hold more than that.
  for (std::size_t sum = 0; !ended() && sum < finish_most;) {
    const transfer got = read_now(scratch.data(), scratch.size());
    if (got.what != transfer::status::done) break;
    sum += got.bytes;
    if (mode_ == mode::subscribed && owner_ != nullptr)
      owner_->on_output(*this, std::string(scratch.data(), got.bytes));
    else
      keep(scratch.data(), got.bytes);
  }
  const bool complete = ended();
  end({transfer::status::end, 0, {}});
  on_readable();
  return complete;
}

void output_core::transport_close() {
  end({transfer::status::failed, 0, std::make_error_code(std::errc::operation_canceled)});
}

}  // namespace buskin::io::detail
