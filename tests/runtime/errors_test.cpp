// Failures, what led to them, and their texts.
#include <buskin/runtime/errors.hpp>

#include <boost/test/unit_test.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace buskin;

template <class E>
std::exception_ptr made(E error) {
  return std::make_exception_ptr(std::move(error));
}

exception_group nested_groups() {
  return exception_group("outer",
                         {made(std::runtime_error("one")),
                          made(exception_group("inner", {made(std::logic_error("two")), made(3)})),
                          made(exception_group("nothing", {}))});
}

BOOST_AUTO_TEST_SUITE(errors_)

BOOST_AUTO_TEST_CASE(a_group_keeps_every_failure_and_says_them_all) {
  const auto group = nested_groups();
  BOOST_TEST(group.message() == "outer");
  BOOST_TEST(group.exceptions().size() == 3U);
  BOOST_TEST(std::string(group.what()) ==
             "outer (3 failures: one; inner (2 failures: two; an exception of type int); "
             "nothing (0 failures))");
}

BOOST_AUTO_TEST_CASE(the_leaves_of_a_group_are_the_failures_without_the_groups) {
  std::vector<std::string> texts;
  for (const auto& each : nested_groups().leaves()) texts.push_back(describe(each));
  const std::vector<std::string> expected{"one", "two", "an exception of type int"};
  BOOST_TEST(texts == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_copy_of_a_group_is_the_same_group) {
  const exception_group group = nested_groups();
  const exception_group copy(group);  // NOLINT: the copy is what is looked at
  BOOST_TEST(copy.message() == "outer");
  BOOST_TEST((copy.exceptions() == group.exceptions()));
}

BOOST_AUTO_TEST_CASE(a_cause_is_a_timeouts_or_what_is_nested) {
  const auto stop = made(cancelled("enough"));
  BOOST_TEST((cause_of(made(timeout_error("late", stop))) == stop));
  BOOST_TEST((cause_of(made(timeout_error())) == nullptr));
  BOOST_TEST((cause_of(stop) == nullptr));
  BOOST_TEST((cause_of(nullptr) == nullptr));
  std::exception_ptr outer;
  try {
    try {
      std::rethrow_exception(stop);
    } catch (...) {
      std::throw_with_nested(std::runtime_error("instead"));
    }
  } catch (...) {
    outer = std::current_exception();
  }
  BOOST_TEST((cause_of(outer) == stop));
}

BOOST_AUTO_TEST_CASE(an_explanation_has_a_line_for_each_failure_and_each_cause) {
  const auto late = made(timeout_error("late", made(cancelled("the deadline passed"))));
  const auto error = made(exception_group(
      "work failed", {made(std::runtime_error("one")), made(exception_group("inner", {late}))}));
  BOOST_TEST(explain(error) ==
             "buskin::exception_group: work failed (2 failures)\n"
             "  1. std::runtime_error: one\n"
             "  2. buskin::exception_group: inner (1 failure)\n"
             "    1. buskin::timeout_error: late\n"
             "      caused by buskin::cancelled: the deadline passed\n");
  BOOST_TEST(explain(nullptr).empty());
}

BOOST_AUTO_TEST_CASE(an_endless_history_is_cut_off) {
  std::exception_ptr error = made(std::runtime_error("the first"));
  for (int i = 0; i != 1000; ++i) error = made(timeout_error("again", error));
  const auto text = explain(error);
  BOOST_TEST(text.size() < 2000U);
  BOOST_TEST(text.find("the first") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
