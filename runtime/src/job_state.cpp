#include <buskin/runtime/detail/job_state.hpp>

#include <buskin/runtime/errors.hpp>

#include <cxxabi.h>

namespace buskin::detail {

void job_state::drop_holder() noexcept {
  if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1 && waiting())
    refuse(std::make_exception_ptr(
        broken_promise("the executor dropped a job without running it; it may have been shut down, "
                       "or it lost the job")));
  release();
}

void job_state::dismiss_holder() noexcept {
  if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1 && leave_waiting(phase::over))
    discard();
  release();
}

void job_state::run() {
  if (!leave_waiting(phase::running)) return;
  try {
    call();
  }
#ifdef __GLIBCXX__
  catch (const abi::__forced_unwind&) {
    // pthread_exit, or a cancelled thread: the unwinding has to go on, and the waiter to be told.
    failed(std::make_exception_ptr(
        broken_promise("the thread that ran a job ended in the middle of it")));
    throw;
  }
#endif
  catch (...) {
    failed(std::current_exception());
  }
}

void job_state::refuse(std::exception_ptr reason) noexcept {
  if (!leave_waiting(phase::over)) return;
  discard();
  failed(std::move(reason));
}

bool job_state::withdraw() noexcept {
  if (!leave_waiting(phase::over)) return false;
  discard();
  if (line_) line_->forget(*this);
  return true;
}

// -- lists --------------------------------------------------------------------------------------

void job_list::push(job_state& state) noexcept {
  state.before_ = last_;
  state.after_ = nullptr;
  state.list_ = this;
  (last_ != nullptr ? last_->after_ : first_) = &state;
  last_ = &state;
  ++size_;
}

job_state* job_list::pop() noexcept {
  job_state* state = first_;
  if (state != nullptr) erase(*state);
  return state;
}

bool job_list::erase(job_state& state) noexcept {
  if (state.list_ != this) return false;
  (state.before_ != nullptr ? state.before_->after_ : first_) = state.after_;
  (state.after_ != nullptr ? state.after_->before_ : last_) = state.before_;
  state.before_ = state.after_ = nullptr;
  state.list_ = nullptr;
  --size_;
  return true;
}

}  // namespace buskin::detail
