// A real pseudo terminal: `path` is the serial port, the master side is the wire behind it. Closing
// it unplugs the port.
#pragma once

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

namespace buskin::test {

class pseudo_terminal {
 public:
  pseudo_terminal() : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)) {
    char name[128];
    BOOST_REQUIRE(master_ >= 0);
    BOOST_REQUIRE(::grantpt(master_) == 0);
    BOOST_REQUIRE(::unlockpt(master_) == 0);
    BOOST_REQUIRE(::ptsname_r(master_, name, sizeof name) == 0);
    path_ = name;
  }
  ~pseudo_terminal() { unplug(); }
  pseudo_terminal(const pseudo_terminal&) = delete;
  pseudo_terminal& operator=(const pseudo_terminal&) = delete;

  const std::string& path() const noexcept { return path_; }
  int master() const noexcept { return master_; }
  bool plugged_in() const noexcept { return master_ >= 0; }

  void unplug() {
    if (master_ >= 0) ::close(master_);
    master_ = -1;
  }

  /// Sends as much as the terminal takes, and says how much that was.
  std::size_t send(std::string_view bytes) const {
    const auto sent = ::write(master_, bytes.data(), bytes.size());
    if (sent < 0) BOOST_REQUIRE(errno == EAGAIN);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  void send_all(std::string_view bytes) const { BOOST_REQUIRE(send(bytes) == bytes.size()); }

  /// What has come over the wire.
  std::string received() const {
    char buffer[4096];
    const auto got = ::read(master_, buffer, sizeof buffer);
    return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : std::string();
  }

 private:
  int master_;
  std::string path_;
};

}  // namespace buskin::test
