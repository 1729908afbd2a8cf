// The pool's state is under one mutex. A thread that ends puts its record among the finished ones,
// and somebody else joins it. What always holds: a job is in at most one of the two lines (queued_
// has room for it, waiting_ has not); jobs of waiting_ are younger than those of queued_.
#include <buskin/runtime/thread_pool.hpp>

#include <buskin/runtime/detail/spin.hpp>
#include <buskin/runtime/detail/thread_name.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/wait_record.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

namespace buskin {

namespace {

using steady = std::chrono::steady_clock;

/// As much of a thread's name as the system takes: the end tells the threads of a pool apart.
std::string short_name(const std::string& name) {
  constexpr std::size_t longest = 15;
  const auto number = name.rfind('-');
  const std::string end = name.substr(number);
  return name.substr(0, std::min(number, longest - std::min(longest, end.size()))) + end;
}

}  // namespace

std::string to_string(const running_job& job, steady::time_point now) {
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.3f s",
                std::chrono::duration<double>(now - job.since).count());
  const std::string_view file = job.where.file_name();
  return "a job of thread \"" + job.thread + "\", asked for at " +
         std::string(file.substr(file.rfind('/') + 1)) + ':' + std::to_string(job.where.line()) +
         ": has run for " + seconds;
}

class thread_pool::core final : public detail::job_line, public std::enable_shared_from_this<core> {
 public:
  enum class entry { may_block, line_up, immediate };

  explicit core(thread_pool_options given) : options(std::move(given)) {
    if (options.threads == 0) options.threads = default_threads();
  }

  bool add(job work, entry how);
  void close(queued_jobs queued, const std::string& reason);
  bool wait_for_end(const std::optional<steady::time_point>& deadline);
  void set_on_ended(std::function<void()> told);
  void abandon();
  void forget(detail::job_state& state) noexcept override;
  void returned() noexcept override;

  std::vector<running_job> running() const;
  template <class F>
  auto look(F read) const {
    std::lock_guard guard(mutex_);
    return read(*this);
  }

  thread_pool_options options;  // constant from the start

 private:
  friend class thread_pool;

  struct member {
    std::thread thread;
    unsigned number = 0;
    std::string name;
    std::optional<running_job> running;  // guarded by mutex_
    bool busy = false;                   // guarded by mutex_; counted in busy_
  };
  using members = std::list<member>;
  static thread_local member* member_here;

  /// A caller of execute that is blocked until there is room.
  struct blocked_caller {
    bool admitted = false;
    bool turned_away = false;
  };

  /// Counts a thread among the living for the length of its life, however that ends.
  class presence;

  void check_open() const;
  bool room() const noexcept;
  void admit();
  void staff();
  void start_thread();
  void work(members::iterator me);
  void run_jobs(members::iterator me, std::unique_lock<std::mutex>& lock);
  void leave(members::iterator me);
  void be_free(member& me) noexcept;
  void refuse_all(std::unique_lock<std::mutex>& lock, const std::string& text);
  void reap(std::unique_lock<std::mutex>& lock);
  std::string title() const { return "thread pool \"" + options.name + "\""; }

  std::atomic<bool> news_{false};  // for who is looking: a job came, or the end
  mutable std::mutex mutex_;
  std::condition_variable work_;   // a job for an idle thread, or the end
  std::condition_variable room_;   // a blocked caller's fate is known
  std::condition_variable ended_;  // no thread is left
  // All guarded by mutex_.
  detail::job_list queued_;
  detail::job_list waiting_;
  std::unordered_map<detail::job_state*, blocked_caller*> blocked_;
  members alive_;
  members finished_;  // to be joined
  std::size_t idle_ = 0;
  bool looking_ = false;  // a thread waits for a job with open eyes; it is not idle
  std::size_t busy_ = 0;  // those whose job has not returned
  bool closed_ = false;
  std::string why_closed_;
  std::function<void()> told_;
};

// -- jobs come --------------------------------------------------------------------------------

