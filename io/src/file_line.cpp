#include <buskin/io/detail/file_line.hpp>

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/runtime.hpp>

namespace buskin::io::detail {

/// Goes through the line in a thread of the pool.
class file_line::runner final : public job_state {
 public:
  runner(std::shared_ptr<file_line> line, const std::source_location& where)
      : job_state(where), line_(std::move(line)) {}

 private:
  void call() override { line_->run(); }
  void failed(std::exception_ptr reason) noexcept override { line_->refuse_all(reason); }
  void discard() noexcept override {}
  const std::shared_ptr<file_line> line_;
};

/// The last operation. What close says has nobody who could be told.
class file_line::closing final : public job_state {
 public:
  closing(std::shared_ptr<file_line> line, std::function<void()> after)
      : job_state(std::source_location::current()),
        line_(std::move(line)),
        after_(std::move(after)) {}

 private:
  void call() override {
    line_->file().close();
    discard();
  }
  void discard() noexcept override {
    if (const auto last = std::exchange(after_, nullptr)) last();
  }
  void failed(std::exception_ptr reason) noexcept override {
    discard();
    // Refused, it closes when the last reference goes: that is no failure.
    if (!line_->file().is_open()) report_job_failure(origin_, reason, where());
  }
  const std::shared_ptr<file_line> line_;
  std::function<void()> after_;
  const void* const origin_ = job_origin();
};

void file_line::enqueue(thread_pool& pool, job work) {
  auto* state = job_list::take(work);
  const auto where = state->where();
  job_list::set_line(*state, shared_from_this());
  {
    std::lock_guard guard(mutex_);
    waiting_.push(*state);
    if (std::exchange(running_, true)) return;
  }
  auto* runs = new runner(shared_from_this(), where);
  job going(*runs);
  runs->release();  // the job keeps it
  try {
    pool.enqueue(going);
    return;
  } catch (...) {
    going.dismiss();
    {
      std::lock_guard guard(mutex_);
      if (waiting_.erase(*state)) work = job_list::give<job>(state);
    }
    work.dismiss();
    refuse_all(std::current_exception());
    throw;
  }
}

void file_line::close_behind(thread_pool& pool, std::function<void()> after) {
  auto* closes = new closing(shared_from_this(), std::move(after));
  job work(*closes);
  closes->release();
  enqueue(pool, std::move(work));
}

void file_line::forget(job_state& state) noexcept {
  job dropped;  // outside of the lock
  std::lock_guard guard(mutex_);
  if (waiting_.erase(state)) dropped = job_list::give<job>(&state);
}

job file_line::next() noexcept {
  std::lock_guard guard(mutex_);
  auto* state = waiting_.pop();
  if (state == nullptr) running_ = false;
  return job_list::give<job>(state);
}

void file_line::run() {
  while (const job work = next()) work();
}

void file_line::refuse_all(const std::exception_ptr& reason) noexcept {
  while (const job work = next()) work.refuse(reason);
}

void give_to(file_line& line, job work) {
  line.enqueue(here.worker->owner().owner().default_executor(), std::move(work));
}

}  // namespace buskin::io::detail
