// Waits until a descriptor that is nobody's stream yet can be read or written.
#pragma once

#include <buskin/runtime/detail/coro_stack.hpp>

#include <memory>
#include <source_location>

namespace buskin::io::detail {

using namespace buskin::detail;

/// The descriptor stays the caller's and must be open until the wait is over. The waiting actor
/// stays on its worker meanwhile.
class readiness_wait final : public wait {
 public:
  enum class direction : std::uint8_t { read, write };

  readiness_wait(int descriptor, direction what, wait_kind kind, const std::source_location& where);
  ~readiness_wait();
  bool ready() noexcept override;
  bool withdraw() noexcept override;
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  void await_resume();

 private:
  struct watch;
  int descriptor_;
  direction direction_;
  std::shared_ptr<watch> watch_;
};

}  // namespace buskin::io::detail
