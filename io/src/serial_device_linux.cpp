// Linux: termios2 takes any bit rate, not only the classic ones.
#include <buskin/io/serial_device.hpp>

#include <buskin/io/detail/descriptor_core.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "device_holder.hpp"

#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

namespace buskin::io {

namespace {

using detail::last_error;
using namespace std::chrono_literals;

/// An ioctl that must not fail. `what`: for its text, "ask for its lines".
template <class Argument>
void control(int descriptor, unsigned long request, Argument argument, const std::string& path,
             const char* what) {
  if (::ioctl(descriptor, request, argument) != 0)
    throw std::system_error(last_error(), "the driver of " + path + " does not " + what);
}

// -- settings -----------------------------------------------------------------------------------

void check(const serial_options& options) {
  if (options.baud == 0) throw std::invalid_argument("a serial device needs a baud rate above 0");
  if (options.data_bits < 5 || options.data_bits > 8)
    throw std::invalid_argument("a serial device has 5 to 8 data bits, not " +
                                std::to_string(options.data_bits));
  if (options.stop_bits < 1 || options.stop_bits > 2)
    throw std::invalid_argument("a serial device has 1 or 2 stop bits, not " +
                                std::to_string(options.stop_bits));
}

const char* to_string(parity which) noexcept {
  switch (which) {
    case parity::none:
      return "no";
    case parity::even:
      return "even";
    case parity::odd:
      return "odd";
    case parity::mark:
      return "mark";
    case parity::space:
      return "space";
  }
  return "?";
}

const char* to_string(flow_control which) noexcept {
  switch (which) {
    case flow_control::none:
      return "no";
    case flow_control::hardware:
      return "hardware";
    case flow_control::software:
      return "software";
  }
  return "?";
}

constexpr tcflag_t sizes[] = {CS5, CS6, CS7, CS8};

void put(const serial_options& options, termios2& into) {
  into.c_iflag = options.flow == flow_control::software ? tcflag_t{IXON | IXOFF} : 0;
  into.c_oflag = 0;
  into.c_lflag = 0;
  into.c_cflag = CREAD | CLOCAL | HUPCL | BOTHER | sizes[options.data_bits - 5];
  if (options.stop_bits == 2) into.c_cflag |= CSTOPB;
  if (options.parity != parity::none) into.c_cflag |= PARENB;
  if (options.parity == parity::odd || options.parity == parity::mark) into.c_cflag |= PARODD;
  if (options.parity == parity::mark || options.parity == parity::space) into.c_cflag |= CMSPAR;
  if (options.flow == flow_control::hardware) into.c_cflag |= CRTSCTS;
  into.c_ispeed = into.c_ospeed = options.baud;
  into.c_cc[VMIN] = 1;
  into.c_cc[VTIME] = 0;
}

serial_options taken(const termios2& settings) {
  serial_options all;
  all.baud = settings.c_ospeed;
  all.data_bits = 5;
  for (unsigned i = 0; i != std::size(sizes); ++i)
    if ((settings.c_cflag & CSIZE) == sizes[i]) all.data_bits = 5 + i;
  const bool odd = (settings.c_cflag & PARODD) != 0;
  if ((settings.c_cflag & PARENB) == 0)
    all.parity = parity::none;
  else if ((settings.c_cflag & CMSPAR) != 0)
    all.parity = odd ? parity::mark : parity::space;
  else
    all.parity = odd ? parity::odd : parity::even;
  all.stop_bits = (settings.c_cflag & CSTOPB) != 0 ? 2 : 1;
  all.flow = (settings.c_cflag & CRTSCTS) != 0          ? flow_control::hardware
             : (settings.c_iflag & (IXON | IXOFF)) != 0 ? flow_control::software
                                                        : flow_control::none;
  return all;
}

/// A driver takes what it can make of a rate, and a receiver bears about that much.
bool near(unsigned baud, unsigned wanted) {
  const auto difference = baud > wanted ? baud - wanted : wanted - baud;
  return std::uint64_t{difference} * 50 <= wanted;
}

/// A driver does not fail when it cannot do what it was told; it does something else.
void check_taken(const serial_options& wanted, const termios2& settings, const std::string& path) {
  const serial_options got = taken(settings);
  if (near(got.baud, wanted.baud) && got.data_bits == wanted.data_bits &&
      got.parity == wanted.parity && got.stop_bits == wanted.stop_bits && got.flow == wanted.flow)
    return;
  const auto text = [](const serial_options& all) {
    return std::to_string(all.baud) + " baud, " + std::to_string(all.data_bits) + " data bits, " +
           to_string(all.parity) + " parity, " + std::to_string(all.stop_bits) + " stop bit" +
           (all.stop_bits == 1 ? "" : "s") + ", " + to_string(all.flow) + " flow control";
  };
  throw std::system_error(
      std::make_error_code(std::errc::not_supported),
      "the driver of " + path + " was told " + text(wanted) + ", but took " + text(got));
}

void make_fast(int descriptor, const std::string& path) {
  static constexpr auto what = "know a mode of low latency";
  serial_struct about{};
  control(descriptor, TIOCGSERIAL, &about, path, what);
  about.flags |= static_cast<int>(ASYNC_LOW_LATENCY);
  control(descriptor, TIOCSSERIAL, &about, path, what);
}

void apply(int descriptor, const serial_options& options, const std::string& path) {
  termios2 settings{};
  if (::ioctl(descriptor, TCGETS2, &settings) != 0)
    throw std::system_error(last_error(), "cannot set up " + path + ": it is no serial device");
  put(options, settings);
  if (::ioctl(descriptor, TCSETS2, &settings) != 0)
    throw std::system_error(last_error(), "the driver of " + path + " refuses these settings");
  control(descriptor, TCGETS2, &settings, path, "tell its settings");
  check_taken(options, settings, path);
  if (options.low_latency) make_fast(descriptor, path);
}

[[noreturn]] void fail_to_open(const std::string& path, const std::error_code& error) {
  std::string text = "cannot open " + path;
  if (error == std::errc::device_or_resource_busy) text += ": " + detail::holder_of(path);
  throw std::system_error(error, text);
}

/// Waits until the task is on the device's worker, where nobody closes it behind its back.
class arrival final : public detail::io_wait {
 public:
  arrival(const serial_device& device, const std::source_location& where) noexcept
      : io_wait(wait_kind::other, detail::core_of(device), where) {}
  ~arrival() { leave(); }
  void await_resume() { check(); }

