// Linux: termios2 takes any bit rate, not only the classic ones.
#include <buskin/io/serial_device.hpp>

#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/runtime/errors.hpp>

#include <asm/termbits.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

namespace buskin::io {

namespace {

using detail::last_error;

void check(const serial_options& options) {
  if (options.baud == 0) throw std::invalid_argument("a serial device needs a baud rate above 0");
  if (options.data_bits < 5 || options.data_bits > 8)
    throw std::invalid_argument("a serial device has 5 to 8 data bits, not " +
                                std::to_string(options.data_bits));
  if (options.stop_bits < 1 || options.stop_bits > 2)
    throw std::invalid_argument("a serial device has 1 or 2 stop bits, not " +
                                std::to_string(options.stop_bits));
}

void apply(int descriptor, const serial_options& options, const std::string& path) {
  termios2 settings{};
  if (::ioctl(descriptor, TCGETS2, &settings) != 0)
    throw std::system_error(last_error(), "cannot set up " + path + ": it is no serial device");
  static constexpr tcflag_t sizes[] = {CS5, CS6, CS7, CS8};
  settings.c_iflag = options.flow == flow_control::software ? tcflag_t{IXON | IXOFF} : 0;
  settings.c_oflag = 0;
  settings.c_lflag = 0;
  settings.c_cflag = CREAD | CLOCAL | HUPCL | BOTHER | sizes[options.data_bits - 5];
  if (options.stop_bits == 2) settings.c_cflag |= CSTOPB;
  if (options.parity != parity::none) settings.c_cflag |= PARENB;
  if (options.parity == parity::odd) settings.c_cflag |= PARODD;
  if (options.flow == flow_control::hardware) settings.c_cflag |= CRTSCTS;
  settings.c_ispeed = settings.c_ospeed = options.baud;
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VTIME] = 0;
  if (::ioctl(descriptor, TCSETS2, &settings) != 0)
    throw std::system_error(last_error(), "the driver of " + path + " refuses these settings");
}

}  // namespace

serial_device serial_device::open(const std::string& path, serial_options options) {
  check(options);
  if (detail::here.worker == nullptr)
    throw invalid_state("serial_device::open was called outside of a running buskin::runtime");
  detail::unique_descriptor device(
      ::open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!device) throw std::system_error(last_error(), "cannot open " + path);
  if (options.sharing == sharing::exclusive) {
    // TIOCEXCL keeps others out from now on but does not bind root; the lock also tells of those
    // who came before.
    if (::flock(device.get(), LOCK_EX | LOCK_NB) != 0)
      throw std::system_error(std::error_code(EBUSY, std::system_category()),
                              "cannot open " + path + ": another process uses it");
    if (::ioctl(device.get(), TIOCEXCL) != 0)
      throw std::system_error(last_error(), "cannot open " + path + ": it is no serial device");
  }
  apply(device.get(), options, path);
  return serial_device(std::make_shared<detail::descriptor_core>(
      *detail::here.worker, std::move(device), detail::descriptor_kind::terminal, path));
}

void serial_device::configure(const serial_options& options) const {
  check(options);
  apply(descriptor(), options, describe());
}

unsigned serial_device::baud() const {
  termios2 settings{};
  if (::ioctl(descriptor(), TCGETS2, &settings) != 0)
    throw std::system_error(last_error(), "cannot ask " + describe());
  return settings.c_ospeed;
}

}  // namespace buskin::io