void thread_pool::core::check_open() const {
  if (closed_)
    throw executor_shutdown(title() + " takes no more jobs: " +
                            (why_closed_.empty() ? "it was shut down" : why_closed_));
}

bool thread_pool::core::room() const noexcept {
  if (options.capacity == thread_pool_options::unlimited) return true;
  // A thread that is idle, about to begin, or not yet started takes one at once.
  return queued_.size() < options.capacity + (options.threads - std::min(options.threads, busy_));
}

bool thread_pool::core::add(job work, entry how) {
  // Whoever is refused is told by an exception; the job must not tell it a second time.
  struct dismissing {
    ~dismissing() { work.dismiss(); }
    job& work;
  } at_the_end{work};
  std::unique_lock lock(mutex_);
  check_open();
  if (waiting_.empty() && room()) {
    auto* state = detail::job_list::take(work);
    detail::job_list::set_line(*state, shared_from_this());
    queued_.push(*state);
    try {
      staff();
    } catch (...) {
      queued_.erase(*state);
      work = detail::job_list::give<job>(state);
      throw;
    }
    reap(lock);
    return true;
  }
  if (how == entry::immediate) return false;
  if (options.full == when_full::refuse)
    throw executor_full(title() + " is full: " + std::to_string(alive_.size()) +
                        " threads are busy and " + std::to_string(queued_.size()) +
                        " jobs wait for one; try later, or give it more capacity");
  auto* state = detail::job_list::take(work);
  detail::job_list::set_line(*state, shared_from_this());
  waiting_.push(*state);
  if (how == entry::line_up) return true;
  blocked_caller here;
  blocked_.emplace(state, &here);
  room_.wait(lock, [&] { return here.admitted || here.turned_away; });
  if (here.turned_away) {
    work = detail::job_list::give<job>(state);
    check_open();
  }
  return true;
}

/// Moves those who wait for room into the queue, while there is some.
void thread_pool::core::admit() {
  while (!waiting_.empty() && room()) {
    auto* state = waiting_.pop();
    queued_.push(*state);
    if (const auto found = blocked_.find(state); found != blocked_.end()) {
      found->second->admitted = true;
      blocked_.erase(found);
      room_.notify_all();
    }
  }
}

/// Sees to it that a thread will look at the queue.
void thread_pool::core::staff() {
  news_.store(true, std::memory_order_relaxed);
  if (looking_ && queued_.size() == 1) return;
  if (idle_ >= queued_.size()) {
    work_.notify_one();
  } else if (alive_.size() < options.threads) {
    try {
      start_thread();
    } catch (...) {
      if (alive_.empty()) throw;
      // Those there are will come to it.
    }
  } else if (idle_ != 0) {
    work_.notify_one();
  }
}

void thread_pool::core::start_thread() {
  unsigned number = 0;
  for (bool taken = true; taken; number += taken ? 1U : 0U)
    taken = std::any_of(alive_.begin(), alive_.end(),
                        [number](const member& each) { return each.number == number; });
  const auto me = alive_.emplace(alive_.end());
  me->number = number;
  me->name = options.name + "-" + std::to_string(number);
  try {
    me->thread = std::thread([self = shared_from_this(), me] { self->work(me); });
  } catch (...) {
    alive_.erase(me);
    throw;
  }
}

void thread_pool::core::forget(detail::job_state& state) noexcept {
  job dropped;  // outside of the lock
  {
    std::lock_guard guard(mutex_);
    if (!queued_.erase(state) && !waiting_.erase(state)) return;
    admit();
    dropped = detail::job_list::give<job>(&state);
  }
}

// -- jobs go ----------------------------------------------------------------------------------

// Of the thread that runs here, if it is one of a pool.
thread_local thread_pool::core::member* thread_pool::core::member_here = nullptr;

void thread_pool::core::returned() noexcept {
  if (member_here == nullptr) return;
  std::lock_guard guard(mutex_);
  be_free(*member_here);
}

void thread_pool::core::be_free(member& me) noexcept {
  if (!std::exchange(me.busy, false)) return;
  --busy_;
  admit();
}

