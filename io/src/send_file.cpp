// Sending a file over a stream: by the system's own copying, or piece by piece.
//
// What always holds: the file's bytes are a gap in what is written, so nothing comes between them;
// and the system is tried only where nothing changes the bytes on their way.
#include <buskin/io/detail/open_file.hpp>
#include <buskin/io/file.hpp>
#include <buskin/io/stream.hpp>
#include <buskin/runtime/errors.hpp>

#include "blocking_call.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

namespace buskin::io {

namespace detail {

namespace {

using place = std::optional<stream_gap>;

/// How to come by the file; not called when the stream takes none.
using opening = std::function<task<file>()>;

/// How far it has come.
struct progress {
  std::uint64_t offset = 0;  // of the next byte in the file
  std::uint64_t left = 0;    // at most
  std::uint64_t sent = 0;

  void add(std::size_t bytes) noexcept {
    offset += bytes;
    left -= bytes;
    sent += bytes;
  }
};

/// Not the file's fault, so that no other way to send it helps.
bool is_of_connection(const std::error_code& error) {
  for (const auto each :
       {std::errc::broken_pipe, std::errc::connection_reset, std::errc::connection_aborted,
        std::errc::not_connected, std::errc::timed_out, std::errc::host_unreachable,
        std::errc::network_unreachable, std::errc::network_down})
    if (error == each) return true;
  return false;
}

/// Takes the place behind what was written before.
class place_wait final : public io_wait {
 public:
  place_wait(std::shared_ptr<stream_core> core, place& gap, const std::source_location& where)
      : io_wait(wait_kind::write, std::move(core), where), gap_(gap) {}
  void await_resume() { check(); }

 private:
  bool attempt() override {
    gap_.emplace(core_);
    return true;
  }
  void enlist() override {}
  void delist() noexcept override {}
  place& gap_;
};

/// One that fills the gap, when it is reached. Yields what the stream failed with.
class gap_wait : public io_wait {
 public:
  std::error_code await_resume() {
    check();
    return error_;
  }

 protected:
  gap_wait(std::shared_ptr<stream_core> core, place& gap, progress& state,
           const std::source_location& where)
      : io_wait(wait_kind::write, std::move(core), where), gap_(*gap), progress_(state) {}
  ~gap_wait() { leave(); }
  virtual bool all_sent() const noexcept = 0;
  virtual transfer send() = 0;

  stream_gap& gap_;
  progress& progress_;

 private:
  bool attempt() final {
    for (;;) {
      if ((error_ = core_->write_error())) return true;
      if (!gap_.reached()) return false;
      if (all_sent()) return true;
      const transfer sent = send();
      progress_.add(sent.bytes);
      if (sent.what == transfer::status::would_block) return false;
      if (sent.what == transfer::status::end) return true;
      if (sent.what == transfer::status::failed) {
        error_ = sent.error;
        return true;
      }
    }
  }
  void enlist() final { gap_.tell(this); }
  void delist() noexcept final { gap_.tell(nullptr); }

  std::error_code error_;
};

class native_wait final : public gap_wait {
 public:
  native_wait(std::shared_ptr<stream_core> core, place& gap, progress& state, int descriptor,
              const std::source_location& where)
      : gap_wait(std::move(core), gap, state, where), descriptor_(descriptor) {}

 private:
  // A piece at a time: it may have to come from the disk, and others wait.
  static constexpr std::uint64_t step = 64 * 1024;

  bool all_sent() const noexcept override { return progress_.left == 0; }
  transfer send() override {
    const auto size = static_cast<std::size_t>(std::min(progress_.left, step));
    transfer sent = gap_.send_file(descriptor_, progress_.offset, size);
    if (sent.what == transfer::status::done && sent.bytes == 0) sent.what = transfer::status::end;
    return sent;
  }

  const int descriptor_;
};

class piece_wait final : public gap_wait {
 public:
  piece_wait(std::shared_ptr<stream_core> core, place& gap, progress& state, std::string_view bytes,
             const std::source_location& where)
      : gap_wait(std::move(core), gap, state, where), bytes_(bytes) {}

 private:
  bool all_sent() const noexcept override { return bytes_.empty(); }
  transfer send() override {
    const transfer sent = gap_.write(bytes_.data(), bytes_.size());
    bytes_.remove_prefix(sent.bytes);
    return sent;
  }

  std::string_view bytes_;
};

/// A sending of one file.
class sending {
 public:
  sending(stream to, std::shared_ptr<stream_core> core, const send_file_options& options,
          const std::source_location& where)
      : stream_(std::move(to)),
        core_(std::move(core)),
        fallback_(options.fallback),
        where_(where),
        progress_{options.offset, options.count.value_or(std::numeric_limits<std::uint64_t>::max()),
                  0} {}

