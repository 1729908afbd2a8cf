#include <buskin/runtime/use_task.hpp>

#include <buskin/runtime/sleep.hpp>

#include <support/instances.hpp>
#include <support/stage.hpp>

#include <asio.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace buskin;
using namespace buskin::test;
using namespace std::chrono_literals;
using asio::local::stream_protocol;

namespace {

template <class T>
lean_ref<detail::task_actor<T>> start(stage& s, task<T> body) {
  return detail::start_task(s.runtime, std::move(body), {"subject"},
                            std::source_location::current());
}

template <class F>
void await(stage& s, F condition) {
  while (!condition()) {
    s.runtime.poll();
    std::this_thread::yield();
  }
}

void cancel(detail::task_actor_base& subject) {
  subject.cancel(std::make_exception_ptr(cancelled("enough")));
}

struct pair {
  explicit pair(asio::io_context& io) : ours(io), theirs(io) {
    asio::local::connect_pair(ours, theirs);
  }
  stream_protocol::socket ours;
  stream_protocol::socket theirs;
};

/// An io_context with a thread of its own.
class other_loop {
 public:
  ~other_loop() {
    work_.reset();
    thread_.join();
  }
  asio::io_context io;

 private:
  asio::executor_work_guard<asio::io_context::executor_type> work_{io.get_executor()};
  std::thread thread_{[this] { io.run(); }};
};

/// An operation that ends when the test says so, and says how often it was called off.
template <class Signature>
struct by_hand;
template <class... Values>
struct by_hand<void(Values...)> {
  struct pending {
    std::optional<detail::operation_handler<Values...>> handler;
    int called_off = 0;
    bool ends_when_called_off = false;
  };
  pending state;

