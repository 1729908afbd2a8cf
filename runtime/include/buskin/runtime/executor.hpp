// What it takes to run functions elsewhere.
#pragma once

#include <buskin/runtime/job.hpp>

#include <utility>

namespace buskin {

/// Something that runs a function elsewhere: a thread_pool, a GUI's event queue, somebody else's
/// pool. (Asio's executors are taken by `run_on` as well, as they are.)
///
/// `e.execute(work)` takes a job over, which is a copyable function object without arguments. What
/// it must do:
///
/// - Call the job once, in whatever thread, and not inside `execute`, which holds nobody up.
/// - Refuse by throwing, when it is full (`executor_full`) or works no more (`executor_shutdown`).
///   A job that was refused has not run and never will.
/// - When it shuts down, call `work.refuse(reason)` for each job that it took and will not run, or
///   drop the job, which refuses it with `broken_promise`. A waiter then gets that exception.
/// - Live as long as a job of it is awaited, or shut down before.
///
/// It may ask `work.wanted()` first: a job whose waiter was cancelled need not be run, and if it is
/// called all the same, nothing happens.
///
/// `co_await run_on(e, function)` runs a function on it.
template <class E>
concept executor = requires(E& e, job work) {
  e.execute(std::move(work));
};

}  // namespace buskin
