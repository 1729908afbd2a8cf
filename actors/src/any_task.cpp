#include <buskin/actors/any_task.hpp>

#include <buskin/runtime/detail/context_state.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/detail/worker.hpp>
#include <buskin/runtime/runtime.hpp>

#include <caf/attachable.hpp>

#include <algorithm>
#include <atomic>
#include <vector>

namespace buskin {

namespace detail {

/// One callback. Whoever sets `taken` owns the function: the call, or its removal.
struct done_note {
  done_note(lean_ref<task_actor_base> whose, std::function<void()> f,
            const std::source_location& at)
      : task(std::move(whose)), function(std::move(f)), where(at) {}

  static std::uint64_t next_number() {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed);
  }

  lean_ref<task_actor_base> task;
  std::function<void()> function;
  std::source_location where;
  bindings locals = bindings_here();     // the values of whoever asked for the call
  std::uint64_t number = next_number();  // tells the order of registration
  std::atomic<bool> taken{false};
};

namespace {

using notes = std::vector<std::shared_ptr<done_note>>;

/// The callbacks of the task whose end is being told on this thread. CAF tells in the reverse order
/// of registration and all at once, so they are collected first.
struct collection {
  const task_actor_base* task = nullptr;
  std::weak_ptr<notes> collected;
};
thread_local collection ending;

void call_all(runtime& owner, notes& all) {
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a->number < b->number; });
  for (auto& note : all)
    owner.call_soon(
        [note] {
          const context_scope inside(note->locals);
          if (!note->taken.exchange(true, std::memory_order_acq_rel))
            std::exchange(note->function, nullptr)();
        },
        note->where);
}

class done_watch final : public caf::attachable, public recycled {
 public:
  explicit done_watch(std::shared_ptr<done_note> note) : note_(std::move(note)) {}

  void actor_exited(const caf::error&, caf::execution_unit*) override {
    auto all = ending.task == note_->task.get() ? ending.collected.lock() : nullptr;
    if (!all) {
      all = std::make_shared<notes>();
      ending = {note_->task.get(), all};
      auto& scheduling = scheduler::of(note_->task->home_system());
      const bool at_home = here.worker != nullptr && &here.worker->owner() == &scheduling;
      // Later on this thread: no callback of the task can be added to the collection by then.
      post_function(at_home ? *here.worker : scheduling.first(),
                    [&scheduling, all] { call_all(scheduling.owner(), *all); });
    }
    all->push_back(note_);
  }
  bool matches(const token& what) override {
    return what.subtype == token::anonymous && what.ptr == note_.get();
  }

 private:
  std::shared_ptr<done_note> note_;
};

}  // namespace

}  // namespace detail

bool done_callback::remove() noexcept {
  const auto note = std::exchange(note_, nullptr);
  if (!note || note->taken.exchange(true, std::memory_order_acq_rel)) return false;
  note->function = nullptr;
  note->task->detach(caf::attachable::token(caf::attachable::token::anonymous, note.get()));
  return true;
}

detail::task_actor_base& any_task::checked() const {
  if (!actor_) throw invalid_state("this task_handle refers to no task");
  return *actor_;
}

void any_task::check_done(const char* what) const {
  if (!done()) throw invalid_state("task \"" + name() + "\" has not ended; " + what);
}

bool any_task::cancel(std::string message) const {
  return checked().cancel(std::make_exception_ptr(buskin::cancelled(std::move(message))));
}

std::exception_ptr any_task::exception() const {
  check_done("it has no exception yet");
  return actor_->exception();
}

done_callback any_task::on_done(std::function<void()> function, std::source_location where) const {
  auto note = std::make_shared<detail::done_note>(lean_ref<detail::task_actor_base>(&checked()),
                                                  std::move(function), where);
  actor_->attach(caf::attachable_ptr(new detail::done_watch(note)));
  return done_callback(std::move(note));
}

caf::actor any_task::actor() const {
  checked();
  return actor_.handle();
}

}  // namespace buskin
