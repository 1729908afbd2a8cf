// The main function of every test program. Written out, because Boost's own version of it cannot
// stand behind a precompiled header that has Boost.Test in it.
#include <boost/test/unit_test.hpp>

namespace {

bool name_the_module() {
  boost::unit_test::framework::master_test_suite().p_name.value = "buskin";
  return true;
}

}  // namespace

int main(int argc, char* argv[]) {
  return boost::unit_test::unit_test_main(&name_the_module, argc, argv);
}
