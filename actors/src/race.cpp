#include <buskin/actors/race.hpp>

namespace buskin::detail {

task<std::size_t> first_to_end(tasks_wait::task_list tasks, std::source_location where) {
  for (const auto& task : tasks)
    if (!task) throw invalid_state("a task_handle given to race refers to no task");
  const auto done = [&tasks] {
    std::size_t index = 0;
    while (index != tasks.size() && !tasks[index]->done()) ++index;
    return index;
  };
  // Among those that have ended already, the first one given.
  if (const auto index = done(); index != tasks.size()) co_return index;
  tasks_wait first(tasks, when::first_completed, time_point::max(), where);
  co_await first;
  std::size_t index = 0;
  while (index != tasks.size() && tasks[index].get() != first.first()) ++index;
  co_return index;
}

}  // namespace buskin::detail
