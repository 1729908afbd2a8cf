// Files on a system that interrupts, does less than it was asked for, and fails, by seed. This
// program replaces the calls of the C library that reading and writing stand on; a program of its
// own, as everything in it is concerned.
#include <buskin/io/file.hpp>
#include <buskin/io/whole_file.hpp>

#include "io/live_stage.hpp"
#include "io/scratch.hpp"
#include "support/seeds.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <utility>

namespace {

/// What goes wrong, for regular files only, while it is armed.
struct faults {
  std::mutex mutex;
  std::mt19937_64 random;  // guarded by mutex
  int errors_in_a_hundred = 0;
  std::atomic<bool> armed = false;
  std::atomic<int> interruptions = 0;
  std::atomic<int> short_ones = 0;
  std::atomic<int> errors = 0;

  bool concern(int descriptor) const {
    struct stat about {};
    return armed && ::fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode);
  }
  /// -1, with errno, or how many bytes are to be passed on.
  std::ptrdiff_t judge(int descriptor, std::size_t size) {
    if (!concern(descriptor)) return static_cast<std::ptrdiff_t>(size);
    std::lock_guard guard(mutex);
    const auto fate = static_cast<int>(random() % 100);
    if (fate < errors_in_a_hundred) {
      ++errors;
      errno = EIO;
      return -1;
    }
    if (fate < 30) {
      ++interruptions;
      errno = EINTR;
      return -1;
    }
    if (fate < 70 && size > 1) {
      ++short_ones;
      return static_cast<std::ptrdiff_t>(1 + random() % (size - 1));
    }
    return static_cast<std::ptrdiff_t>(size);
  }
};

faults system_faults;

}  // namespace

// -- in place of the C library's ------------------------------------------------------------------

extern "C" {

ssize_t read(int descriptor, void* target, std::size_t size) {
  const auto most = system_faults.judge(descriptor, size);
  return most < 0 ? -1 : ::syscall(SYS_read, descriptor, target, most);
}
ssize_t write(int descriptor, const void* bytes, std::size_t size) {
  const auto most = system_faults.judge(descriptor, size);
  return most < 0 ? -1 : ::syscall(SYS_write, descriptor, bytes, most);
}
ssize_t pread(int descriptor, void* target, std::size_t size, off_t offset) {
  const auto most = system_faults.judge(descriptor, size);
  return most < 0 ? -1 : ::syscall(SYS_pread64, descriptor, target, most, offset);
}
ssize_t pwrite(int descriptor, const void* bytes, std::size_t size, off_t offset) {
  const auto most = system_faults.judge(descriptor, size);
  return most < 0 ? -1 : ::syscall(SYS_pwrite64, descriptor, bytes, most, offset);
}
int fsync(int descriptor) {
  return system_faults.judge(descriptor, 1) < 0
             ? -1
             : static_cast<int>(::syscall(SYS_fsync, descriptor));
}

}  // extern "C"

namespace {

using namespace buskin;
using namespace buskin::test;
using io::file;

namespace fs = std::filesystem;

/// For as long as it lives the system is like that.
class bad_times {
 public:
  bad_times(std::uint64_t seed, int errors_in_a_hundred) {
    system_faults.random.seed(seed);
    system_faults.errors_in_a_hundred = errors_in_a_hundred;
    system_faults.armed = true;
  }
  ~bad_times() { system_faults.armed = false; }
  bad_times(const bad_times&) = delete;
  bad_times& operator=(const bad_times&) = delete;
};

/// What is there, whatever the system is like.
std::string truth_of(const fs::path& path) {
  const bool armed = system_faults.armed.exchange(false);
  std::string bytes = contents_of(path);
  system_faults.armed = armed;
  return bytes;
}

/// Whether `bytes` is `before` with a beginning of `written` put at `offset`.
bool is_partly(const std::string& bytes, std::string before, std::size_t offset,
               const std::string& written) {
  for (std::size_t count = 0; count <= written.size(); ++count) {
    if (count != 0) {
      if (before.size() < offset + count) before.resize(offset + count);
      before[offset + count - 1] = written[count - 1];
    }
    if (bytes == before) return true;
  }
  return false;
}

/// Plays with one file, and knows what must be in it.
class player {
 public:
  player(const scratch& folder, std::uint64_t seed)
      : random_(seed), path_(folder.with("a", text_of(3000))), expected_(truth_of(path_)) {}

  task<void> play(int moves) {
    auto f = co_await opened();
    for (int i = 0; i != moves; ++i) {
      switch (random_() % 6) {
        case 0:
          co_await write(f);
          break;
        case 1:
          co_await read(f);
          break;
        case 2:
          check_whole(co_await result_of(io::read_all(path_)));
          break;
        case 3:
          co_await append();
          break;
        case 4:
          co_await replace();
          f = co_await opened();
          break;
        default:
          co_await result_of(sync(f));
          break;
      }
      BOOST_REQUIRE(truth_of(path_) == expected_);
    }
  }

