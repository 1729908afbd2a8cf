#include <buskin/runtime/detail/worker_ref.hpp>

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/detail/worker.hpp>

#include <map>
#include <mutex>
#include <utility>

namespace buskin::detail {

namespace {

/// The workers that can be posted to. Never destroyed: handles in static objects may come later
/// than it.
struct roll {
  std::mutex mutex;
  std::map<const worker*, std::uint64_t> numbers;  // guarded by mutex
  std::uint64_t last = 0;                          // guarded by mutex

  bool has(const worker* whom, std::uint64_t number) const {
    const auto found = numbers.find(whom);
    return found != numbers.end() && found->second == number;
  }
};

roll& all() {
  static roll& made = *new roll;
  return made;
}

}  // namespace

worker_ref::worker_ref(worker& whom) noexcept : worker_(&whom), number_(whom.number()) {}

bool worker_ref::is_here() const noexcept {
  return here.worker == worker_ && worker_->number() == number_;
}

bool worker_ref::post(std::function<void()> function) const {
  if (is_here()) {
    post_function(*worker_, std::move(function));
    return true;
  }
  roll& workers = all();
  std::lock_guard guard(workers.mutex);  // it does not go meanwhile
  if (!workers.has(worker_, number_)) return false;
  post_function(*worker_, std::move(function));
  return true;
}

bool worker_ref::gone() const noexcept {
  if (is_here()) return false;
  roll& workers = all();
  std::lock_guard guard(workers.mutex);
  return !workers.has(worker_, number_);
}

std::uint64_t worker_ref::enter(const worker& whom) {
  roll& workers = all();
  std::lock_guard guard(workers.mutex);
  return workers.numbers[&whom] = ++workers.last;
}

void worker_ref::leave(const worker& whom) noexcept {
  roll& workers = all();
  std::lock_guard guard(workers.mutex);
  workers.numbers.erase(&whom);
}

bool worker_ref::alive(const worker& whom) noexcept {
  roll& workers = all();
  std::lock_guard guard(workers.mutex);
  return workers.numbers.count(&whom) != 0;
}

}  // namespace buskin::detail
