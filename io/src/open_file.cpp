#include <buskin/io/detail/open_file.hpp>

#include <buskin/runtime/errors.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace buskin::io::detail {

namespace fs = std::filesystem;

namespace {

// Between two looks at whether it is to stop.
constexpr std::size_t step = 8 * 1024 * 1024;
constexpr std::size_t some = 64 * 1024;
constexpr auto next_look = std::chrono::milliseconds(20);

[[noreturn]] void fail_with(int error, const std::string& text) {
  throw std::system_error(error, std::system_category(), text);
}

int flags_of(const fs::path& path, const open_options& options) {
  const bool write = options.write || options.append;
  if (!options.read && !write)
    throw std::invalid_argument("to open " + quoted(path) + " it must be read, written, or both");
  if (options.truncate && !write)
    throw std::invalid_argument("to truncate " + quoted(path) + " it must be opened for writing");
  // Without waiting: a FIFO or a terminal would keep the thread where nothing can stop it.
  int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  flags |= options.read ? (write ? O_RDWR : O_RDONLY) : O_WRONLY;
  if (options.append) flags |= O_APPEND;
  if (options.create || options.exclusive) flags |= O_CREAT;
  if (options.exclusive) flags |= O_EXCL;
  if (options.truncate) flags |= O_TRUNC;
  return flags;
}

bool leads_to_fifo(const fs::path& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 && S_ISFIFO(about.st_mode);
}

unique_descriptor opened(const fs::path& path, const open_options& options,
                         const std::stop_token& stop) {
  const std::string text = "cannot open " + quoted(path);
  if (path.native().find('\0') != std::string::npos)
    throw std::invalid_argument(text + ": there is a NUL in its name");
  const int flags = flags_of(path, options);
  for (;;) {
    unique_descriptor made(::open(path.c_str(), flags, static_cast<mode_t>(options.permissions)));
    if (made) return made;
    const int error = errno;
    if (stop.stop_requested()) fail_with(ECANCELED, text);
    if (error == EINTR) continue;
    // Nobody reads from the FIFO yet, and nothing tells when that changes.
    if (error != ENXIO || !leads_to_fifo(path)) fail_with(error, text);
    std::this_thread::sleep_for(next_look);
  }
}

file_status::time time_of(const timespec& when) {
  return file_status::time(std::chrono::seconds(when.tv_sec) +
                           std::chrono::nanoseconds(when.tv_nsec));
}

fs::file_type type_of(mode_t mode) {
  if (S_ISREG(mode)) return fs::file_type::regular;
  if (S_ISDIR(mode)) return fs::file_type::directory;
  if (S_ISFIFO(mode)) return fs::file_type::fifo;
  if (S_ISCHR(mode)) return fs::file_type::character;
  if (S_ISBLK(mode)) return fs::file_type::block;
  if (S_ISSOCK(mode)) return fs::file_type::socket;
  return fs::file_type::unknown;
}

file_status to_status(const struct stat& about) {
  file_status result;
  result.type = type_of(about.st_mode);
  result.size = static_cast<std::uint64_t>(about.st_size);
  result.permissions = static_cast<fs::perms>(about.st_mode & 07777);
  result.modified = time_of(about.st_mtim);
  result.accessed = time_of(about.st_atim);
  result.changed = time_of(about.st_ctim);
  result.owner = about.st_uid;
  result.group = about.st_gid;
  result.device = about.st_dev;
  result.inode = about.st_ino;
  result.links = about.st_nlink;
  return result;
}

off_t offset_of(std::uint64_t offset) { return static_cast<off_t>(offset); }

}  // namespace

std::string quoted(const fs::path& path) { return "\"" + path.string() + "\""; }

bool wait_until_ready(int descriptor, short events, const std::stop_token& stop) {
  const unique_descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) fail_with(errno, "cannot wait for a descriptor");
  const std::stop_callback told(stop, [&wake] { ::eventfd_write(wake.get(), 1); });
  pollfd both[] = {{descriptor, events, 0}, {wake.get(), POLLIN, 0}};
  while (::poll(both, 2, -1) < 0)
    if (errno != EINTR) fail_with(errno, "cannot wait for a descriptor");
  return both[1].revents == 0;
}

file_status status_of(const fs::path& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) fail_with(errno, "cannot look at " + quoted(path));
  return to_status(about);
}

