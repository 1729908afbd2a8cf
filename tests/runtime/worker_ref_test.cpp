#include <buskin/runtime/detail/worker_ref.hpp>

#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/detail/worker.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include <boost/test/unit_test.hpp>

#include <support/stage.hpp>

#include <optional>

namespace {

using namespace buskin;
using buskin::detail::here;
using buskin::detail::worker_ref;
using buskin::test::stage;

BOOST_AUTO_TEST_SUITE(worker_ref_)

task<worker_ref> this_worker() { co_return worker_ref(*here.worker); }

BOOST_AUTO_TEST_CASE(a_living_worker_is_posted_to_and_knows_itself) {
  stage s;
  const worker_ref there = s.run(this_worker());
  BOOST_TEST(!there.is_here());
  bool was_there = false;
  BOOST_TEST(there.post([&] { was_there = there.is_here(); }));
  s.settle();
  BOOST_TEST(was_there);
}

BOOST_AUTO_TEST_CASE(one_that_has_gone_takes_nothing_and_is_nobody_elses_home) {
  std::optional<worker_ref> gone;
  {
    stage s;
    gone = s.run(this_worker());
  }
  bool called = false;
  BOOST_TEST(!gone->post([&] { called = true; }));
  // The next worker may well have the same address.
  stage s;
  auto look = [&]() -> task<bool> { co_return gone->is_here(); };
  BOOST_TEST(!s.run(look()));
  BOOST_TEST(!called);
}

BOOST_AUTO_TEST_CASE(what_was_posted_and_never_ran_is_dropped_with_the_runtime) {
  auto kept = std::make_shared<int>(1);
  {
    stage s;
    const worker_ref there = s.run(this_worker());
    BOOST_TEST(there.post([kept] { ++*kept; }));
  }
  BOOST_TEST(kept.use_count() == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
