#include <buskin/actors/detail/waiters.hpp>

#include <utility>

namespace buskin::detail {

cell_ref<cell<unit>> waiters::enlist(stack_host& host) {
  auto waiting = cell_ref<cell<unit>>::adopt(new cell<unit>(&host));
  line_.push(waiting);
  return waiting;
}

void waiters::withdraw(cell<unit>& waiting) noexcept {
  if (waiting.abandon()) line_.erase(waiting);
}

void waiters::dismiss(cell<unit>& waiting, std::exception_ptr why) {
  const cell_ref<cell<unit>> until_then(&waiting);
  if (line_.erase(waiting)) waiting.fail(std::move(why));
}

void waiters::wake(std::size_t count) {
  while (count != 0) {
    auto waiting = line_.pop();
    if (!waiting) return;
    if (!waiting->deserted() && waiting->resolve(unit{})) --count;
  }
}

}  // namespace buskin::detail
