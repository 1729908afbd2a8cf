// The other side of a process_pool: what a worker process does all its life.
//
// What always holds: one thread does the jobs; a second one does nothing but notice that the
// program has gone, or does not want this worker any more, and ends the process then, whatever the
// first one is doing.
#include <buskin/io/detail/pool_job.hpp>
#include <buskin/io/process_pool.hpp>
#include <buskin/runtime/errors.hpp>

#include "pool_frames.hpp"
#include "pool_worker_main.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace buskin::io::detail {

namespace {

std::atomic<bool> asked{false};

/// The process and all that its jobs have started.
[[noreturn]] void end_with_group() noexcept {
  if (::getpgrp() == ::getpid()) ::kill(0, SIGKILL);
  ::_exit(1);
}

class worker_main final : public job_call {
 public:
  /// `parent`, the program, has been there when this process was started.
  worker_main(int socket, int grace, int parent) noexcept
      : socket_(socket), grace_(grace), parent_(parent) {}

  [[noreturn]] void run() {
    start_watch();
    send({.kind = frame_kind::ready}, {}, {});
    for (;;) {
      idle_ = true;
      const auto head = next_head();
      do_one(head);
    }
  }

  job_reader& arguments() noexcept override { return *reader_; }
  void receive_blocks() override {
    for (const auto each : reader_->blocks()) {
      read(each.data(), each.size());
      blocks_left_ -= each.size();
    }
  }
  void answer(const job_writer& result) override {
    flush();
    send({.kind = frame_kind::result}, result.text(), result.blocks());
  }

 private:
  // -- jobs ---------------------------------------------------------------------------------------

  void do_one(const frame_head& head) {
    std::string name(head.name, '\0');
    read(name.data(), name.size());
    const auto text = std::make_unique_for_overwrite<char[]>(head.text);
    read(text.get(), head.text);
    reader_.emplace(std::string_view(text.get(), head.text), head.blocks);
    blocks_left_ = head.blocks;
    std::string type;
    std::string what;
    try {
      code_for(name)(*this);
      return;
    } catch (...) {
      const auto error = std::current_exception();
      type = type_of(error);
      what = describe(error);
    }
    drop_blocks();
    flush();
    job_writer failure;
    failure.add(type);
    failure.add(what);
    send({.kind = frame_kind::failed}, failure.text(), failure.blocks());
  }

  job_code code_for(const std::string& name) {
    auto& known = codes_[name];
    if (known == nullptr) known = code_of_name(name);
    return known;
  }

  /// What a job wrote is out before its result is there.
  static void flush() {
    std::fflush(stdout);
    std::cout.flush();
  }

  // -- the socket ---------------------------------------------------------------------------------

  /// The next frame's. Ends the process where there is none.
  frame_head next_head() {
    frame_head head;
    fill(true);
    idle_ = false;
    read(reinterpret_cast<char*>(&head), sizeof head);
    if (head.mark != frame_head::right_mark || head.kind != frame_kind::job) {
      std::fputs("a worker process was told something that is no job\n", stderr);
      end_with_group();
    }
    return head;
  }

  void read(char* to, std::size_t size) {
    while (size != 0) {
      if (begin_ != end_) {
        const auto some = std::min(size, end_ - begin_);
        std::memcpy(to, buffer_.data() + begin_, some);
        begin_ += some;
        to += some;
        size -= some;
      } else if (size >= buffer_.size()) {
        const auto got = receive(to, size);
        if (got == 0) end_with_group();
        to += got;
        size -= got;
      } else {
        fill(false);
      }
    }
  }

  void fill(bool between_jobs) {
    if (begin_ != end_) return;
    begin_ = 0;
    end_ = receive(buffer_.data(), buffer_.size());
    if (end_ != 0) return;
    if (!between_jobs || ::getppid() != parent_) end_with_group();
    std::exit(0);
  }

