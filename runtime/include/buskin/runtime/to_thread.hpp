// A blocking function, awaited. asyncio's to_thread.
#pragma once

#include <buskin/runtime/detail/job_wait.hpp>

#include <source_location>
#include <type_traits>
#include <utility>

namespace buskin {

/// `co_await to_thread(function, args...)` runs `function(args...)` on a thread of the runtime's
/// default executor and yields what it returns, or throws what it throws.
///
/// Function and arguments are copied or moved in, and handed to the call as rvalues (as std::thread
/// does; std::ref for a reference); what is left of them is destroyed on that thread before the
/// task goes on. A function that takes a std::stop_token before the arguments gets one. The
/// caller's local<T> values are visible in the function.
///
/// Cancellation: abandons the wait. A job that has not begun is withdrawn and never runs. One that
/// runs is asked to stop by its token and finished by the pool, which owns it; its result or
/// exception is dropped. So what it uses must be its own.
/// Fails with what the function throws; `executor_full` and `executor_shutdown`, and
/// std::system_error if no thread can be started.
///
/// Where time is moved by hand (`manual_clock::mode::jump`), it does not jump while a job is
/// awaited.
template <class F, class... Args>
class [[nodiscard("a function for a thread does not run unless it is awaited")]] to_thread final
    : public detail::job_awaiter<typename detail::job_result<F, Args...>::type> {
 public:
  explicit to_thread(F function, Args... args,
                     std::source_location where = std::source_location::current())
      : detail::job_awaiter<result>(new detail::awaited_call<result, F, Args...>(
                                        where, std::move(function), std::move(args)...),
                                    where) {}

  bool await_ready() { return this->start("to_thread", detail::give_to_default_pool); }

 private:
  using result = typename detail::job_result<F, Args...>::type;
};

template <class F, class... Args>
to_thread(F&&, Args&&...) -> to_thread<std::decay_t<F>, std::decay_t<Args>...>;

}  // namespace buskin