// -- open and closed --------------------------------------------------------------------------

open_file::open_file(const fs::path& path, const open_options& options, std::stop_token stop)
    : open_file(opened(path, options, stop), path) {}

open_file::open_file(unique_descriptor descriptor, fs::path path)
    : descriptor_(std::move(descriptor)), path_(std::move(path)) {
  look_at_it();
}

void open_file::look_at_it() {
  struct stat about {};
  if (::fstat(descriptor(), &about) != 0) fail("open");
  if (S_ISDIR(about.st_mode)) fail_with(EISDIR, "cannot open " + quoted(path_));
  regular_ = S_ISREG(about.st_mode) || S_ISBLK(about.st_mode);
  seekable_ = ::lseek(descriptor(), 0, SEEK_CUR) >= 0;
  const int flags = ::fcntl(descriptor(), F_GETFL);
  awaits_writer_ = S_ISFIFO(about.st_mode) && (flags & O_ACCMODE) == O_RDONLY;
  appends_ = (flags & O_APPEND) != 0;
  if (regular_) ::fcntl(descriptor(), F_SETFL, flags & ~O_NONBLOCK);
}

void open_file::check_open(const char* operation) const {
  if (!descriptor_)
    throw invalid_state(std::string("cannot ") + operation + " " + quoted(path_) +
                        ": the file was closed");
}

void open_file::fail(const char* operation) const {
  fail_with(errno, std::string("cannot ") + operation + " " + quoted(path_));
}

void open_file::close() {
  if (!descriptor_) return;
  // Whatever close says, the descriptor is gone.
  if (::close(descriptor_.release()) != 0 && errno != EINTR) fail("close");
}

// -- reading ----------------------------------------------------------------------------------

std::size_t open_file::read_now(char* target, std::size_t size, const std::stop_token& stop) {
  if (awaits_writer_) {
    // Until somebody opened its other end, it would look ended.
    if (!wait_until_ready(descriptor(), POLLIN, stop)) fail_with(ECANCELED, "reading was given up");
    awaits_writer_ = false;
  }
  for (;;) {
    const ssize_t got = ::read(descriptor(), target, std::min(size, step));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) fail("read from");
    if (!wait_until_ready(descriptor(), POLLIN, stop)) fail_with(ECANCELED, "reading was given up");
  }
}

std::size_t open_file::read(char* target, std::size_t size, std::stop_token stop) {
  check_open("read from");
  if (size == 0) return 0;
  if (!unread_.empty()) {
    const std::size_t count = std::min(size, unread_.size());
    std::memcpy(target, unread_.data(), count);
    unread_.erase(0, count);
    return count;
  }
  std::size_t sum = read_now(target, size, stop);
  while (regular_ && sum != 0 && sum < size && !stop.stop_requested()) {
    std::size_t got = 0;
    try {
      got = read_now(target + sum, size - sum, stop);
    } catch (const std::system_error&) {
      break;  // what was read counts; the next read fails
    }
    if (got == 0) break;
    sum += got;
  }
  return sum;
}

std::size_t open_file::read_at(std::uint64_t offset, char* target, std::size_t size,
                               std::stop_token stop) {
  check_open("read from");
  std::size_t sum = 0;
  while (sum < size && !stop.stop_requested()) {
    const ssize_t got =
        ::pread(descriptor(), target + sum, std::min(size - sum, step), offset_of(offset + sum));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && sum == 0) fail("read from");
    if (got <= 0) break;
    sum += static_cast<std::size_t>(got);
  }
  return sum;
}

std::string open_file::read(std::size_t most, std::stop_token stop) {
  std::string bytes;
  // Not all that was asked for at once: the file may be shorter by far.
  for (std::size_t room = some; bytes.size() < most; room = std::min(2 * room, step)) {
    const std::size_t before = bytes.size();
    const std::size_t want = std::min(room, most - before);
    bytes.resize(before + want);
    std::size_t got = 0;
    try {
      got = read(bytes.data() + before, want, stop);
    } catch (const std::system_error&) {
      if (before == 0) throw;
    }
    bytes.resize(before + got);
    if (!regular_ || got < want || stop.stop_requested()) break;
  }
  return bytes;
}

