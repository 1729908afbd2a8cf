// Another runtime in this process, in a thread of its own: to the first one a node of it is as far
// away as one of another process.
#pragma once

#include <buskin/runtime/runtime.hpp>

#include <boost/test/unit_test.hpp>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace buskin::test {

class second_runtime {
 public:
  explicit second_runtime(runtime_options options = {})
      : runtime(with_defaults(std::move(options))), thread_(runtime.run_in_background()) {}
  ~second_runtime() {
    thread_.stop();
    const auto& report = runtime.shutdown();
    BOOST_TEST(report.clean(), to_string(report));
    for (const auto& what : take_incidents())
      BOOST_ERROR("unexpected incident of the second runtime: " + to_string(what));
  }
  second_runtime(const second_runtime&) = delete;
  second_runtime& operator=(const second_runtime&) = delete;

  /// Runs there; to be awaited, or waited for.
  template <class T>
  submitted<T> submit(task<T> body) {
    return runtime.submit(std::move(body));
  }
  std::vector<incident> take_incidents() {
    std::lock_guard guard(mutex_);
    return std::exchange(incidents_, {});
  }
  std::size_t incidents() const {
    std::lock_guard guard(mutex_);
    return incidents_.size();
  }
  /// As a process that is killed: nothing is said any more.
  void freeze() { thread_.stop(); }

 private:
  runtime_options with_defaults(runtime_options options) {
    options.name = "second";
    options.signals = signal_handling::none;
    options.on_incident = [this](const incident& what) {
      std::lock_guard guard(mutex_);
      incidents_.push_back(what);
    };
    return options;
  }

  mutable std::mutex mutex_;
  std::vector<incident> incidents_;  // guarded by mutex_

 public:
  buskin::runtime runtime;

 private:
  background thread_;
};

}  // namespace buskin::test
