#include <buskin/runtime/detail/watchdog.hpp>

#include "runtime_impl.hpp"

#include <buskin/runtime/errors.hpp>

#include <caf/scheduled_actor.hpp>

#include <cstdio>

namespace buskin::detail {

constinit std::atomic<unsigned> debug_runtimes{0};

namespace {

// Whether the job that runs in this thread was reported as slow by its coroutine's turn.
thread_local bool told_of_this_job = false;

std::string seconds(duration length) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f s", std::chrono::duration<double>(length).count());
  return text;
}

/// Waits that may well last for ever: for work to come, or for others, whose own waits are looked
/// at.
bool may_last(wait_kind kind) noexcept {
  switch (kind) {
    case wait_kind::turn:
    case wait_kind::sleep:
    case wait_kind::message:
    case wait_kind::join:
    case wait_kind::group:
    case wait_kind::down:
    case wait_kind::broadcast:
    case wait_kind::accept:
    case wait_kind::signal:
      return true;
    default:
      return false;
  }
}

/// What an incident says of an actor: a task's name, or another actor's with its kind.
std::string name_of(const lean_actor& actor) {
  const auto* task = dynamic_cast<const task_actor_base*>(&actor);
  return task != nullptr ? task->task_name() : std::string();
}

std::source_location creation_of(const lean_actor& actor) {
  const auto* task = dynamic_cast<const task_actor_base*>(&actor);
  return task != nullptr ? task->created() : std::source_location{};
}

}  // namespace

// -- the look-through -----------------------------------------------------------------------------

struct watchdog::finding {
  std::uint64_t id;
  std::string name;
  std::source_location created;
  wait_record wait;
  std::vector<std::uint64_t> locks;
};

watchdog::watchdog(runtime& owner)
    : owner_(owner),
      limits_(owner.options().limits),
      interval_(std::max<duration>(
          std::min({limits_.stalled_wait, limits_.lock_held, duration(std::chrono::seconds(10))}) /
              4,
          std::chrono::milliseconds(1))),
      next_look_(owner.now() + interval_),
      alarm_([](timer&) noexcept {}) {}

watchdog::~watchdog() = default;

time_point watchdog::now() const noexcept { return owner_.now(); }

void watchdog::look_if_due() {
  const auto present = now();
  if (present >= next_look_) {
    next_look_ = after(present, interval_);
    look(present);
  }
  // A clock that is moved by hand wakes the worker itself.
  if (owner_.options().clock->runs() && !alarm_.armed())
    owner_.impl_->first().timers().arm(alarm_, next_look_);
}

void watchdog::look(time_point present) {
  std::vector<finding> waiting;
  std::unordered_set<std::uint64_t> busy;  // may wait as before, or may not
  bool long_waits = false;
  owner_.impl_->scheduler().for_each_alive([&](caf::abstract_actor& actor) {
    auto* lean = dynamic_cast<lean_actor*>(&actor);
    if (lean == nullptr) return;
    auto* task = dynamic_cast<task_actor_base*>(lean);
    std::size_t queued = 0;
    std::optional<finding> found;
    const bool idle = lean->peek([&] {
      queued = lean->queued();
      const auto* wait = lean->waiting();
      if (wait == nullptr || present - wait->record().since < limits_.lock_held) return;
      found.emplace(finding{lean->id(), {}, {}, wait->record(), {}});
      if (task == nullptr) return;
      found->wait.until = std::min(found->wait.until, task->stack().deadline());
      task->locks_held(found->locks);
    });
    if (idle)
      backlog(*lean, "mailbox", queued);
    else
      busy.insert(lean->id());
    if (!found) return;
    long_waits = true;
    found->name = name_of(*lean);
    found->created = creation_of(*lean);
    waiting.push_back(std::move(*found));
  });
  for (auto& each : waiting) judge(each, present);
  {
    std::lock_guard guard(mutex_);
    const auto over = [&](const auto& entry) {
      return !busy.contains(entry.first) &&
             std::none_of(waiting.begin(), waiting.end(), [&](const finding& found) {
               return found.id == entry.first && found.wait.since == entry.second;
             });
    };
    std::erase_if(stalled_, over);
    std::erase_if(holding_, over);
  }
  if (long_waits) report_cycles(owner_.capture_await_tree());
}

void watchdog::judge(finding& found, time_point present) {
  const auto length = present - found.wait.since;
  if (!found.locks.empty() && first_time(holding_, found.id, found.wait.since))
    owner_.report({"BK008",
                   "lock " + std::to_string(found.locks.front()) +
                       " is held across a long wait: for " + to_string(found.wait, present),
                   nullptr, found.name, found.created});
  if (found.wait.until == wait_record::no_deadline && !may_last(found.wait.kind) &&
      length >= limits_.stalled_wait && first_time(stalled_, found.id, found.wait.since))
    owner_.report({"BK007",
                   "a wait without a deadline has stalled: for " + to_string(found.wait, present),
                   nullptr, found.name, found.created});
}

void watchdog::report_cycles(const await_tree& tree) {
  for (const auto& cycle : tree.cycles()) {
    std::vector<std::uint64_t> ids;
    std::string text = "these wait for each other, for ever:";
    for (const auto node : cycle) {
      const auto& status = tree.nodes[node].status;
      ids.push_back(status.id);
      text += (ids.size() == 1 ? " " : "; ") + to_string(status, tree.at);
    }
    std::sort(ids.begin(), ids.end());
    {
      std::lock_guard guard(mutex_);
      if (!cycles_.insert(std::move(ids)).second) continue;
    }
    owner_.report({"BK011", text, nullptr, {}, {}});
  }
}

