// Where a test plays with real sockets, terminals and processes: a runtime on the real clock whose
// incidents are kept. Every run has a deadline, and when the stage is left nobody may be alive, no
// incident may be unknown, and no descriptor more open than before.
#pragma once

#include <buskin/actors/timeout.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace buskin::test {

/// How many descriptors this process has open.
inline std::ptrdiff_t open_descriptors() {
  // The folder's own is among them, each time.
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                       std::filesystem::directory_iterator());
}

/// At the end of its scope no more descriptors are open than at the beginning.
class no_descriptor_leak {
 public:
  no_descriptor_leak() = default;
  ~no_descriptor_leak() {
    BOOST_TEST(open_descriptors() <= before_,
               "descriptors were left open: " << open_descriptors() << " instead of " << before_);
  }
  no_descriptor_leak(const no_descriptor_leak&) = delete;
  no_descriptor_leak& operator=(const no_descriptor_leak&) = delete;

 private:
  const std::ptrdiff_t before_ = open_descriptors();
};

class live_stage {
 public:
  static constexpr auto deadline = std::chrono::seconds(60);

  explicit live_stage(runtime_options options = {}) : runtime(with_defaults(std::move(options))) {}

  ~live_stage() {
    const auto& report = runtime.shutdown();
    BOOST_TEST(report.clean(), to_string(report));
    for (const auto& what : take_incidents())
      BOOST_ERROR("unexpected incident: " + to_string(what));
  }

  live_stage(const live_stage&) = delete;
  live_stage& operator=(const live_stage&) = delete;

  /// Runs `main` to its end, or to the deadline, which fails it.
  template <class T>
  T run(task<T> main) {
    return runtime.run_until_complete(bounded(std::move(main)));
  }

  /// Takes the incidents out: the test knows of them.
  std::vector<incident> take_incidents() {
    std::lock_guard guard(mutex_);
    return std::exchange(incidents_, {});
  }
  std::size_t incidents() const {
    std::lock_guard guard(mutex_);
    return incidents_.size();
  }

 private:
  template <class T>
  static task<T> bounded(task<T> main) {
    co_return co_await wait_for(std::move(main), deadline);
  }

  runtime_options with_defaults(runtime_options options) {
    options.signals = signal_handling::none;
    options.on_incident = [this](const incident& what) {
      std::lock_guard guard(mutex_);
      incidents_.push_back(what);
    };
    return options;
  }

  no_descriptor_leak leak_;
  mutable std::mutex mutex_;
  std::vector<incident> incidents_;  // guarded by mutex_

 public:
  buskin::runtime runtime;
};

/// Awaits that `condition()` holds, looking every few milliseconds; the test fails when it does not
/// within the deadline.
template <class Condition>
task<void> until(Condition condition, std::string what) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    BOOST_REQUIRE_MESSAGE(std::chrono::steady_clock::now() < end, "waited in vain for " << what);
    co_await sleep(std::chrono::milliseconds(2));
  }
}

}  // namespace buskin::test
