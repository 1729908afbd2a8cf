// A request on behalf of an Asio handler: a small task asks, and its end calls the handler.
#pragma once

#include <buskin/actors/ask.hpp>
#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/task.hpp>

#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>

#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

namespace buskin::detail {

/// The runtime that `whom` lives in. Throws invalid_state when it has none of ours.
runtime& runtime_of(const caf::strong_actor_ptr& whom);

/// What the handler is told when the request was called off, or its task ended otherwise.
std::exception_ptr aborted();
std::exception_ptr forsaken();

/// What the handler's cancellation slot does.
class request_control {
 public:
  void started(lean_ref<task_actor_base> asking);
  void call_off();
  bool called_off() const;

 private:
  mutable std::mutex mutex_;
  lean_ref<task_actor_base> asking_;  // guarded by mutex_
  bool called_off_ = false;           // guarded by mutex_
};

/// The handler until it is called: once, whatever happens.
template <class R, class Handler>
class answer_handler {
 public:
  using executor = asio::associated_executor_t<Handler, asio::io_context::executor_type>;
  using tracked = std::decay_t<decltype(asio::prefer(std::declval<executor>(),
                                                     asio::execution::outstanding_work.tracked))>;

  answer_handler(Handler handler, runtime& owner, std::shared_ptr<request_control> control)
      : control_(std::move(control)),
        handler_(std::make_unique<Handler>(std::move(handler))),
        executor_(asio::prefer(asio::get_associated_executor(*handler_, owner.io().get_executor()),
                               asio::execution::outstanding_work.tracked)) {}
  answer_handler(answer_handler&&) noexcept = default;
  answer_handler& operator=(answer_handler&&) = delete;
  ~answer_handler() {
    if (handler_) fail(control_->called_off() ? aborted() : forsaken());
  }

  /// Lets the handler's slot call the request off.
  void connect() const {
    if (auto slot = asio::get_associated_cancellation_slot(*handler_); slot.is_connected())
      slot.assign([control = control_](asio::cancellation_type) { control->call_off(); });
  }

  template <class... Values>
  void complete(std::exception_ptr error, Values... values) {
    auto executor = executor_;
    asio::post(executor, [handler = std::move(handler_), error = std::move(error),
                          ... values = std::move(values)]() mutable {
      // What the slot refers to is gone with the request.
      if (auto slot = asio::get_associated_cancellation_slot(*handler); slot.is_connected())
        slot.clear();
      auto call = std::move(*handler);
      handler.reset();
      std::move(call)(std::move(error), std::move(values)...);
    });
  }
  void fail(std::exception_ptr error) {
    if constexpr (std::is_void_v<R>)
      complete(std::move(error));
    else
      complete(std::move(error), R{});
  }

 private:
  std::shared_ptr<request_control> control_;
  std::unique_ptr<Handler> handler_;  // null when it was called
  tracked executor_;
};

/// Whether the task that runs here is being cancelled.
bool being_cancelled() noexcept;

template <class R, class Handler, class Request>
task<void> ask_for(answer_handler<R, Handler> handler, caf::strong_actor_ptr whom, time_limit limit,
                   Request request) {
  std::exception_ptr error;
  try {
    auto asking = std::apply(
        [&](auto&... parts) { return ask<R>(whom, limit, std::move(parts)...); }, request);
    if constexpr (std::is_void_v<R>) {
      co_await asking;
      handler.complete(nullptr);
    } else {
      handler.complete(nullptr, co_await asking);
    }
    co_return;
  } catch (const cancelled&) {
    if (being_cancelled()) throw;  // the handler is told when this frame goes
    error = std::current_exception();
  } catch (...) {
    error = std::current_exception();
  }
  handler.fail(std::move(error));
}

template <class R, class Handler, class Request>
void start_async_request(Handler handler, caf::strong_actor_ptr whom, time_limit limit,
                         Request request) {
  runtime& owner = runtime_of(whom);
  const auto control = std::make_shared<request_control>();
  answer_handler<R, Handler> pending(std::move(handler), owner, control);
  pending.connect();
  auto asking =
      start_task(owner, ask_for<R>(std::move(pending), std::move(whom), limit, std::move(request)),
                 {"async_ask"}, limit.where);
  control->started(lean_ref<task_actor_base>(asking.get()));
}

}  // namespace buskin::detail
