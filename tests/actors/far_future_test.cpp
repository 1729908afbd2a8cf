// Futures in another process.
#include <buskin/actors/future.hpp>

#include <buskin/actors/event.hpp>
#include <buskin/actors/promise.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/far_actor.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <stdexcept>
#include <string>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

template <class T>
task<T> await(future<T> f, on_cancel how = on_cancel::withdraw) {
  co_return co_await f.get(how);
}

BOOST_AUTO_TEST_SUITE(far_future_)

BOOST_AUTO_TEST_CASE_TEMPLATE(the_outcome_reaches_all_who_await_it, Setting, both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    auto [text, future_text] = make_promise<std::string>();
    const auto reached = where.reach(future_text);
    auto early = spawn(await(reached));
    co_await sleep(1ms);
    BOOST_TEST(future_text.waiter_count() == 1U);
    text.set_value("done");
    BOOST_TEST(co_await early == "done");
    BOOST_TEST(co_await reached == "done");
    auto [nothing, future_nothing] = make_promise<>();
    nothing.set_value();
    co_await where.reach(future_nothing);
    auto [failing, future_failure] = make_promise<int>();
    failing.set_exception(queue_full());
    BOOST_CHECK_THROW(co_await where.reach(future_failure), queue_full);
    auto [cancelling, future_cancelled] = make_promise<int>();
    where.reach(future_cancelled).cancel();
    co_await sleep(1ms);
    BOOST_TEST(cancelling.cancelled());
    BOOST_CHECK_THROW(co_await where.reach(future_cancelled), cancelled);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_waiter_that_is_cancelled_leaves_it_alone_or_passes_that_on, Setting,
                              both_settings) {
  stage s;
  Setting where(s);
  auto main = [&]() -> task<void> {
    auto [value, f] = make_promise<int>();
    const auto reached = where.reach(f);
    auto waiter = spawn(await(reached));
    co_await sleep(1ms);
    waiter.cancel();
    BOOST_CHECK_THROW(co_await waiter, cancelled);
    co_await sleep(1ms);
    BOOST_TEST(f.waiter_count() == 0U);
    BOOST_TEST(!f.done());
    auto passing = spawn(await(reached, on_cancel::pass_on));
    co_await sleep(1ms);
    passing.cancel();
    BOOST_CHECK_THROW(co_await passing, cancelled);
    co_await sleep(1ms);
    BOOST_TEST(f.cancelled());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(other_exceptions_keep_type_and_text_over_there) {
  stage s;
  in_another_process where(s);
  auto main = [&]() -> task<void> {
    auto [failing, f] = make_promise<int>();
    failing.set_exception(std::out_of_range("too far"));
    BOOST_CHECK_EXCEPTION(co_await where.reach(f), remote_error, [](const remote_error& e) {
      return e.type() == "std::out_of_range" && std::string(e.what()) == "too far";
    });
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_has_no_answer_at_once_says_so) {
  stage s;
  in_another_process where(s);
  auto main = [&]() -> task<void> {
    auto [value, f] = make_promise<int>();
    const auto far = where.reach(f);
    BOOST_CHECK_THROW(static_cast<void>(far.done()), invalid_state);
    BOOST_CHECK_THROW(static_cast<void>(far.cancelled()), invalid_state);
    BOOST_CHECK_THROW(static_cast<void>(far.result()), invalid_state);
    BOOST_CHECK_THROW(static_cast<void>(far.exception()), invalid_state);
    BOOST_CHECK_THROW(far.on_done([](const future<int>&) {}), invalid_state);
    BOOST_CHECK_THROW(future<std::string>::at(f.actor()), std::invalid_argument);
    BOOST_CHECK_THROW(future<int>::at(event().actor()), std::invalid_argument);
    BOOST_TEST((future<int>::at(f.actor()) == f));
    BOOST_TEST(to_string(far) ==
               "future " + std::to_string(far.actor().id()) + ", in another process");
    auto waiter = spawn(await(far));
    co_await sleep(1ms);
    where.way->cut("gone");
    BOOST_CHECK_THROW(co_await waiter, broken_promise);
    value.set_value(1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
