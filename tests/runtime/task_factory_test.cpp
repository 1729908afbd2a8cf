// runtime::set_task_factory.
#include <buskin/runtime/runtime.hpp>

#include <buskin/runtime/sleep.hpp>

#include <support/instances.hpp>
#include <support/stage.hpp>

using namespace buskin;
using namespace buskin::test;

namespace {

task<void> nothing() { co_return; }

auto start(stage& s, std::string name) {
  return detail::start_task(s.runtime, nothing(), {std::move(name)},
                            std::source_location::current());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(task_factory_)

// covers BAS-021
BOOST_AUTO_TEST_CASE(a_task_factory_sees_every_new_task_with_its_name_until_it_is_removed) {
  stage s;
  journal seen;
  s.runtime.set_task_factory([&](new_task& created) {
    seen.push_back(created.name + " of line " + std::to_string(created.where.line()));
    BOOST_TEST(created.id != 0U);
  });
  start(s, "fetch");
  s.run(nothing());
  BOOST_REQUIRE(seen.size() == 2U);
  BOOST_TEST(seen.front().starts_with("fetch of line "));
  BOOST_TEST(seen.back().starts_with("main of line "));
  s.runtime.set_task_factory(nullptr);
  start(s, "unseen");
  s.settle();
  BOOST_TEST(seen.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_task_factory_may_rename) {
  stage s;
  s.runtime.set_task_factory([](new_task& created) { created.name = "renamed " + created.name; });
  auto one = start(s, "x");
  BOOST_TEST(one->task_name() == "renamed x");
  BOOST_TEST(one->title() == "task \"renamed x\"");
  s.runtime.set_task_factory([](new_task& created) { created.name.clear(); });
  BOOST_TEST(start(s, "kept")->task_name() == "kept");
  s.settle();
}

BOOST_AUTO_TEST_CASE(the_options_name_a_task_factory_too) {
  int count = 0;
  runtime_options options;
  options.on_task_created = [&](new_task&) { ++count; };
  stage s(std::move(options));
  s.run(nothing());
  BOOST_TEST(count == 1);
}

BOOST_AUTO_TEST_CASE(a_task_factory_that_throws_prevents_the_task) {
  stage s;
  int alive = 0;
  bool ran = false;
  s.runtime.set_task_factory([](new_task&) { throw std::runtime_error("no more"); });
  const auto body = [](instance, bool& flag) -> task<void> {
    flag = true;
    co_return;
  };
  BOOST_CHECK_THROW(detail::start_task(s.runtime, body(instance(alive), ran), {},
                                       std::source_location::current()),
                    std::runtime_error);
  s.runtime.set_task_factory(nullptr);
  s.settle();
  BOOST_TEST(!ran);
  BOOST_TEST(alive == 0);
  BOOST_TEST(s.runtime.alive() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
