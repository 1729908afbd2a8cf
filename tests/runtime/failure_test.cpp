// Exceptions as CAF errors and back, and the texts of failures.
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>

#include <boost/test/unit_test.hpp>

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;

BOOST_AUTO_TEST_SUITE(failure_)

BOOST_AUTO_TEST_CASE(inside_the_process_an_exception_comes_back_as_the_same_object) {
  const auto error = std::make_exception_ptr(std::out_of_range("far out"));
  const auto carried = to_error(error);
  BOOST_TEST(is(carried, failure::exception));
  BOOST_TEST((to_exception(carried) == error));
  BOOST_TEST(describe(carried) == "far out");
  BOOST_TEST(!to_error(nullptr));
  BOOST_TEST(!is(caf::error(), failure::cancelled));
  BOOST_TEST((to_exception(caf::error()) == nullptr));
}

BOOST_AUTO_TEST_CASE(an_error_that_lost_its_exception_keeps_type_and_text) {
  const auto error = make_error(failure::exception, {"app::broken", "it broke", nullptr});
  try {
    std::rethrow_exception(to_exception(error));
  } catch (const remote_error& e) {
    BOOST_TEST(e.type() == "app::broken");
    BOOST_TEST(std::string(e.what()) == "it broke");
  }
}

/// What arrives in another process of an exception that leaves this one.
template <class E>
std::string arrives_as(const E& error) {
  const caf::error carried = to_error(std::make_exception_ptr(error));
  failure_info info = carried.context().get_as<failure_info>(0);
  info.error = nullptr;  // it does not travel
  try {
    std::rethrow_exception(to_exception(make_error(static_cast<failure>(carried.code()), info)));
  } catch (const remote_error& e) {
    return "remote " + e.type() + ": " + e.what();
  } catch (const E& e) {
    BOOST_TEST(type_of(std::current_exception()) == type_of(std::make_exception_ptr(error)));
    return e.what();
  }
}

BOOST_AUTO_TEST_CASE(what_a_caller_can_act_on_is_the_same_in_another_process) {
  BOOST_TEST(arrives_as(queue_shutdown()) == queue_shutdown().what());
  BOOST_TEST(arrives_as(queue_full()) == queue_full().what());
  BOOST_TEST(arrives_as(queue_empty()) == queue_empty().what());
  BOOST_TEST(arrives_as(broken_barrier()) == broken_barrier().what());
  BOOST_TEST(arrives_as(watch_closed()) == watch_closed().what());
  BOOST_TEST(arrives_as(timeout_error("late")) == "late");
  BOOST_TEST(arrives_as(invalid_state("not now")) == "not now");
  BOOST_TEST(arrives_as(wrong_runtime("not here")) == "not here");
  BOOST_TEST(arrives_as(request_failed("no")) == "no");
  BOOST_TEST(arrives_as(broken_promise("gone")) == "gone");
  BOOST_TEST(arrives_as(mailbox_full("full")) == "full");
  BOOST_TEST(arrives_as(executor_full("full")) == "full");
  BOOST_TEST(arrives_as(executor_shutdown("ended")) == "ended");
  BOOST_TEST(arrives_as(cancelled("enough")) == "enough");
}

BOOST_AUTO_TEST_CASE(other_exceptions_keep_type_and_text_on_all_the_way) {
  BOOST_TEST(arrives_as(std::out_of_range("9")) == "remote std::out_of_range: 9");
  BOOST_TEST(arrives_as(std::runtime_error("no")) == "remote std::runtime_error: no");
  BOOST_TEST(arrives_as(limit_overrun("long", 3)) == "remote buskin::limit_overrun: long");
  BOOST_TEST(arrives_as(remote_error("app::broken", "it broke")) == "remote app::broken: it broke");
}

BOOST_AUTO_TEST_CASE(cancellation_and_broken_promise_keep_their_types) {
  BOOST_TEST(is(to_error(std::make_exception_ptr(cancelled("why"))), failure::cancelled));
  BOOST_TEST(describe(to_error(std::make_exception_ptr(cancelled("why")))) == "cancelled: why");
  BOOST_CHECK_THROW(
      std::rethrow_exception(to_exception(make_error(failure::cancelled, {"", "x", nullptr}))),
      cancelled);
  BOOST_CHECK_THROW(
      std::rethrow_exception(to_exception(make_error(failure::broken_promise, {"", "x", nullptr}))),
      broken_promise);
}

BOOST_AUTO_TEST_CASE(errors_of_caf_become_exceptions_with_words) {
  BOOST_CHECK_THROW(
      std::rethrow_exception(to_exception(caf::make_error(caf::sec::request_timeout))),
      timeout_error);
  BOOST_CHECK_EXCEPTION(
      std::rethrow_exception(to_exception(caf::make_error(caf::sec::unexpected_message))),
      request_failed, [](const auto& e) {
        return std::string(e.what()).find("unexpected message") != std::string::npos;
      });
  BOOST_TEST(describe(caf::make_error(caf::exit_reason::user_shutdown)) == "user_shutdown");
  BOOST_TEST(describe(caf::error()) == "normal");
}

BOOST_AUTO_TEST_CASE(a_group_tells_every_failure_in_order) {
  const exception_group group("two things", {std::make_exception_ptr(std::runtime_error("one")),
                                             std::make_exception_ptr(2)});
  const std::string text = group.what();
  BOOST_TEST(text.find("2 failures") != std::string::npos);
  BOOST_TEST(text.find("one") < text.find("int"));
  BOOST_TEST(type_of(group.exceptions()[0]) == "std::runtime_error");
  BOOST_TEST(describe(group.exceptions()[1]) == "an exception of type int");
}

BOOST_AUTO_TEST_CASE(a_cancellation_is_no_ordinary_failure) {
  try {
    throw cancelled("x");
  } catch (const std::runtime_error&) {
    BOOST_ERROR("caught as a runtime_error");
  } catch (const std::exception& e) {
    BOOST_TEST(std::string(e.what()) == "x");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
