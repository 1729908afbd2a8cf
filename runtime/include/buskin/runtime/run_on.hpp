// A function on any executor, awaited. asyncio's run_in_executor.
#pragma once

#include <buskin/runtime/detail/job_wait.hpp>
#include <buskin/runtime/executor.hpp>
#include <buskin/runtime/thread_pool.hpp>

#include <asio/execution/executor.hpp>
#include <asio/is_executor.hpp>
#include <asio/post.hpp>

#include <source_location>
#include <type_traits>
#include <utility>

namespace buskin {

namespace detail {

template <class E>
concept asio_executor = asio::execution::is_executor<E>::value || asio::is_executor<E>::value;

template <class E, class F>
class run_on_awaiter final : public job_awaiter<typename job_result<F>::type> {
 public:
  run_on_awaiter(E&& where_to, F function, const std::source_location& where)
      : job_awaiter<result>(new awaited_call<result, F>(where, std::move(function)), where),
        executor_(std::forward<E>(where_to)) {}

  bool await_ready() {
    return this->start("run_on", [this](job work) {
      if constexpr (std::is_same_v<std::remove_reference_t<E>, thread_pool>)
        executor_.enqueue(std::move(work));  // in a full pool the job waits, not this thread
      else if constexpr (asio_executor<std::remove_cvref_t<E>>)
        asio::post(executor_, std::move(work));
      else
        executor_.execute(std::move(work));
    });
  }

 private:
  using result = typename job_result<F>::type;
  E executor_;  // a reference, or the caller's temporary
};

}  // namespace detail

/// `co_await run_on(pool, function)` runs `function()` on an executor (a thread_pool, an Asio
/// executor, one of yours) and yields what it returns, or throws what it throws; the task itself
/// goes on where it was.
///
/// Everything else is as with `to_thread`: a function may take a std::stop_token, local<T> values
/// go along, cancellation abandons the wait. When a thread_pool is full the task waits for room or
/// gets executor_full, as the pool's options say. Lifetime: an executor given as an lvalue is
/// referred to until the job was handed over, and must shut down, or live, until its jobs have
/// ended.
template <class E, class F>
requires executor<std::remove_reference_t<E>> || detail::asio_executor<std::remove_cvref_t<E>>
auto run_on(E&& where_to, F function,
            std::source_location where = std::source_location::current()) {
  return detail::run_on_awaiter<E, F>(std::forward<E>(where_to), std::move(function), where);
}

}  // namespace buskin
