// Waits for a stream: for what it receives, for what it has sent.
#pragma once

#include <buskin/io/detail/homed_wait.hpp>
#include <buskin/io/detail/stream_core.hpp>

#include <memory>
#include <source_location>
#include <string>
#include <utility>

namespace buskin::io::detail {

/// A wait for a core.
class io_wait : public homed_wait {
 protected:
  io_wait(wait_kind kind, std::shared_ptr<stream_core> core,
          const std::source_location& where) noexcept
      : homed_wait(kind, where), core_(std::move(core)) {}
  ~io_wait() = default;

  worker& home() const noexcept final { return core_->home(); }
  bool at_home() const noexcept final { return core_->is_home(); }
  bool homeless() const noexcept final { return core_->homeless(); }
  const char* operation() const noexcept final { return "a stream operation"; }
  std::string whose() const final { return core_->describe(); }

  std::shared_ptr<stream_core> core_;
};

/// One that is the core's reader meanwhile.
class reader_wait : public io_wait, private stream_reader {
 protected:
  using io_wait::io_wait;
  ~reader_wait() { leave(); }
  void enlist() final { core_->set_reader(*this); }
  void delist() noexcept final { core_->forget_reader(*this); }

 private:
  void on_read_news() final { on_news(); }
};

}  // namespace buskin::io::detail