 private:
  task<file> opened() { co_return co_await file::open(path_, "r+"); }
  static task<std::string> sync(file f) {
    co_await f.sync();
    co_return "";
  }
  static task<std::string> read_at(file f, std::size_t offset, std::size_t size) {
    co_return co_await f.read_at(offset, size);
  }
  static task<std::string> write_at(file f, std::size_t offset, std::string bytes) {
    co_await f.write_at(offset, std::move(bytes));
    co_return "";
  }
  static task<std::string> append_to(fs::path path, std::string bytes) {
    co_await io::append(path, std::move(bytes));
    co_return "";
  }
  static task<std::string> put(fs::path path, std::string bytes) {
    co_await io::replace(path, std::move(bytes));
    co_return "";
  }

  std::string text_of(std::size_t most) {
    std::string text(random_() % most, ' ');
    for (auto& each : text) each = static_cast<char>('a' + random_() % 26);
    return text;
  }

  /// None when it failed, which it may only do as the system does.
  task<std::optional<std::string>> result_of(task<std::string> operation) {
    try {
      co_return co_await std::move(operation);
    } catch (const std::system_error& error) {
      BOOST_REQUIRE_MESSAGE(error.code() == std::errc::io_error, error.what());
      BOOST_REQUIRE_MESSAGE(mentions(error, path_.string()), error.what());
    }
    co_return std::nullopt;
  }
  void check_whole(const std::optional<std::string>& got) const {
    if (got) BOOST_REQUIRE(*got == expected_);
  }

  task<void> write(file f) {
    const std::size_t offset = random_() % (expected_.size() + 1);
    const std::string bytes = text_of(2000);
    if (co_await result_of(write_at(f, offset, bytes))) {
      if (expected_.size() < offset + bytes.size()) expected_.resize(offset + bytes.size());
      expected_.replace(offset, bytes.size(), bytes);
    } else {
      const auto now = truth_of(path_);
      BOOST_REQUIRE(is_partly(now, expected_, offset, bytes));
      expected_ = now;
    }
  }
  task<void> read(file f) {
    const std::size_t offset = random_() % (expected_.size() + 1);
    const std::size_t size = 1 + random_() % 2000;
    const auto got = co_await result_of(read_at(f, offset, size));
    if (!got) co_return;
    BOOST_REQUIRE(*got == expected_.substr(offset, got->size()));
    // Less than there is only where the system failed behind it.
    if (system_faults.errors_in_a_hundred == 0 || got->empty())
      BOOST_REQUIRE(got->size() == std::min(size, expected_.size() - offset));
  }
  task<void> append() {
    const std::string bytes = text_of(2000);
    const bool done = (co_await result_of(append_to(path_, bytes))).has_value();
    const auto now = truth_of(path_);
    if (done)
      BOOST_REQUIRE(now == expected_ + bytes);
    else
      BOOST_REQUIRE(is_partly(now, expected_, expected_.size(), bytes));
    expected_ = now;
  }
  task<void> replace() {
    const std::string bytes = text_of(4000);
    const bool done = (co_await result_of(put(path_, bytes))).has_value();
    const auto now = truth_of(path_);
    BOOST_REQUIRE((now == bytes || (!done && now == expected_)));
    expected_ = now;
  }

  std::mt19937_64 random_;
  const fs::path path_;
  std::string expected_;
};

void play_all(int errors_in_a_hundred) {
  system_faults.interruptions = system_faults.short_ones = system_faults.errors = 0;
  for (const auto seed : seeds(60)) {
    BOOST_TEST_CONTEXT(replay(seed)) {
      live_stage s;
      const scratch folder;
      player one(folder, seed);
      const bad_times now(seed, errors_in_a_hundred);
      s.run(one.play(40));
    }
  }
  BOOST_TEST_MESSAGE(system_faults.interruptions << " interruptions, " << system_faults.short_ones
                                                 << " short ones, " << system_faults.errors
                                                 << " errors");
  BOOST_TEST(system_faults.interruptions > 0);
  BOOST_TEST(system_faults.short_ones > 0);
  BOOST_TEST((system_faults.errors > 0) == (errors_in_a_hundred != 0));
}

BOOST_AUTO_TEST_SUITE(file_seeds_)

// F2
BOOST_AUTO_TEST_CASE(interruptions_and_short_calls_change_nothing) { play_all(0); }

// F2
BOOST_AUTO_TEST_CASE(what_fails_says_so_and_never_leaves_a_part_for_the_whole) { play_all(5); }

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
