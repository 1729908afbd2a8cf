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