std::string open_file::read_at(std::uint64_t offset, std::size_t most, std::stop_token stop) {
  check_open("read from");
  std::string bytes;
  for (std::size_t room = some; bytes.size() < most; room = std::min(2 * room, step)) {
    const std::size_t before = bytes.size();
    const std::size_t want = std::min(room, most - before);
    bytes.resize(before + want);
    const std::size_t got = read_at(offset + before, bytes.data() + before, want, stop);
    bytes.resize(before + got);
    if (got < want) break;
  }
  return bytes;
}

std::string open_file::read_all(std::size_t limit, std::stop_token stop) {
  check_open("read from");
  std::string bytes;
  std::size_t sum = 0;
  try {
    struct stat about {};
    std::size_t room = some;
    if (regular_ && ::fstat(descriptor(), &about) == 0)
      room = std::max(room, static_cast<std::size_t>(about.st_size) + 1);
    for (; !stop.stop_requested(); room = std::min(2 * room, step)) {
      // One byte more than is allowed tells that there are too many.
      const std::size_t want = std::min(room, limit - sum + (limit == SIZE_MAX ? 0 : 1));
      bytes.resize(sum + want);
      const std::size_t got = read(bytes.data() + sum, want, stop);
      sum += got;
      if (sum > limit)
        throw limit_overrun(quoted(path_) + " has more than the " + std::to_string(limit) +
                                " bytes that are read at once; raise the limit, or read it in "
                                "parts",
                            limit);
      if (got == 0) break;
    }
  } catch (...) {
    unread(std::string_view(bytes).substr(0, sum));
    throw;
  }
  bytes.resize(sum);
  return bytes;
}

void open_file::unread(std::string_view bytes) {
  if (bytes.empty() || !descriptor_) return;
  if (!seekable_)
    unread_.insert(0, bytes);
  else
    ::lseek(descriptor(), -static_cast<off_t>(bytes.size()), SEEK_CUR);
}

// -- writing ----------------------------------------------------------------------------------

void open_file::write(std::string_view bytes, std::stop_token stop) {
  check_open("write to");
  const std::size_t all = bytes.size();
  while (!bytes.empty()) {
    const ssize_t put = regular_ ? ::write(descriptor(), bytes.data(), std::min(bytes.size(), step))
                                 : write_without_signal(descriptor(), bytes.data(), bytes.size());
    if (put >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(put));
      continue;
    }
    int error = errno;
    if (error == EINTR) continue;
    if (error == EAGAIN) {
      if (wait_until_ready(descriptor(), POLLOUT, stop)) continue;
      error = ECANCELED;
    }
    fail_with(error, "cannot write to " + quoted(path_) + ", of " + std::to_string(all) +
                         " bytes " + std::to_string(all - bytes.size()) + " were written");
  }
}

void open_file::write_at(std::uint64_t offset, std::string_view bytes) {
  check_open("write to");
  if (appends_)
    throw invalid_state("cannot write to " + quoted(path_) + " at " + std::to_string(offset) +
                        ": it was opened to append, so everything goes to its end");
  const std::size_t all = bytes.size();
  while (!bytes.empty()) {
    const std::size_t done = all - bytes.size();
    const ssize_t put = ::pwrite(descriptor(), bytes.data(), std::min(bytes.size(), step),
                                 offset_of(offset + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0)
      fail_with(errno, "cannot write to " + quoted(path_) + ", of " + std::to_string(all) +
                           " bytes " + std::to_string(done) + " were written");
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

// -- everything else --------------------------------------------------------------------------

std::uint64_t open_file::seek(std::int64_t offset, int whence) {
  check_open("seek in");
  const off_t now = ::lseek(descriptor(), offset, whence);
  if (now < 0) fail("seek in");
  return static_cast<std::uint64_t>(now);
}

void open_file::truncate(std::uint64_t size) {
  check_open("truncate");
  while (::ftruncate(descriptor(), offset_of(size)) != 0)
    if (errno != EINTR) fail("truncate");
}

// Not again after a failure: what could not be written is marked as written by then.
void open_file::sync() {
  check_open("sync");
  while (::fsync(descriptor()) != 0)
    if (errno != EINTR) fail("sync");
}

void open_file::sync_data() {
  check_open("sync");
  while (::fdatasync(descriptor()) != 0)
    if (errno != EINTR) fail("sync");
}

file_status open_file::status() const {
  check_open("look at");
  struct stat about {};
  if (::fstat(descriptor(), &about) != 0) fail("look at");
  return to_status(about);
}

}  // namespace buskin::io::detail