  template <class Token>
  auto begin(Token&& token) {
    return asio::async_initiate<Token, void(Values...)>(
        [this](auto handler) {
          handler.get_cancellation_slot().assign(
              [this](asio::cancellation_type) { ++state.called_off; });
          state.handler.emplace(std::move(handler));
        },
        token);
  }
  template <class... Given>
  void end(Given&&... values) {
    auto handler = std::move(*state.handler);
    state.handler.reset();
    std::move(handler)(std::forward<Given>(values)...);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(use_task_)

BOOST_AUTO_TEST_CASE(bytes_are_read_from_a_socket_of_the_runtime_s_loop) {
  stage s;
  s.run([](stage& s) -> task<void> {
    pair sockets(s.runtime.io());
    std::string received(5, ' ');
    co_await asio::async_write(sockets.theirs, asio::buffer("hello", 5), use_task);
    const std::size_t n = co_await asio::async_read(sockets.ours, asio::buffer(received), use_task);
    BOOST_TEST(n == 5U);
    BOOST_TEST(received == "hello");
  }(s));
}

BOOST_AUTO_TEST_CASE(an_error_code_is_thrown_as_a_system_error) {
  stage s;
  s.run([](stage& s) -> task<void> {
    pair sockets(s.runtime.io());
    sockets.theirs.close();
    char byte = 0;
    bool ended = false;
    try {
      co_await sockets.ours.async_read_some(asio::buffer(&byte, 1), use_task);
    } catch (const std::system_error& error) {
      ended = error.code() == asio::error::eof;
    }
    BOOST_TEST(ended);
  }(s));
}

BOOST_AUTO_TEST_CASE(values_are_yielded_one_as_it_is_and_several_as_a_tuple) {
  stage s;
  by_hand<void()> nothing;
  by_hand<void(int)> one;
  by_hand<void(asio::error_code, int, std::unique_ptr<std::string>)> several;
  by_hand<void(std::exception_ptr)> failing;
  auto subject = start(s, [](auto& a, auto& b, auto& c, auto& d) -> task<std::string> {
    static_assert(std::is_void_v<decltype(a.begin(use_task).await_resume())>);
    co_await a.begin(use_task);
    const int x = co_await b.begin(use_task);
    auto [y, z] = co_await c.begin(use_task);
    try {
      co_await d.begin(use_task);
    } catch (const std::out_of_range& error) {
      co_return std::to_string(x) + std::to_string(y) + *z + error.what();
    }
    co_return "";
  }(nothing, one, several, failing));
  s.settle();
  nothing.end();
  s.settle();
  one.end(1);
  s.settle();
  several.end(asio::error_code(), 2, std::make_unique<std::string>("three"));
  s.settle();
  failing.end(std::make_exception_ptr(std::out_of_range("four")));
  s.settle();
  BOOST_TEST(subject->result<true>() == "12threefour");
}

BOOST_AUTO_TEST_CASE(an_operation_begins_when_it_is_awaited_and_owns_its_arguments) {
  stage s;
  int begun = 0;
  s.run([](int& begun) -> task<void> {
    auto text = std::make_unique<std::string>("kept");
    auto later = asio::async_initiate<const use_task_t, void(std::string)>(
        [&begun](auto handler, std::unique_ptr<std::string> argument, std::string copy) {
          ++begun;
          std::move(handler)(*argument + copy);
        },
        use_task, std::move(text), std::string(" too"));
    co_await yield();
    BOOST_TEST(begun == 0);
    BOOST_TEST(co_await later == "kept too");
    BOOST_TEST(begun == 1);
  }(begun));
}

BOOST_AUTO_TEST_CASE(an_initiation_that_throws_throws_at_the_await) {
  stage s;
  s.run([]() -> task<void> {
    bool thrown = false;
    try {
      co_await asio::async_initiate<const use_task_t, void()>([](auto) { throw std::bad_alloc(); },
                                                              use_task);
    } catch (const std::bad_alloc&) {
      thrown = true;
    }
    BOOST_TEST(thrown);
  }());
}

BOOST_AUTO_TEST_CASE(cancellation_breaks_the_operation_off_and_waits_for_its_end) {
  stage s;
  pair sockets(s.runtime.io());
  auto subject = start(s, [](pair& sockets) -> task<void> {
    char bytes[16];
    co_await sockets.ours.async_read_some(asio::buffer(bytes), use_task);
  }(sockets));
  s.settle();
  cancel(*subject);
  await(s, [&] { return subject->done(); });
  BOOST_TEST((subject->state() == detail::task_state::cancelled));
  // The socket is as usable as before, and nothing was taken from it.
  s.run([](pair& sockets) -> task<void> {
    co_await asio::async_write(sockets.theirs, asio::buffer("x", 1), use_task);
    char byte = 0;
    co_await sockets.ours.async_read_some(asio::buffer(&byte, 1), use_task);
    BOOST_TEST(byte == 'x');
  }(sockets));
}

// covers TRI-011
BOOST_AUTO_TEST_CASE(an_operation_that_cannot_be_broken_off_delays_the_cancellation_until_it_ends) {
  stage s;
  by_hand<void(asio::error_code)> stubborn;
  auto subject =
      start(s, [](auto& operation) -> task<void> { co_await operation.begin(use_task); }(stubborn));
  s.settle();
  cancel(*subject);
  s.settle();
  cancel(*subject);
  s.settle();
  BOOST_TEST(!subject->done());
  BOOST_TEST(stubborn.state.called_off == 1);
  stubborn.end(asio::error_code(asio::error::operation_aborted));
  s.settle();
  BOOST_TEST((subject->state() == detail::task_state::cancelled));
}

BOOST_AUTO_TEST_CASE(a_result_that_came_before_the_cancellation_took_effect_is_not_lost) {
  stage s;
  by_hand<void(asio::error_code, std::size_t)> stubborn;
  std::size_t got = 0;
  auto subject = start(s, [](auto& operation, std::size_t& n) -> task<void> {
    n = co_await operation.begin(use_task);
    co_await yield();  // here it surfaces
    n = 0;
  }(stubborn, got));
  s.settle();
  cancel(*subject);
  s.settle();
  stubborn.end(asio::error_code(), 7U);
  s.settle();
  BOOST_TEST(got == 7U);
  BOOST_TEST((subject->state() == detail::task_state::cancelled));
}

BOOST_AUTO_TEST_CASE(a_task_that_is_being_cancelled_does_not_begin_an_operation) {
  stage s;
  by_hand<void()> never;
  auto subject = start(s, [](auto& operation) -> task<void> {
    static_cast<detail::task_actor_base*>(detail::here.actor)
        ->cancel(std::make_exception_ptr(cancelled()));
    co_await operation.begin(use_task);
  }(never));
  s.settle();
  BOOST_TEST((subject->state() == detail::task_state::cancelled));
  BOOST_TEST(!never.state.handler.has_value());
}

BOOST_AUTO_TEST_CASE(a_killed_task_keeps_its_buffers_until_the_operation_has_ended) {
  stage s;
  by_hand<void()> stubborn;
  int alive = 0;
  auto subject = start(s, [](auto& operation, int& count) -> task<void> {
    const instance buffer(count);
    co_await operation.begin(use_task);
  }(stubborn, alive));
  s.settle();
  caf::anon_send_exit(subject.handle(), caf::exit_reason::kill);
  s.settle();
  BOOST_TEST(stubborn.state.called_off == 1);
  BOOST_TEST(alive == 1);
  BOOST_TEST(!subject->done());
  stubborn.end();
  s.settle();
  BOOST_TEST(alive == 0);
  BOOST_TEST(subject->done());
}

BOOST_AUTO_TEST_CASE(a_handler_that_is_lost_leaves_nobody_waiting) {
  stage s;
  by_hand<void(asio::error_code)> lossy;
  auto subject = start(s, [](auto& operation) -> task<std::string> {
    try {
      co_await operation.begin(use_task);
    } catch (const broken_promise&) {
      co_return "broken promise";
    }
    co_return "";
  }(lossy));
  s.settle();
  lossy.state.handler.reset();
  s.settle();
  BOOST_TEST(subject->result<true>() == "broken promise");
}

BOOST_AUTO_TEST_CASE(an_operation_of_a_foreign_loop_resumes_the_task_on_its_own_worker) {
  for (const unsigned workers : {1U, 3U}) {
    stage s({.workers = workers});
    other_loop other;
    auto subject = start(s, [](asio::io_context& io) -> task<bool> {
      asio::steady_timer timer(io, 1ms);
      const auto* before = detail::here.worker;
      co_await timer.async_wait(use_task);
      co_await asio::post(io, use_task);
      co_return before != nullptr&& before == detail::here.worker;
    }(other.io));
    await(s, [&] { return subject->done(); });
    BOOST_TEST(subject->result<true>());
  }
}

BOOST_AUTO_TEST_CASE(an_operation_of_a_foreign_loop_is_called_off_in_that_loop) {
  stage s;
  other_loop other;
  auto subject = start(s, [](asio::io_context& io) -> task<void> {
    asio::steady_timer timer(io, 1h);
    co_await timer.async_wait(use_task);
  }(other.io));
  s.settle();
  cancel(*subject);
  await(s, [&] { return subject->done(); });
  BOOST_TEST((subject->state() == detail::task_state::cancelled));
}

BOOST_AUTO_TEST_CASE(a_composed_operation_on_a_strand_is_called_off_too) {
  stage s;
  other_loop other;
  auto subject = start(s, [](asio::io_context& io) -> task<void> {
    auto strand = asio::make_strand(io);
    asio::basic_stream_socket<stream_protocol, decltype(strand)> a(strand);
    asio::basic_stream_socket<stream_protocol, decltype(strand)> b(strand);
    asio::local::connect_pair(a, b);
    std::string bytes(100, ' ');
    co_await asio::async_read(a, asio::buffer(bytes), use_task);
  }(other.io));
  s.settle();
  cancel(*subject);
  await(s, [&] { return subject->done(); });
  BOOST_TEST((subject->state() == detail::task_state::cancelled));
}

BOOST_AUTO_TEST_CASE(many_tasks_of_several_workers_use_asio_timers_and_cancel_them) {
  stage s({.workers = 3});
  std::atomic<int> waited{0};
  std::vector<lean_ref<detail::task_actor<void>>> all;
  for (int i = 0; i != 60; ++i)
    all.push_back(start(s, [](int n, runtime& r, std::atomic<int>& count) -> task<void> {
      asio::steady_timer timer(r.io());
      for (int k = 0; k != 5; ++k) {
        timer.expires_after(std::chrono::microseconds(100 * (n % 7)));
        co_await timer.async_wait(use_task);
        ++count;
      }
      timer.expires_after(1h);
      co_await timer.async_wait(use_task);
    }(i, s.runtime, waited)));
  await(s, [&] { return waited == 300; });
  for (auto& each : all) cancel(*each);
  await(s, [&] {
    return std::all_of(all.begin(), all.end(), [](auto& each) { return each->done(); });
  });
  for (auto& each : all) BOOST_TEST((each->state() == detail::task_state::cancelled));
}

BOOST_AUTO_TEST_CASE(the_task_list_shows_the_operation_and_where_it_is_awaited) {
  stage s;
  by_hand<void()> operation;
  auto subject = start(s, [](auto& o) -> task<void> { co_await o.begin(use_task); }(operation));
  s.settle();
  const auto all = s.runtime.all_tasks();
  BOOST_REQUIRE(all.size() == 1U);
  BOOST_REQUIRE(all.front().waiting.has_value());
  BOOST_TEST((all.front().waiting->kind == wait_kind::operation));
  BOOST_TEST(to_string(all.front().waiting->where).starts_with("use_task_test.cpp:"));
  operation.end();
  s.settle();
}

BOOST_AUTO_TEST_CASE(an_operation_can_only_be_awaited_inside_a_task) {
  asio::io_context io;
  asio::steady_timer timer(io);
  auto operation = timer.async_wait(use_task);
  BOOST_CHECK_THROW(operation.await_ready(), invalid_state);
}

BOOST_AUTO_TEST_SUITE_END()