bool watchdog::first_time(std::unordered_map<std::uint64_t, time_point>& known, std::uint64_t id,
                          time_point since) {
  std::lock_guard guard(mutex_);
  const auto [entry, added] = known.try_emplace(id, since);
  if (!added && entry->second == since) return false;
  entry->second = since;
  return true;
}

// -- reports of others ----------------------------------------------------------------------------

void watchdog::slow_turn(duration took, std::string who, const std::source_location& created,
                         const std::string& where) {
  told_of_this_job = true;
  owner_.report(
      {"BK004", "a turn took " + seconds(took) + where, nullptr, std::move(who), created});
}

void watchdog::lock_held(const lean_actor& task, const wait_record& wait, time_point present) {
  std::vector<std::uint64_t> locks;
  dynamic_cast<const task_actor_base&>(task).locks_held(locks);
  if (locks.empty() || !first_time(holding_, task.id(), wait.since)) return;
  owner_.report({"BK008",
                 "lock " + std::to_string(locks.front()) + " was held across a long wait: for " +
                     to_string(wait, present),
                 nullptr, name_of(task), creation_of(task)});
}

bool watchdog::crosses(const lean_actor& who, std::size_t count) {
  std::lock_guard guard(mutex_);
  if (count >= limits_.growth) return grown_.insert(who.id()).second;
  grown_.erase(who.id());
  return false;
}

void watchdog::backlog(const lean_actor& who, const char* of, std::size_t count) {
  if (!crosses(who, count)) return;
  owner_.report({"BK009",
                 "the " + std::string(of) + " of " + who.title() + " has grown to " +
                     std::to_string(count) + " items",
                 nullptr, name_of(who), creation_of(who)});
}

void watchdog::queue_backlog(lean_actor& who, std::size_t count) {
  if (!crosses(who, count)) return;
  who.post([count](lean_actor& self) {
    detail::here.worker->owner().owner().report(
        {"BK009",
         self.title() + " has grown to " + std::to_string(count) + " items",
         nullptr,
         {},
         {}});
  });
}

// -- turns ----------------------------------------------------------------------------------------

void slow_watch::begin(caf::resumable& job) {
  dog_ = watchdog::here();
  if (dog_ == nullptr) return;
  if (const auto* lean = dynamic_cast<const lean_actor*>(&job))
    who_ = lean->title();
  else if (const auto* actor = dynamic_cast<const caf::scheduled_actor*>(&job))
    who_ = std::string(actor->name()) + " " + std::to_string(actor->id());
  else
    who_ = "a callback";
  told_of_this_job = false;
  began_ = dog_->now();
}

void slow_watch::end() noexcept {
  const auto took = dog_->now() - began_;
  if (took >= dog_->limits().slow_turn && !told_of_this_job)
    dog_->slow_turn(took, {}, {}, ": of " + who_);
}

advance_watch::advance_watch(coro_stack& stack) noexcept
    : stack_(stack), dog_(watchdog::here()), wait_(stack.waiting()) {
  if (dog_ == nullptr) return;
  if (wait_ != nullptr) record_ = wait_->record();
  began_ = dog_->now();
}

advance_watch::~advance_watch() {
  if (dog_ == nullptr) return;
  const auto present = dog_->now();
  const auto* next = stack_.waiting();
  const auto* actor = dynamic_cast<const lean_actor*>(&stack_.host().self());
  // The same place in the same frame may be waited at again: then it began anew.
  const bool ended = wait_ != nullptr && (next != wait_ || next->record().since != record_.since);
  if (ended && began_ - record_.since >= dog_->limits().lock_held &&
      dynamic_cast<const task_actor_base*>(actor) != nullptr)
    dog_->lock_held(*actor, record_, began_);
  if (present - began_ < dog_->limits().slow_turn) return;
  std::string where = actor == nullptr || name_of(*actor).empty()
                          ? std::string(": of ") + stack_.host().self().name()
                          : std::string();
  if (wait_ != nullptr) where += ", from its wait at " + to_string(record_.where);
  where += next != nullptr ? ", until the next at " + to_string(next->record().where)
                           : std::string(", until its end");
  dog_->slow_turn(present - began_, actor != nullptr ? name_of(*actor) : std::string(),
                  actor != nullptr ? creation_of(*actor) : std::source_location{}, where);
}

// -- refusals -------------------------------------------------------------------------------------

namespace {

/// Tells the runtime of this thread, if it is in debug mode.
void report_here(const char* code, const std::string& text) {
  if (!debugging() || watchdog::here() == nullptr) return;
  auto& owner = here.worker->owner().owner();
  const auto* actor = here.stack != nullptr
                          ? dynamic_cast<const lean_actor*>(&here.stack->host().self())
                          : here.actor;
  owner.report({code, text, nullptr, actor != nullptr ? name_of(*actor) : std::string(),
                actor != nullptr ? creation_of(*actor) : std::source_location{}});
}

}  // namespace

void refuse_to_block(const char* operation) {
  if (here.worker == nullptr) return;
  const std::string text =
      std::string(operation) +
      " would block a thread that drives a runtime already, and everything in it; await inside a "
      "task instead";
  report_here("BK005", text);
  throw invalid_state(text);
}

void refuse_foreign_use(const coro_stack*, const char* operation) {
  const std::string text = std::string(operation) +
                           " was called outside of the task that it belongs to; only that task may "
                           "use it, in its own thread";
  report_here("BK006", text);
  throw invalid_state(text);
}

}  // namespace buskin::detail
