// The main function of every test program. Written out, because Boost's own version of it cannot
// stand behind a precompiled header that has Boost.Test in it.
#include <boost/test/unit_test.hpp>

namespace buskin::test {
/// What stands before everything else in main, where a file of tests defines it.
[[gnu::weak]] void begin_main();
}  // namespace buskin::test

namespace {

bool name_the_module() {
  boost::unit_test::framework::master_test_suite().p_name.value = "buskin";
  return true;
}

}  // namespace

int main(int argc, char* argv[]) {
  if (buskin::test::begin_main != nullptr) buskin::test::begin_main();
  return boost::unit_test::unit_test_main(&name_the_module, argc, argv);
}