 private:
  bool attempt() override { return true; }
  void enlist() override {}
  void delist() noexcept override {}
};

/// The descriptor, where nobody can close it and open another of its number meanwhile.
int descriptor_at_home(const serial_device& device, const char* operation) {
  if (!detail::core_of(device)->is_home())
    throw invalid_state(std::string(operation) + " on " + device.describe() +
                        " is for the device's own worker; await its drain first, which moves "
                        "there");
  return device.descriptor();
}

// -- lines --------------------------------------------------------------------------------------

int lines_of(const serial_device& device, const char* operation) {
  int lines = 0;
  control(descriptor_at_home(device, operation), TIOCMGET, &lines, device.describe(),
          "tell how its lines stand");
  return lines;
}

void set_line(const serial_device& device, int line, line_state to, const char* operation) {
  control(descriptor_at_home(device, operation), to == line_state::on ? TIOCMBIS : TIOCMBIC, &line,
          device.describe(), "drive its lines");
}

/// Ends the break however its scope is left.
class break_state {
 public:
  explicit break_state(serial_device device) : device_(std::move(device)) {
    control(device_.descriptor(), TIOCSBRK, 0, device_.describe(), "send a break");
  }
  // A device that is gone sends none any more.
  ~break_state() { ::ioctl(device_.descriptor(), TIOCCBRK, 0); }
  break_state(const break_state&) = delete;
  break_state& operator=(const break_state&) = delete;

