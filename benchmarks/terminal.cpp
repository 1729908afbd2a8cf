// What comes through a pseudo terminal, as a serial device's reader sees it: `serial_device`
// against a loop of blocking reads, both from a terminal in raw mode that another process writes
// to.
#include <support/comparison.hpp>

#include <buskin/io/serial_device.hpp>
#include <buskin/runtime/runtime.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <system_error>

namespace {

constexpr std::size_t megabytes = 20;
constexpr std::size_t total = megabytes * 1'000'000;
constexpr std::size_t chunk = 4096;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::system_category(), what);
}

/// A terminal into which a child process writes, for ever.
class written_terminal {
 public:
  written_terminal() : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    std::array<char, 128> name{};
    if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0 ||
        ::ptsname_r(master_, name.data(), name.size()) != 0)
      fail("a pseudo terminal");
    path_ = name.data();
    termios settings{};
    ::tcgetattr(master_, &settings);
    ::cfmakeraw(&settings);
    ::tcsetattr(master_, TCSANOW, &settings);
    writer_ = ::fork();
    if (writer_ < 0) fail("fork");
    if (writer_ == 0) {
      const std::string bytes(chunk, 'x');
      for (;;)
        if (::write(master_, bytes.data(), bytes.size()) < 0) ::_exit(0);
    }
  }
  ~written_terminal() {
    ::kill(writer_, SIGKILL);
    ::waitpid(writer_, nullptr, 0);
    ::close(master_);
  }
  written_terminal(const written_terminal&) = delete;
  written_terminal& operator=(const written_terminal&) = delete;
  const std::string& path() const noexcept { return path_; }

 private:
  int master_;
  std::string path_;
  pid_t writer_ = 0;
};

buskin::task<void> read_device(std::string path) {
  const auto device = buskin::io::serial_device::open(path, {.baud = 115'200});
  std::array<char, chunk> bytes;
  for (std::size_t got = 0; got < total;) got += co_await device.read_some(bytes);
}

void read_with_ours(const std::string& path) {
  buskin::runtime_options options;
  options.signals = buskin::signal_handling::none;
  buskin::run(read_device(path), options);
}

void read_plainly(const std::string& path) {
  const int terminal = ::open(path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) fail("opening the terminal");
  std::array<char, chunk> bytes;
  for (std::size_t got = 0; got < total;) {
    const ssize_t count = ::read(terminal, bytes.data(), bytes.size());
    if (count <= 0) fail("reading the terminal");
    got += static_cast<std::size_t>(count);
  }
  ::close(terminal);
}

bench::sample timed(void (*read)(const std::string&)) {
  const written_terminal terminal;
  const auto began = std::chrono::steady_clock::now();
  read(terminal.path());
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - began;
  return {took.count() / static_cast<double>(megabytes)};
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite all("terminal", argc, argv);
  all.add({"a megabyte through a pseudo terminal",
           {{"serial_device", [] { return timed(read_with_ours); }, {0.9}}},
           {{"a loop of read", [] { return timed(read_plainly); }}},
           {{"", "us"}}});
  return all.run();
}
