// Asio's operations, awaited inside a task.
#pragma once

#include <buskin/runtime/detail/operation_wait.hpp>

#include <asio/async_result.hpp>

#include <tuple>
#include <type_traits>
#include <utility>

namespace buskin {

/// A completion token that makes any Asio operation awaitable inside a task:
///
///     const std::size_t n = co_await socket.async_read_some(asio::buffer(bytes),
///     buskin::use_task);
///
/// The operation begins when it is awaited, not before, and owns copies of its arguments until then
/// (not of what they refer to, such as a buffer's bytes). An error code is thrown as
/// std::system_error, an exception_ptr as what it holds; of the other values one is yielded as it
/// is, several as a std::tuple.
///
/// Resumes on the task's own worker, wherever the operation completes: the object may belong to any
/// io_context, strand or thread pool. With several workers the task stays on the one where it first
/// awaited such an operation.
///
/// Cancellation: is passed to the operation through its cancellation slot, where its handler runs;
/// then the task waits until the operation has really ended, since it uses buffers of the task
/// until then. An operation that cannot be broken off delays the cancellation until it ends by
/// itself. One that succeeded meanwhile yields its result, and the cancellation surfaces at the
/// next await: nothing is lost. A task that is killed is destroyed when its operation has ended.
///
/// Time: Asio's timers run by the operating system's clock, also under a manual_clock.
///
/// Lifetime: buffers and Asio objects of the task's own coroutines are safe. In a coroutine handler
/// of an actor they should belong to the actor's outside: when the actor ends in the middle, the
/// operation is broken off and awaited, but for a second at most (BK031).
struct use_task_t {};
inline constexpr use_task_t use_task{};

}  // namespace buskin

template <class R, class... Values>
class asio::async_result<buskin::use_task_t, R(Values...)> {
 public:
  template <class Initiation, class... Args>
  static auto initiate(Initiation&& initiation, buskin::use_task_t, Args&&... args) {
    using arguments = std::tuple<std::decay_t<Args>...>;
    return buskin::detail::operation<std::decay_t<Initiation>, arguments, std::decay_t<Values>...>(
        std::forward<Initiation>(initiation), arguments(std::forward<Args>(args)...));
  }
};