  /// 0 where the program has left.
  std::size_t receive(char* to, std::size_t size) const {
    for (;;) {
      const auto got = ::recv(socket_, to, size, 0);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) return 0;
    }
  }

  void drop_blocks() {
    std::array<char, 16 * 1024> nowhere;
    while (blocks_left_ != 0) {
      const auto some = std::min<std::uint64_t>(blocks_left_, nowhere.size());
      read(nowhere.data(), some);
      blocks_left_ -= some;
    }
  }

  void send(frame_head head, std::string_view text, const std::vector<std::string_view>& blocks) {
    head.text = text.size();
    std::vector<iovec> parts{{&head, sizeof head}, {const_cast<char*>(text.data()), text.size()}};
    for (const auto each : blocks) {
      parts.push_back({const_cast<char*>(each.data()), each.size()});
      head.blocks += each.size();
    }
    for (std::size_t at = 0; at != parts.size();) {
      msghdr message{};
      message.msg_iov = &parts[at];
      message.msg_iovlen = std::min<std::size_t>(parts.size() - at, 64);
      auto sent = ::sendmsg(socket_, &message, MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) end_with_group();
      for (; at != parts.size() && static_cast<std::size_t>(sent) >= parts[at].iov_len; ++at)
        sent -= static_cast<ssize_t>(parts[at].iov_len);
      if (at == parts.size()) break;
      parts[at].iov_base = static_cast<char*>(parts[at].iov_base) + sent;
      parts[at].iov_len -= static_cast<std::size_t>(sent);
    }
  }

  // -- the program's end --------------------------------------------------------------------------

  void start_watch() {
    // The program itself as well: a child that it has forked may hold its end of the socket. Before
    // the first job, which is watched from its beginning.
    const int program = static_cast<int>(::syscall(SYS_pidfd_open, parent_, 0));
    // Signals are the jobs' business.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([this, program] {
      watch(program);
    }).detach();  // its owner is the process, which ends with it
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  [[noreturn]] void watch(int program) const noexcept {
    // Poll overlooks a descriptor that there is not.
    std::array<pollfd, 2> what{pollfd{socket_, POLLRDHUP, 0}, pollfd{program, POLLIN, 0}};
    while (::getppid() == parent_ && ::poll(what.data(), what.size(), -1) < 0 && errno == EINTR) {
    }
    if (::getppid() != parent_) end_with_group();
    // A worker without a job ends by itself, and has its time for that.
    for (int waited = 0; idle_ && waited < grace_; waited += 10) ::poll(nullptr, 0, 10);
    end_with_group();
  }

  const int socket_;
  const int grace_;  // ms
  const pid_t parent_;
  std::atomic<bool> idle_{true};  // read by the thread that watches
  std::array<char, frame_buffer> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::optional<job_reader> reader_;
  std::uint64_t blocks_left_ = 0;
  std::unordered_map<std::string, job_code> codes_;
};

bool is_unix_socket(int descriptor) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

}  // namespace

bool work_if_worker_was_called() noexcept { return asked; }

}  // namespace buskin::io::detail

namespace buskin::io {

void process_pool::work_if_worker() {
  detail::asked = true;
  // Not from whoever starts a program that has more rights than himself.
  const char* order = ::secure_getenv(detail::worker_variable);
  if (order == nullptr) return;
  int socket = -1;
  int grace = 0;
  int parent = 0;
  const bool understood = std::sscanf(order, "%d,%d,%d", &socket, &grace, &parent) == 3;
  if (!understood || !detail::is_unix_socket(socket)) {
    std::fprintf(stderr,
                 "the environment variable %s is set, but nobody is there who wants a worker; "
                 "unset it\n",
                 detail::worker_variable);
    std::exit(64);
  }
  // What the jobs start are no workers, and have nothing to do with us.
  ::unsetenv(detail::worker_variable);
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  ::prctl(PR_SET_NAME, "pool worker");  // it would be called "exe"
  detail::worker_main(socket, grace, parent).run();
}

}  // namespace buskin::io