class thread_pool::core::presence {
 public:
  presence(core& owner, members::iterator me) : owner_(owner), me_(me) {}
  ~presence() { owner_.leave(me_); }
  presence(const presence&) = delete;
  presence& operator=(const presence&) = delete;

 private:
  core& owner_;
  members::iterator me_;
};

void thread_pool::core::work(members::iterator me) {
  const presence here(*this, me);
  std::string name;
  {
    std::lock_guard guard(mutex_);
    name = me->name;
  }
  detail::name_this_thread(short_name(name));
  std::unique_lock lock(mutex_, std::defer_lock);
  if (options.on_thread_start) {
    try {
      options.on_thread_start();
    } catch (...) {
      lock.lock();
      closed_ = true;
      why_closed_ = "on_thread_start threw: " + describe(std::current_exception());
      refuse_all(lock, why_closed_);
      return;
    }
  }
  lock.lock();
  member_here = &*me;
  run_jobs(me, lock);
}

void thread_pool::core::run_jobs(members::iterator me, std::unique_lock<std::mutex>& lock) {
  detail::short_wait wait_a_moment;
  for (;;) {
    if (auto* state = queued_.pop()) {
      job next = detail::job_list::give<job>(state);
      ++busy_;
      me->busy = true;
      me->running = {options.name, me->name, next.where(), steady::now()};
      lock.unlock();
      next();
      next = {};  // what it holds goes here, outside of the lock
      lock.lock();
      me->running.reset();
      be_free(*me);
      continue;
    }
    if (closed_) return;
    if (!std::exchange(looking_, true)) {
      news_.store(false, std::memory_order_relaxed);
      lock.unlock();
      const bool any = wait_a_moment([this] { return news_.load(std::memory_order_relaxed); });
      lock.lock();
      looking_ = false;
      if (any || !queued_.empty() || closed_) continue;
    }
    ++idle_;
    const auto news = [this] { return !queued_.empty() || closed_; };
    bool any = true;
    if (options.idle_time == thread_pool_options::forever)
      work_.wait(lock, news);
    else
      any = work_.wait_for(lock, options.idle_time, news);
    --idle_;
    if (!any) return;
  }
}

/// The end of a thread, also in the middle of a job.
void thread_pool::core::leave(members::iterator me) {
  std::unique_lock lock(mutex_);
  me->running.reset();
  be_free(*me);
  finished_.splice(finished_.end(), alive_, me);
  if (!queued_.empty() && alive_.size() < options.threads) {
    try {
      start_thread();
    } catch (const std::exception& error) {
      if (alive_.empty())
        refuse_all(lock, std::string("its last thread ended, and no other can be started: ") +
                             error.what());
    }
  }
  if (!alive_.empty()) return;
  if (closed_ && told_) told_();
  ended_.notify_all();
}

void thread_pool::core::refuse_all(std::unique_lock<std::mutex>& lock, const std::string& text) {
  std::vector<job> refused;
  while (auto* state = queued_.pop()) refused.push_back(detail::job_list::give<job>(state));
  while (auto* state = waiting_.pop()) {
    if (const auto found = blocked_.find(state); found != blocked_.end()) {
      // Its caller is there to be told, and takes the job back.
      found->second->turned_away = true;
      blocked_.erase(found);
    } else {
      refused.push_back(detail::job_list::give<job>(state));
    }
  }
  room_.notify_all();
  if (refused.empty()) return;
  lock.unlock();
  const auto reason = std::make_exception_ptr(
      executor_shutdown("the job did not run, " + title() + " was shut down before" +
                        (text.empty() ? std::string() : ": " + text)));
  for (const job& each : refused) each.refuse(reason);
  refused.clear();
  lock.lock();
}

// -- the end ----------------------------------------------------------------------------------

