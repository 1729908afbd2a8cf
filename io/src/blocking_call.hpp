// to_thread for operations of this floor: in reports it is their caller who waits.
#pragma once

#include <buskin/runtime/detail/job_wait.hpp>

#include <functional>
#include <source_location>
#include <utility>

namespace buskin::io::detail {

using namespace buskin::detail;

template <class F>
class blocking_call final : public job_awaiter<typename job_result<F>::type> {
 public:
  blocking_call(F function, const std::source_location& where)
      : job_awaiter<result>(new awaited_call<result, F>(where, std::move(function)), where) {}
  bool await_ready() { return this->start("a file operation", give_to_default_pool); }

 private:
  using result = typename job_result<F>::type;
};

/// Runs something that blocks, which nobody awaits, in the default pool; here in a thread that is
/// no worker's, and where there is no pool any more. What it throws is reported.
void run_aside(std::function<void()> work) noexcept;

}  // namespace buskin::io::detail