 private:
  const serial_device device_;
};

// -- what is under way --------------------------------------------------------------------------

/// How many bytes the driver has not sent yet; 1 while the last one is in the hardware.
int under_way(const serial_device& device) {
  int queued = 0;
  control(device.descriptor(), TIOCOUTQ, &queued, device.describe(), "tell what it has to send");
  if (queued != 0) return queued;
  int state = 0;
  // Of this, most drivers say nothing.
  const bool known = ::ioctl(device.descriptor(), TIOCSERGETLSR, &state) == 0;
  return known && (state & TIOCSER_TEMT) == 0 ? 1 : 0;
}

task<void> drain_to_the_wire(serial_device device, std::source_location where) {
  co_await device.stream::drain(where);
  while (!device.closed()) {
    const int left = under_way(device);
    if (left == 0) co_return;
    // A byte is some ten bits. When others hold it up it takes longer.
    // Somebody who shares the port may have hung it up (rate 0).
    const auto needed = duration(std::chrono::seconds(10)) * left / std::max(device.baud(), 1U);
    co_await sleep(std::clamp<duration>(needed, 1ms, 50ms), where);
  }
}

task<void> break_for(serial_device device, duration length, std::source_location where) {
  co_await drain_to_the_wire(device, where);
  const break_state held(device);
  co_await sleep(length, where);
}

task<io::modem_lines> other_lines(serial_device device, io::modem_lines known, duration interval,
                                  std::source_location where) {
  co_await arrival(device, where);
  for (;;) {
    const auto now = device.modem_lines();
    if (now != known) co_return now;
    co_await sleep(interval, where);
  }
}

}  // namespace

// -- opening ------------------------------------------------------------------------------------

serial_device serial_device::open(const std::string& path, serial_options options) {
  check(options);
  if (detail::here.worker == nullptr)
    throw invalid_state("serial_device::open was called outside of a running buskin::runtime");
  detail::unique_descriptor device(
      ::open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!device) fail_to_open(path, last_error());
  if (options.sharing == sharing::exclusive) {
    // TIOCEXCL keeps others out from now on but does not bind root; the lock also tells of those
    // who came before.
    if (::flock(device.get(), LOCK_EX | LOCK_NB) != 0)
      fail_to_open(path, std::error_code(EBUSY, std::system_category()));
    if (::ioctl(device.get(), TIOCEXCL) != 0)
      throw std::system_error(last_error(), "cannot open " + path + ": it is no serial device");
  }
  apply(device.get(), options, path);
  if (options.sharing == sharing::exclusive)
    control(device.get(), TCFLSH, TCIFLUSH, path, "drop what it received");
  auto& home = *detail::here.worker;
  // Whoever opens it stays with it.
  if (detail::here.stack != nullptr && home.owner().threaded())
    detail::here.stack->host().move_to(home);
  return serial_device(std::make_shared<detail::descriptor_core>(
      home, std::move(device), detail::descriptor_kind::terminal, path));
}

void serial_device::configure(const serial_options& options) const {
  check(options);
  apply(descriptor_at_home(*this, "configure"), options, describe());
}

unsigned serial_device::baud() const {
  termios2 settings{};
  if (::ioctl(descriptor_at_home(*this, "baud"), TCGETS2, &settings) != 0)
    throw std::system_error(last_error(), "cannot ask " + describe());
  return settings.c_ospeed;
}

// -- what is under way --------------------------------------------------------------------------

task<void> serial_device::drain(std::source_location where) const {
  return drain_to_the_wire(*this, where);
}

void serial_device::flush_input() const {
  descriptor_at_home(*this, "flush_input");
  core()->drop_input();
  control(descriptor(), TCFLSH, TCIFLUSH, describe(), "drop what it received");
}

void serial_device::flush_output() const {
  // First what the driver has: dropping ours lets writers go on, and what they write stays.
  control(descriptor_at_home(*this, "flush_output"), TCFLSH, TCOFLUSH, describe(),
          "drop what it has to send");
  core()->drop_output();
}

// -- lines --------------------------------------------------------------------------------------

task<void> serial_device::send_break(duration length, std::source_location where) const {
  return break_for(*this, length, where);
}

bool serial_device::rts() const { return (lines_of(*this, "rts") & TIOCM_RTS) != 0; }
bool serial_device::dtr() const { return (lines_of(*this, "dtr") & TIOCM_DTR) != 0; }
void serial_device::set_rts(line_state to) const { set_line(*this, TIOCM_RTS, to, "set_rts"); }
void serial_device::set_dtr(line_state to) const { set_line(*this, TIOCM_DTR, to, "set_dtr"); }

io::modem_lines serial_device::modem_lines() const {
  const int lines = lines_of(*this, "modem_lines");
  return {.clear_to_send = (lines & TIOCM_CTS) != 0,
          .data_set_ready = (lines & TIOCM_DSR) != 0,
          .ring = (lines & TIOCM_RNG) != 0,
          .carrier = (lines & TIOCM_CAR) != 0};
}

task<io::modem_lines> serial_device::modem_lines_other_than(io::modem_lines known,
                                                            duration interval,
                                                            std::source_location where) const {
  if (interval <= duration::zero())
    throw std::invalid_argument("the lines of " + describe() +
                                " need an interval above 0 to be looked at");
  return other_lines(*this, known, interval, where);
}

}  // namespace buskin::io
