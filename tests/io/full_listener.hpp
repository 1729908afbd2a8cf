// A place that answers nobody: what is sent there vanishes, as in a network with a hole.
#pragma once

#include <buskin/io/address.hpp>

#include <boost/test/unit_test.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace buskin::test {

/// Its queue is full, so that the system drops who knocks.
class full_listener {
 public:
  explicit full_listener(io::address where = io::address::parse("127.0.0.1", 0))
      : socket_(::socket(where.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    BOOST_REQUIRE(::bind(socket_, where.data(), where.size()) == 0);
    BOOST_REQUIRE(::listen(socket_, 0) == 0);
    where = local();
    for (int& each : fillers_) {
      each = ::socket(where.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      ::connect(each, where.data(), where.size());
    }
  }
  ~full_listener() {
    for (const int each : fillers_) ::close(each);
    ::close(socket_);
  }
  full_listener(const full_listener&) = delete;
  full_listener& operator=(const full_listener&) = delete;

  io::address local() const { return io::address::local_of(socket_); }
  std::string where() const { return local().to_string(); }
  /// Lets in who waits.
  void make_room() const {
    for (int taken = 0; taken >= 0;) {
      taken = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
      if (taken >= 0) ::close(taken);
    }
  }

 private:
  int socket_;
  int fillers_[4]{};
};

}  // namespace buskin::test