void thread_pool::core::close(queued_jobs queued, const std::string& reason) {
  std::unique_lock lock(mutex_);
  if (!closed_) why_closed_ = reason;
  closed_ = true;
  if (queued == queued_jobs::cancel) refuse_all(lock, reason);
  work_.notify_all();
  if (alive_.empty() && told_) told_();
}

bool thread_pool::core::wait_for_end(const std::optional<steady::time_point>& deadline) {
  std::unique_lock lock(mutex_);
  if (std::any_of(alive_.begin(), alive_.end(), [](const member& each) {
        return each.thread.get_id() == std::this_thread::get_id();
      }))
    throw invalid_state(title() + " cannot be joined by one of its own threads");
  const auto over = [this] { return closed_ && alive_.empty(); };
  if (deadline) {
    if (!ended_.wait_until(lock, *deadline, over)) return false;
  } else {
    ended_.wait(lock, over);
  }
  reap(lock);
  return true;
}

/// Joins the threads that have ended.
void thread_pool::core::reap(std::unique_lock<std::mutex>& lock) {
  if (finished_.empty()) return;
  members ended;
  ended.splice(ended.end(), finished_);
  lock.unlock();
  for (member& each : ended)
    if (each.thread.joinable()) each.thread.join();
  lock.lock();
}

void thread_pool::core::set_on_ended(std::function<void()> told) {
  std::lock_guard guard(mutex_);
  told_ = std::move(told);
}

void thread_pool::core::abandon() {
  std::lock_guard guard(mutex_);
  // A thread cannot be ended from outside. It keeps this object, and ends when its job does.
  for (member& each : alive_) each.thread.detach();
}

std::vector<running_job> thread_pool::core::running() const {
  std::lock_guard guard(mutex_);
  std::vector<running_job> all;
  for (const member& each : alive_)
    if (each.running) all.push_back(*each.running);
  return all;
}

// -- thread_pool ------------------------------------------------------------------------------

thread_pool::thread_pool(thread_pool_options options)
    : core_(std::make_shared<core>(std::move(options))) {}

thread_pool::~thread_pool() {
  core_->close(queued_jobs::run, {});
  // Abandoned threads have been let go and named; nobody waits for them again.
  const bool waits = core_->look([](const core& c) {
    return std::all_of(c.alive_.begin(), c.alive_.end(),
                       [](const auto& each) { return each.thread.joinable(); });
  });
  if (waits) core_->wait_for_end(std::nullopt);
}

void thread_pool::execute(job work) { core_->add(std::move(work), core::entry::may_block); }
bool thread_pool::try_execute(job work) {
  return core_->add(std::move(work), core::entry::immediate);
}
void thread_pool::enqueue(job work) { core_->add(std::move(work), core::entry::line_up); }

void thread_pool::shutdown(queued_jobs queued, const std::string& reason) {
  core_->close(queued, reason);
}
void thread_pool::join() { core_->wait_for_end(std::nullopt); }
bool thread_pool::join_for(std::chrono::milliseconds limit) {
  return core_->wait_for_end(steady::now() + limit);
}

const thread_pool_options& thread_pool::options() const noexcept { return core_->options; }
std::size_t thread_pool::threads() const {
  return core_->look([](const core& c) { return c.alive_.size(); });
}
std::size_t thread_pool::idle_threads() const {
  return core_->look([](const core& c) { return c.idle_; });
}
std::size_t thread_pool::queued_count() const {
  return core_->look([](const core& c) { return c.queued_.size(); });
}
std::size_t thread_pool::waiting_count() const {
  return core_->look([](const core& c) { return c.waiting_.size(); });
}
bool thread_pool::is_shut_down() const {
  return core_->look([](const core& c) { return c.closed_; });
}
std::vector<running_job> thread_pool::running() const { return core_->running(); }

std::size_t thread_pool::default_threads() noexcept {
  return std::min<std::size_t>(32, std::max(1U, std::thread::hardware_concurrency()) + 4);
}

void thread_pool::on_ended(std::function<void()> told) { core_->set_on_ended(std::move(told)); }
void thread_pool::abandon() { core_->abandon(); }

}  // namespace buskin
