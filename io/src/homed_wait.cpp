#include <buskin/io/detail/homed_wait.hpp>

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/detail/worker_ref.hpp>
#include <buskin/runtime/errors.hpp>

#include <utility>

namespace buskin::io::detail {

bool homed_wait::at_home() const noexcept { return here.worker == &home(); }
bool homed_wait::homeless() const noexcept { return !worker_ref::alive(home()); }

bool homed_wait::await_ready() {
  host_ = &stack_here(operation()).host();
  if (at_home()) {
    // With several workers an actor stays where its streams are, or a thief could find it in the
    // middle.
    if (home().owner().threaded() && !host_->move_to(home()))
      throw invalid_state("a CAF actor cannot be moved to the worker of " + whose());
    return step();
  }
  if (homeless()) throw invalid_state("the runtime of " + whose() + " has ended");
  if (!host_->move_to(home()))
    throw invalid_state("a CAF actor on another worker cannot use " + whose() +
                        "; use it from a task");
  moving_ = true;
  host_->again();
  return false;
}

void homed_wait::try_once() noexcept {
  try {
    done_ = attempt();
  } catch (...) {
    failure_ = std::current_exception();
    done_ = true;
  }
}

bool homed_wait::step() noexcept {
  try_once();
  if (done_) return true;
  try {
    enlist();
    listed_ = true;
  } catch (...) {
    failure_ = std::current_exception();
    done_ = true;
  }
  return done_;
}

bool homed_wait::ready() noexcept {
  if (moving_ && at_home()) {
    moving_ = false;
    step();
  }
  return done_;
}

void homed_wait::on_news() {
  try_once();
  if (!done_) return;
  leave();
  host_->signal_here();
}

void homed_wait::leave() noexcept {
  if (!listed_) return;
  listed_ = false;
  delist();
}

bool homed_wait::withdraw() noexcept {
  if (done_) return false;
  moving_ = false;
  leave();
  return true;
}

void homed_wait::check() {
  if (!done_)
    if (auto reason = interruption()) std::rethrow_exception(reason);
  if (failure_) std::rethrow_exception(failure_);
}

// -- lines --------------------------------------------------------------------------------------

void wait_line::push(homed_wait& waiting) noexcept {
  waiting.line_ = this;
  waiting.before_ = std::exchange(last_, &waiting);
  (waiting.before_ != nullptr ? waiting.before_->after_ : first_) = &waiting;
}

void wait_line::erase(homed_wait& waiting) noexcept {
  if (waiting.line_ != this) return;
  waiting.line_ = nullptr;
  homed_wait* const before = std::exchange(waiting.before_, nullptr);
  homed_wait* const after = std::exchange(waiting.after_, nullptr);
  (before != nullptr ? before->after_ : first_) = after;
  (after != nullptr ? after->before_ : last_) = before;
}

void wait_line::tell() {
  while (first_ != nullptr) {
    homed_wait* told = first_;
    told->on_news();
    if (first_ == told) return;
  }
}

}  // namespace buskin::io::detail
