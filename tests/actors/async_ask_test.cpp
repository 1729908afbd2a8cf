#include <buskin/actors/async_ask.hpp>

#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/handlers.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/sleep.hpp>
#include <buskin/runtime/to_thread.hpp>
#include <buskin/runtime/use_task.hpp>

#include <support/stage.hpp>

#include <asio.hpp>
#include <asio/experimental/deferred.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace buskin;
using namespace buskin::test;
using namespace std::chrono_literals;

namespace {

using slow = caf::atom_constant<caf::atom("slow")>;
using fail = caf::atom_constant<caf::atom("fail")>;

class doubler final : public behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override {
    return handlers(
        this, [](int x) { return x * 2; },
        [](slow, int x) -> task<int> {
          co_await sleep(10s);
          co_return x * 2;
        },
        [](fail, std::string text) -> task<int> {
          co_await yield();
          throw std::out_of_range(text);
        });
  }
};

struct told {
  int times = 0;
  int value = -1;
  std::exception_ptr error;
  std::thread::id thread;
};

auto keep(told& into) {
  return [&into](std::exception_ptr error, int value) {
    ++into.times;
    into.error = std::move(error);
    into.value = value;
    into.thread = std::this_thread::get_id();
  };
}

bool was_aborted(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error& e) {
    return e.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

struct actors_stage : stage {
  using stage::stage;
  ~actors_stage() { caf::anon_send_exit(calculator, caf::exit_reason::user_shutdown); }
  caf::actor calculator = spawn_actor<doubler>(runtime.system());
};

}  // namespace

BOOST_AUTO_TEST_SUITE(async_ask_)

BOOST_AUTO_TEST_CASE(a_callback_gets_the_answer_on_the_runtime_s_loop_and_never_inside_the_call) {
  actors_stage s;
  told answer;
  async_ask<int>(s.calculator, 1s, 21, keep(answer));
  BOOST_TEST(answer.times == 0);
  s.settle();
  BOOST_TEST(answer.times == 1);
  BOOST_TEST((answer.error == nullptr));
  BOOST_TEST(answer.value == 42);
}

BOOST_AUTO_TEST_CASE(the_handler_runs_on_its_own_executor_which_has_work_until_then) {
  actors_stage s;
  asio::io_context other;
  told answer;
  std::thread loop;
  async_ask<int>(s.calculator, 1s, 21, asio::bind_executor(other, keep(answer)));
  loop = std::thread([&] { other.run(); });  // does not return before the handler was called
  const auto there = loop.get_id();
  s.settle();
  loop.join();
  BOOST_TEST(answer.times == 1);
  BOOST_TEST(answer.value == 42);
  BOOST_TEST((answer.thread == there));
}

BOOST_AUTO_TEST_CASE(a_future_gets_the_answer_or_what_the_handler_threw) {
  actors_stage s;
  auto right = async_ask<int>(s.calculator, 1s, 4, asio::use_future);
  auto wrong =
      async_ask<int>(s.calculator, 1s, fail::value, std::string("too far"), asio::use_future);
  s.settle();
  BOOST_TEST(right.get() == 8);
  BOOST_CHECK_EXCEPTION(wrong.get(), std::out_of_range, [](const std::out_of_range& e) {
    return e.what() == std::string("too far");
  });
}

BOOST_AUTO_TEST_CASE(an_asio_coroutine_asks_an_actor) {
  actors_stage s;
  asio::io_context other;
  int sum = 0;
  asio::co_spawn(
      other,
      [&]() -> asio::awaitable<void> {
        for (int i = 0; i != 3; ++i)
          sum += co_await async_ask<int>(s.calculator, 1s, i, asio::use_awaitable);
        co_await async_ask<void>(s.calculator, 1s, 1, asio::use_awaitable);
      },
      asio::detached);
  while (other.run_one_for(1ms) != 0 || !other.stopped()) s.settle();
  BOOST_TEST(sum == 6);
}

BOOST_AUTO_TEST_CASE(a_late_answer_is_a_timeout_and_is_dropped) {
  actors_stage s(manual_clock::mode::by_hand);
  told answer;
  async_ask<int>(s.calculator, 5s, slow::value, 1, keep(answer));
  s.settle();
  s.advance(5s);
  BOOST_TEST(answer.times == 1);
  BOOST_CHECK_THROW(std::rethrow_exception(answer.error), timeout_error);
  s.advance(10s);
  BOOST_TEST(answer.times == 1);
}

