// What is told of tasks, of incidents and of a shutdown, in words.
#include "runtime_impl.hpp"

#include <buskin/runtime/failure.hpp>

#include <cstdio>

namespace buskin {

namespace {

std::string seconds(duration length) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f s", std::chrono::duration<double>(length).count());
  return text;
}

}  // namespace

actor_status detail::status_of(caf::abstract_actor& actor, std::vector<std::uint64_t>* awaits,
                               std::vector<std::uint64_t>* locks_held) {
  actor_status status;
  status.id = actor.id();
  if (auto* lean = dynamic_cast<lean_actor*>(&actor); lean != nullptr) {
    status.name = lean->title();
    auto* task = dynamic_cast<task_actor_base*>(lean);
    if (task != nullptr) status.created = task->created();
    status.busy = !lean->peek([&] {
      if (const auto* wait = lean->waiting()) {
        status.waiting = wait->record();
        if (task != nullptr)
          status.waiting->until = std::min(status.waiting->until, task->stack().deadline());
        if (awaits != nullptr) wait->awaited(*awaits);
      }
      if (task != nullptr && locks_held != nullptr) task->locks_held(*locks_held);
      status.queued = lean->queued();
    });
  } else if (const auto* local = dynamic_cast<const caf::monitorable_actor*>(&actor)) {
    status.name = local->name();
  }
  return status;
}

std::string to_string(const incident& what) {
  std::string text = what.code + " " + what.text;
  if (!what.who.empty() || what.where.line() != 0) {
    text += " (";
    if (!what.who.empty()) text += "task \"" + what.who + "\"";
    if (what.where.line() != 0) {
      if (!what.who.empty()) text += ", ";
      text += "started at " + to_string(what.where);
    }
    text += ")";
  }
  return text;
}

std::string to_string(const actor_status& status, time_point now) {
  std::string text = status.name + " (" + std::to_string(status.id) + ")";
  if (status.created) text += ", started at " + to_string(*status.created);
  if (status.waiting)
    text += ": waits for " + to_string(*status.waiting, now);
  else
    text += status.busy ? ": runs" : ": waits for a message";
  if (status.queued != 0)
    text += "; " + std::to_string(status.queued) +
            (status.queued == 1 ? " message queued" : " messages queued");
  return text;
}

std::string to_string(const shutdown_report& report) {
  std::string text;
  for (const auto& phase : report.phases) {
    if (phase.asked == 0 && phase.left == 0) continue;
    text += text.empty() ? "shutdown took " + seconds(report.took) + ": " : "; ";
    text += phase.name + " " + std::to_string(phase.asked) + " in " + seconds(phase.took);
    if (phase.late())
      text += " of " + seconds(phase.limit) + ", " + std::to_string(phase.left) + " still alive";
  }
  if (!text.empty()) text += "\n";
  for (const auto& straggler : report.stragglers)
    text += "still alive, killed: " + to_string(straggler, report.at) + "\n";
  for (const auto& lost : report.abandoned)
    text += "did not end: " + to_string(lost, report.at) + "\n";
  for (const auto& job : report.jobs)
    text += "did not end: " + to_string(job, std::chrono::steady_clock::now()) + "\n";
  return text;
}

void runtime::set_exception_handler(std::function<void(const incident&)> handler) {
  std::lock_guard guard(impl_->handler_mutex);
  impl_->handler = std::move(handler);
}

std::vector<actor_status> runtime::all_tasks() {
  std::vector<actor_status> all;
  impl_->scheduler().for_each_alive(
      [&](caf::abstract_actor& actor) { all.push_back(detail::status_of(actor)); });
  return all;
}

}  // namespace buskin
