// What a task awaits when it reads or writes a stream.
#pragma once

#include <buskin/io/detail/io_wait.hpp>
#include <buskin/io/detail/separators.hpp>
#include <buskin/io/detail/stream_core.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace buskin::io::detail {

// -- reading ------------------------------------------------------------------------------------

class read_wait : public reader_wait {
 protected:
  read_wait(std::shared_ptr<stream_core> core, const std::source_location& where) noexcept
      : reader_wait(wait_kind::read, std::move(core), where) {}
  ~read_wait() = default;
  /// A stream that broke gives nothing any more, not even what is buffered (as asyncio's reader).
  void check_whole() const {
    if (core_->read_error()) fail(core_->read_error());
  }
  /// Reads more into the buffer. False when there is nothing at present. `ended` is set at the end.
  bool fill(bool& ended);
  [[noreturn]] void fail(const std::error_code& error) const;
};

class [[nodiscard("nothing happens until it is awaited")]] read_some_wait final : public read_wait {
 public:
  read_some_wait(std::shared_ptr<stream_core> core, std::span<char> target,
                 const std::source_location& where) noexcept
      : read_wait(std::move(core), where), target_(target) {}
  std::size_t await_resume() {
    check();
    return count_;
  }

 private:
  bool attempt() override;
  std::span<char> target_;
  std::size_t count_ = 0;
};

/// One that yields bytes.
class read_bytes_wait : public read_wait {
 public:
  std::string await_resume() {
    check();
    return std::move(bytes_);
  }

 protected:
  using read_wait::read_wait;
  ~read_bytes_wait() = default;
  void take(std::size_t count);
  std::string bytes_;
};

class [[nodiscard("nothing happens until it is awaited")]] read_any_wait final
    : public read_bytes_wait {
 public:
  read_any_wait(std::shared_ptr<stream_core> core, std::size_t most,
                const std::source_location& where) noexcept
      : read_bytes_wait(std::move(core), where), most_(most) {}

 private:
  bool attempt() override;
  std::size_t most_;
};

class [[nodiscard("nothing happens until it is awaited")]] read_all_wait final
    : public read_bytes_wait {
 public:
  read_all_wait(std::shared_ptr<stream_core> core, std::size_t limit,
                const std::source_location& where) noexcept
      : read_bytes_wait(std::move(core), where), limit_(limit) {}

 private:
  bool attempt() override;
  std::size_t limit_;
};

class [[nodiscard("nothing happens until it is awaited")]] read_exactly_wait final
    : public read_bytes_wait {
 public:
  read_exactly_wait(std::shared_ptr<stream_core> core, std::size_t size,
                    const std::source_location& where) noexcept
      : read_bytes_wait(std::move(core), where), size_(size) {}

 private:
  bool attempt() override;
  std::size_t size_;
};

/// What the end of the stream makes of bytes behind the last separator.
enum class rest : std::uint8_t { fails, is_taken };

class [[nodiscard("nothing happens until it is awaited")]] read_until_wait final
    : public read_bytes_wait {
 public:
  read_until_wait(std::shared_ptr<stream_core> core, separators ends, std::size_t limit,
                  detail::rest rest, const std::source_location& where)
      : read_bytes_wait(std::move(core), where),
        ends_(std::move(ends)),
        limit_(limit),
        rest_(rest) {}

 private:
  bool attempt() override;
  separators ends_;
  std::size_t limit_;
  std::size_t searched_ = 0;
  detail::rest rest_;
};

// -- writing ------------------------------------------------------------------------------------

class writer_wait : public io_wait {
 public:
  void await_resume() { check(); }

 protected:
  writer_wait(std::shared_ptr<stream_core> core, const std::source_location& where) noexcept
      : io_wait(wait_kind::write, std::move(core), where) {}
  ~writer_wait() { leave(); }
  /// The first time true, then throws when the stream broke meanwhile.
  bool first_time();

 private:
  /// All waits of a line wait for the same, or the first could hold up the others.
  virtual wait_line& line() const noexcept { return core_->writers(); }
  void enlist() final { line().push(*this); }
  void delist() noexcept final { line().erase(*this); }
  bool begun_ = false;
};

class [[nodiscard("nothing happens until it is awaited")]] write_wait final : public writer_wait {
 public:
  write_wait(std::shared_ptr<stream_core> core, std::string_view bytes,
             const std::source_location& where) noexcept
      : writer_wait(std::move(core), where), bytes_(bytes) {}

 private:
  bool attempt() override;
  std::string_view bytes_;
};

class [[nodiscard("nothing happens until it is awaited")]] write_pieces_wait final
    : public writer_wait {
 public:
  write_pieces_wait(std::shared_ptr<stream_core> core, std::span<const std::string_view> pieces,
                    const std::source_location& where) noexcept
      : writer_wait(std::move(core), where), pieces_(pieces) {}

 private:
  bool attempt() override;
  std::span<const std::string_view> pieces_;
};

class [[nodiscard("nothing happens until it is awaited")]] drain_wait final : public writer_wait {
 public:
  drain_wait(std::shared_ptr<stream_core> core, const std::source_location& where) noexcept
      : writer_wait(std::move(core), where) {}

 private:
  bool attempt() override;
  wait_line& line() const noexcept override { return core_->drainers(); }
};

// -- ending -------------------------------------------------------------------------------------

class [[nodiscard("nothing happens until it is awaited")]] closed_wait final : public io_wait {
 public:
  closed_wait(std::shared_ptr<stream_core> core, const std::source_location& where) noexcept
      : io_wait(wait_kind::other, std::move(core), where) {}
  ~closed_wait() { leave(); }
  void await_resume() { check(); }

 private:
  bool attempt() override;
  void enlist() override { core_->closers().push(*this); }
  void delist() noexcept override { core_->closers().erase(*this); }
};

}  // namespace buskin::io::detail