BOOST_AUTO_TEST_CASE(an_actor_that_has_ended_is_a_failure) {
  actors_stage s;
  caf::anon_send_exit(s.calculator, caf::exit_reason::kill);
  s.settle();
  told answer;
  async_ask<int>(s.calculator, 1s, 1, keep(answer));
  s.settle();
  BOOST_CHECK_THROW(std::rethrow_exception(answer.error), request_failed);
}

BOOST_AUTO_TEST_CASE(the_cancellation_slot_calls_the_request_off_before_and_after_it_began) {
  for (const bool begun : {false, true}) {
    actors_stage s(manual_clock::mode::by_hand);
    told answer;
    asio::cancellation_signal signal;
    async_ask<int>(s.calculator, infinite, slow::value, 1,
                   asio::bind_cancellation_slot(signal.slot(), keep(answer)));
    if (begun) s.settle();
    signal.emit(asio::cancellation_type::all);
    BOOST_TEST(answer.times == 0);
    s.settle();
    BOOST_TEST(answer.times == 1);
    BOOST_TEST(was_aborted(answer.error));
    signal.emit(asio::cancellation_type::all);  // disconnected by now
    s.advance(10s);
    BOOST_TEST(answer.times == 1);
  }
}

BOOST_AUTO_TEST_CASE(a_handler_is_told_when_the_runtime_ends_first) {
  asio::io_context other;
  told answer;
  {
    actors_stage s(manual_clock::mode::by_hand);
    async_ask<int>(s.calculator, infinite, slow::value, 1,
                   asio::bind_executor(other, keep(answer)));
    s.settle();
  }
  other.run();
  BOOST_TEST(answer.times == 1);
  BOOST_CHECK_THROW(std::rethrow_exception(answer.error), broken_promise);
}

BOOST_AUTO_TEST_CASE(any_thread_may_ask_a_threaded_runtime) {
  runtime_options options;
  options.workers = 3;
  actors_stage s(std::move(options));
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t != 3; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i != 50; ++i)
        if (async_ask<int>(s.calculator, infinite, t * 100 + i, asio::use_future).get() ==
            2 * (t * 100 + i))
          ++right;
    });
  while (right != 150) s.settle();
  for (auto& thread : threads) thread.join();
}

BOOST_AUTO_TEST_CASE(a_move_only_handler_and_a_lazy_token_are_fine) {
  actors_stage s;
  told answer;
  auto later = async_ask<int>(s.calculator, 1s, 3, asio::experimental::deferred);
  s.settle();
  BOOST_TEST(answer.times == 0);
  std::move(later)([&answer, held = std::make_unique<int>(1)](std::exception_ptr error, int value) {
    answer.times += *held;
    answer.error = std::move(error);
    answer.value = value;
  });
  s.settle();
  BOOST_TEST(answer.times == 1);
  BOOST_TEST(answer.value == 6);
}

namespace {

std::string use_the_loop(const caf::actor& calculator, runtime& owner) {
  std::string text =
      std::to_string(async_ask<int>(calculator, infinite, 4, asio::use_future).get());
  try {
    async_ask<int>(calculator, infinite, fail::value, std::string(" bad"), asio::use_future).get();
  } catch (const std::out_of_range& error) {
    text += error.what();
  }
  std::promise<void> called;
  owner.call_soon([&called] { called.set_value(); });
  called.get_future().get();
  return text;
}

task<void> work_elsewhere(caf::actor calculator, runtime& owner, std::atomic<bool>& waits,
                          std::atomic<bool>& told) {
  const auto text = co_await to_thread(use_the_loop, calculator, std::ref(owner));
  BOOST_TEST(text == "8 bad");
  co_await to_thread([&](std::stop_token host_cancelled) {
    waits = true;
    while (!host_cancelled.stop_requested()) std::this_thread::yield();
    told = true;
  });
}

}  // namespace

// covers TRI-034
BOOST_AUTO_TEST_CASE(a_job_on_a_thread_uses_its_loop_sees_errors_and_learns_of_the_cancellation) {
  actors_stage s;
  std::atomic<bool> waits{false};
  std::atomic<bool> told{false};
  auto subject = spawn(s.runtime, work_elsewhere(s.calculator, s.runtime, waits, told));
  while (!waits) s.settle();
  subject.cancel();
  while (!told) s.settle();
  s.settle();
  BOOST_TEST(subject.cancelled());
}

BOOST_AUTO_TEST_CASE(nobody_cannot_be_asked) {
  stage s;
  BOOST_CHECK_THROW(async_ask<int>(caf::actor(), 1s, 1, [](std::exception_ptr, int) {}),
                    invalid_state);
}

BOOST_AUTO_TEST_SUITE_END()
