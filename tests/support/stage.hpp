// Where a test plays: a runtime whose time moves by itself only when nothing else can happen, or by
// hand, and whose incidents are kept. When the stage is left nobody may be alive on it, and no
// incident may be there that the test did not take.
#pragma once

#include <buskin/runtime/manual_clock.hpp>
#include <buskin/runtime/runtime.hpp>

#include <boost/test/unit_test.hpp>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace buskin::test {

class stage {
 public:
  explicit stage(manual_clock::mode how = manual_clock::mode::jump, runtime_options options = {})
      : clock(how), runtime(with_defaults(std::move(options))) {}

  explicit stage(runtime_options options) : stage(manual_clock::mode::jump, std::move(options)) {}

  ~stage() {
    const auto& report = runtime.shutdown();
    BOOST_TEST(report.clean(), to_string(report));
    BOOST_TEST(runtime.alive() == 0U);
    for (const auto& what : take_incidents())
      BOOST_ERROR("unexpected incident: " + to_string(what));
  }

  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;

  /// Runs `main` to its end; everything else stays as it is.
  template <class T>
  T run(task<T> main) {
    return runtime.run_until_complete(std::move(main));
  }

  /// Does what can be done at the present time.
  void settle() { runtime.poll(); }

  /// Moves the time and does what is due then.
  void advance(duration step) {
    settle();
    clock.advance(step);
    settle();
  }

  /// Takes the incidents out: the test knows of them.
  std::vector<incident> take_incidents() {
    std::lock_guard guard(mutex_);
    return std::exchange(incidents_, {});
  }

  manual_clock clock;

 private:
  runtime_options with_defaults(runtime_options options) {
    options.clock = &clock;
    options.signals = signal_handling::none;
    options.on_incident = [this](const incident& what) {
      std::lock_guard guard(mutex_);
      incidents_.push_back(what);
    };
    return options;
  }

  std::mutex mutex_;
  std::vector<incident> incidents_;  // guarded by mutex_

 public:
  buskin::runtime runtime;
};

/// What happened, in order.
using journal = std::vector<std::string>;

}  // namespace buskin::test
