// A program whose main function knows nothing of worker processes.
#include <buskin/buskin.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

namespace {

BOOST_AUTO_TEST_SUITE(process_pool_)

BOOST_AUTO_TEST_CASE(a_program_that_would_start_itself_again_is_told_what_to_do) {
  auto main = []() -> buskin::task<void> {
    try {
      buskin::process_pool pool;
      BOOST_ERROR("its workers would be test programs");
    } catch (const buskin::invalid_state& error) {
      const std::string text = error.what();
      BOOST_TEST(text.find("work_if_worker() first of all in main") != text.npos, text);
    }
    co_return;
  };
  buskin::run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
