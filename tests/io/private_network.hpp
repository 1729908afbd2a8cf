// A network that belongs to one test: nothing but a loopback, and a resolver's configuration of its
// own. Needs root and namespaces; where those are missing the test says so and is left out.
#pragma once

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

#include "io/scratch.hpp"

namespace buskin::test {

/// The program is run once more in namespaces of its own, for the present test case only. True in
/// there; outside it is false, and the case has been run:
///
///     if (const private_network inside("nameserver 127.0.0.9\n"); !inside) return;
class private_network {
 public:
  explicit private_network(const std::string& resolver = "")
      : inside_(std::getenv("BUSKIN_PRIVATE_NETWORK") != nullptr) {
    if (!inside_) run_again(resolver);
  }
  explicit operator bool() const noexcept { return inside_; }

  /// Whether an interface says that it is up.
  static bool bring_loopback_up() noexcept {
    const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq loopback{};
    std::strcpy(loopback.ifr_name, "lo");
    bool up = ::ioctl(any, SIOCGIFFLAGS, &loopback) == 0;
    loopback.ifr_flags = static_cast<short>(loopback.ifr_flags | IFF_UP | IFF_RUNNING);
    up = up && ::ioctl(any, SIOCSIFFLAGS, &loopback) == 0;
    ::close(any);
    return up;
  }

 private:
  static constexpr int not_permitted = 77;

  static void run_again(const std::string& resolver) {
    const scratch folder;
    const std::string conf = folder.with("resolv.conf", resolver);
    const std::string which =
        "--run_test=" + boost::unit_test::framework::current_test_case().full_name();
    const pid_t child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) become(conf.c_str(), which.c_str());
    int status = 0;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == not_permitted)
      std::cerr << "left out: it needs root and namespaces\n";
    else
      BOOST_TEST(status == 0, "the test failed in its own network");
  }

  [[noreturn]] static void become(const char* conf, const char* which) {
    if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount(conf, "/etc/resolv.conf", nullptr, MS_BIND, nullptr) != 0 || !bring_loopback_up())
      ::_exit(not_permitted);
    ::setenv("BUSKIN_PRIVATE_NETWORK", "1", 1);
    ::execl("/proc/self/exe", "test", which, "--catch_system_errors=no", "--color_output=no",
            nullptr);
    ::_exit(99);
  }

  const bool inside_;
};

}  // namespace buskin::test