  task<std::uint64_t> run(opening open) {
    place gap;
    co_await place_wait(core_, gap, where_);
    const file from = co_await open();
    name_ = from.describe();
    // The file's open file has a descriptor of ours, which nobody else closes.
    file_ = co_await file_wait<std::shared_ptr<open_file>>(
        "stream::send_file", line_of(from),
        [](open_file& f, const std::stop_token&) {
          if (!f.status().is_regular())
            throw std::invalid_argument("cannot send " + quoted(f.path()) +
                                        ": it is no regular file");
          return std::make_shared<open_file>(duplicate(f.descriptor()), f.path());
        },
        where_);
    const at_its_position moved{*file_, progress_};
    const auto error = co_await native_wait(core_, gap, progress_, file_->descriptor(), where_);
    if (!error) co_return progress_.sent;
    if (progress_.sent != 0 || fallback_ == send_file_fallback::none || is_of_connection(error))
      fail(error);
    co_await copy(gap);
    co_return progress_.sent;
  }

  static unique_descriptor duplicate(int descriptor) {
    unique_descriptor twin(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    if (!twin)
      throw std::system_error(last_error(), "cannot send descriptor " + std::to_string(descriptor));
    return twin;
  }

 private:
  static constexpr std::uint64_t step = 64 * 1024;

  /// However it ends, the position is behind what was sent.
  struct at_its_position {
    open_file& file;
    const progress& state;
    ~at_its_position() {
      if (state.sent != 0) ::lseek(file.descriptor(), static_cast<off_t>(state.offset), SEEK_SET);
    }
  };

  task<void> copy(place& gap) {
    while (progress_.left != 0) {
      const auto most = static_cast<std::size_t>(std::min(progress_.left, step));
      const std::string bytes = co_await blocking_call(
          [file = file_, offset = progress_.offset, most](const std::stop_token& stop) {
            return file->read_at(offset, most, stop);
          },
          where_);
      if (bytes.empty()) co_return;
      if (const auto error = co_await piece_wait(core_, gap, progress_, bytes, where_)) fail(error);
    }
  }

  [[noreturn]] void fail(const std::error_code& error) const {
    throw std::system_error(error, "cannot send " + name_ + " over " + core_->describe() + "; " +
                                       std::to_string(progress_.sent) + " bytes of it were sent");
  }

  const stream stream_;  // keeps it open
  const std::shared_ptr<stream_core> core_;
  const send_file_fallback fallback_;
  const std::source_location where_;
  progress progress_;
  std::string name_;
  std::shared_ptr<open_file> file_;
};

task<std::uint64_t> send(stream to, std::shared_ptr<stream_core> core, opening open,
                         send_file_options options, std::source_location where) {
  static constexpr auto last = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
  if (options.offset > last || options.count.value_or(0) > last - options.offset)
    throw std::invalid_argument("no file has a byte " + std::to_string(options.offset) +
                                ", or so many behind it; it cannot be sent from there");
  sending all(std::move(to), std::move(core), options, where);
  co_return co_await all.run(std::move(open));
}

task<file> opened(file which) { co_return which; }

task<file> adopted(std::shared_ptr<unique_descriptor> descriptor, std::string name) {
  co_return file(std::make_shared<file_owner>(
      std::make_unique<open_file>(std::move(*descriptor), std::move(name))));
}

}  // namespace

const std::shared_ptr<file_line>& line_of(const file& which) { return which.line(); }

}  // namespace detail

task<std::uint64_t> stream::send_file(file from, send_file_options options,
                                      std::source_location where) const {
  return detail::send(
      *this, core(), [from = std::move(from)] { return detail::opened(from); }, options, where);
}

task<std::uint64_t> stream::send_file(std::filesystem::path from, send_file_options options,
                                      std::source_location where) const {
  return detail::send(
      *this, core(),
      [from = std::move(from), where] { return file::open(from, open_options{}, where); }, options,
      where);
}

task<std::uint64_t> stream::send_file(int descriptor, send_file_options options,
                                      std::source_location where) const {
  const auto twin =
      std::make_shared<detail::unique_descriptor>(detail::sending::duplicate(descriptor));
  return detail::send(
      *this, core(),
      [twin, name = "descriptor " + std::to_string(descriptor)] {
        return detail::adopted(twin, name);
      },
      options, where);
}

}  // namespace buskin::io
