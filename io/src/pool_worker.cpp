#include "pool_worker.hpp"

#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/io/from_descriptor.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>

#include "on_home.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace buskin::io::detail {

// -- real_alarm ---------------------------------------------------------------------------------

real_alarm::real_alarm(std::chrono::milliseconds length, std::function<void()> then)
    : home_(*here.worker), timer_(std::make_shared<asio::steady_timer>(here.worker->io())) {
  timer_->expires_after(length);
  timer_->async_wait([then = std::move(then)](const asio::error_code& failure) {
    if (!failure) then();
  });
}

real_alarm::~real_alarm() {
  if (home_.is_here())
    timer_->cancel();
  else
    home_.post([timer = std::move(timer_)] { timer->cancel(); });
}

// -- starting and ending ------------------------------------------------------------------------

namespace {

/// A pair of connected sockets: ours, and what the worker is given.
std::pair<unique_descriptor, unique_descriptor> make_pair_of_sockets(const std::string& pool) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw std::system_error(last_error(), pool + ": cannot make a socket to a worker");
  // The fewer changes between the two, the faster a large block gets through. The system cuts it
  // down to what it allows.
  const int room = 1024 * 1024;
  for (const int each : ends) ::setsockopt(each, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  return {unique_descriptor(ends[0]), unique_descriptor(ends[1])};
}

}  // namespace

task<std::shared_ptr<pool_worker>> pool_worker::start(const process_pool_options& options) {
  auto [ours, theirs] = make_pair_of_sockets(options.name);
  process_options how;
  how.name = "worker of " + options.name;
  how.out = redirect::inherit();
  how.err = redirect::inherit();
  how.pass = {theirs.get()};
  how.env.set[worker_variable] =
      "3," + std::to_string(options.grace.count()) + "," + std::to_string(::getpid());
  how.grace = options.grace;
  // It ends when its socket does, in its own time.
  how.on_drop = process_options::dropped::keep_on;
  auto child = co_await exec({"/proc/self/exe", "(" + how.name + ")"}, std::move(how));
  std::string name = "worker " + std::to_string(child.pid()) + " of " + options.name;
  auto bytes = from_descriptor(ours.release(), "the socket of " + name);
  co_return std::make_shared<pool_worker>(std::move(child), std::move(bytes), std::move(name));
}

pool_worker::pool_worker(process child, stream bytes, std::string name) noexcept
    : child_(std::move(child)), bytes_(std::move(bytes)), name_(std::move(name)) {}

pool_worker::~pool_worker() {
  if (!busy_) return;
  kill();
  bytes_.abort();  // what is unsent is for nobody
}

void pool_worker::kill() const noexcept {
  try {
    child_.kill();
  } catch (const std::system_error&) {
    // It has ended.
  }
}

void pool_worker::doom() noexcept {
  doomed_ = true;
  kill();
}

void pool_worker::has_ended() const {
  // What it has sent can still be read, and then comes the end.
  on_home(core_of(bytes_), [](stream_core& core) {
    if (!core.closing()) ::shutdown(core.descriptor(), SHUT_RD);
  });
}

task<bool> pool_worker::greet(const process_pool_options& options) {
  const auto late = std::make_shared<std::atomic<bool>>(false);
  const real_alarm alarm(options.start_timeout, [late, child = child_] {
    *late = true;
    try {
      child.kill();
    } catch (const std::system_error&) {
      // It has ended by itself, just now.
    }
  });
  frame_head head;
  const bool came = co_await read({reinterpret_cast<char*>(&head), sizeof head});
  if (*late)
    throw timeout_error(name_ + " did not ask for work within " +
                        std::to_string(options.start_timeout.count()) +
                        " ms and was killed; nothing that takes long may stand before "
                        "process_pool::work_if_worker() in main, nor before main");
  if (!came) co_return false;
  if (head.mark != frame_head::right_mark || head.kind != frame_kind::ready)
    throw std::runtime_error(name_ + " does not talk as a worker of this program does");
  busy_ = false;
  co_return true;
}

// -- jobs ---------------------------------------------------------------------------------------

task<bool> pool_worker::do_job(pool_job& job) {
  busy_ = true;
  try {
    co_return co_await send(job) && co_await receive(job);
  } catch (const std::system_error&) {
    // The socket's: nobody is at its other end any more.
  }
  co_return false;
}

task<bool> pool_worker::send(const pool_job& job) {
  // Up to so much is copied together.
  static constexpr std::size_t piece = 128 * 1024;
  const auto& what = job.arguments();
  frame_head head{.kind = frame_kind::job};
  head.name = job.code().size();
  head.text = what.text().size();
  for (const auto each : what.blocks()) head.blocks += each.size();
  std::string front(reinterpret_cast<const char*>(&head), sizeof head);
  front += job.code();
  std::string_view text = what.text();
  front += text.substr(0, piece);
  text.remove_prefix(std::min(piece, text.size()));
  co_await bytes_.write(front);
  for (std::size_t at = 0; at < text.size(); at += piece)
    co_await bytes_.write(text.substr(at, piece));
  for (const auto each : what.blocks())
    for (std::size_t at = 0; at < each.size(); at += piece)
      co_await bytes_.write(each.substr(at, piece));
  co_return true;
}

task<bool> pool_worker::receive(pool_job& job) {
  frame_head head;
  if (!co_await read({reinterpret_cast<char*>(&head), sizeof head})) co_return false;
  const bool failed = head.kind == frame_kind::failed;
  if (head.mark != frame_head::right_mark || (!failed && head.kind != frame_kind::result))
    throw std::runtime_error(name_ + " answered with what is no result");
  const auto text = std::make_unique_for_overwrite<char[]>(head.text);
  if (!co_await read({text.get(), head.text})) co_return false;
  job_reader from({text.get(), head.text}, head.blocks);
  if (failed) {
    std::string type;
    std::string why;
    from.take(type);
    from.take(why);
    for (const auto each : from.blocks())
      if (!co_await read(each)) co_return false;
    ++jobs_done_;
    busy_ = false;
    throw remote_error(std::move(type), why, name_);
  }
  job.take_result(from);
  for (const auto each : from.blocks())
    if (!co_await read(each)) co_return false;
  ++jobs_done_;
  busy_ = false;
  co_return true;
}

task<bool> pool_worker::fill() {
  begin_ = 0;
  end_ = co_await bytes_.read_some(buffer_);
  co_return end_ != 0;
}

task<bool> pool_worker::read(std::span<char> target) {
  while (!target.empty()) {
    std::size_t some = std::min(target.size(), end_ - begin_);
    if (some != 0) {
      std::memcpy(target.data(), buffer_.data() + begin_, some);
      begin_ += some;
    } else if (target.size() >= buffer_.size()) {
      some = co_await bytes_.read_some(target);
      if (some == 0) co_return false;
    } else {
      if (!co_await fill()) co_return false;
      continue;
    }
    target = target.subspan(some);
  }
  co_return true;
}

}  // namespace buskin::io::detail
