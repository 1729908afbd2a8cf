// Worker processes of this very program.
#include <buskin/io/process_pool.hpp>

#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/sleep.hpp>

#include "io/child_stage.hpp"
#include "io/live_stage.hpp"

#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

namespace buskin::test {
void begin_main();
void begin_main() { process_pool::work_if_worker(); }
}  // namespace buskin::test

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::on_stage;

int twice(int x) { return 2 * x; }
std::vector<double> halves(const std::vector<double>& of) {
  auto result = of;
  for (auto& each : result) each /= 2;
  return result;
}

BOOST_AUTO_TEST_SUITE(process_pool_)

BOOST_AUTO_TEST_CASE(a_function_runs_in_another_process) {
  on_stage([]() -> task<void> {
    process_pool pool({.workers = 1});
    BOOST_TEST(co_await pool.run<twice>(21) == 42);
    BOOST_TEST(co_await pool.run<::getpid>() != ::getpid());
    std::vector<double> big(2'000'000, 3);
    const auto half = co_await pool.run<halves>(big);
    BOOST_TEST(half.size() == big.size());
    BOOST_TEST(half.back() == 1.5);
    co_await pool.shutdown();
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
