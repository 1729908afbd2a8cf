// The loop: messages, timers, I/O, in turn and bounded, so that a flood of one does not starve the
// others.
#include <buskin/runtime/detail/worker.hpp>

#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/detail/host_waker.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/detail/watchdog.hpp>
#include <buskin/runtime/detail/worker_ref.hpp>
#include <buskin/runtime/scheduling_order.hpp>

#include <caf/logger.hpp>

#include <asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace buskin::detail {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t messages_a_round =
    512;                                // resumptions, each of at most max_throughput messages
constexpr std::size_t io_a_round = 64;  // Asio handlers
constexpr auto slice = 200us;           // a round's share of messages, when they are slow
constexpr auto slow_look =
    50us;  // looks at the clock further apart than this make it look more often

// Jobs that have waited long are not in the processor's caches any more: they are asked for while
// others run.
constexpr std::size_t ahead = 2;

void prefetch(const caf::resumable* job) noexcept {
  const auto* bytes = reinterpret_cast<const char*>(job);
  for (std::size_t line = 0; line != 4; ++line) __builtin_prefetch(bytes + 64 * line);
}

}  // namespace

time_point coarse_now() noexcept {
  return here.worker != nullptr ? here.worker->coarse_now() : time_point{};
}

worker::worker(scheduler& owner, unsigned index)
    : caf::execution_unit(&owner.system()),
      owner_(owner),
      index_(index),
      number_(worker_ref::enter(*this)),
      threaded_(owner.threaded()),
      order_(owner.order()),
      timers_(threaded_ ? timer_queue::access::any_thread : timer_queue::access::single_thread),
      now_(owner.time().now()),
      last_io_(std::chrono::steady_clock::now()) {
  incoming_.reserve(submissions_.first_capacity);
}

worker::~worker() { worker_ref::leave(*this); }

time_point worker::look() noexcept {
  stale_ = false;
  return now_ = owner_.time().now();
}

// -- queues -----------------------------------------------------------------------------------

void worker::push(caf::resumable* job) {
  if (!threaded_) {
    ready_.push(job);
    return;
  }
  // The youngest job is kept back: two actors that answer each other stay here, and only a second
  // job calls for help.
  show_newest();
  newest_ = job;
}

/// Lets others take the job that was kept back.
void worker::show_newest() {
  if (newest_ == nullptr) return;
  movable_.push(std::exchange(newest_, nullptr));
  owner_.work_available();
}

caf::resumable* worker::next_job() {
  if (!threaded_) return order_ == nullptr ? ready_.pop() : take_in_order();
  prefer_pinned_ = !prefer_pinned_;
  caf::resumable* job = prefer_pinned_ ? pinned_.pop() : nullptr;
  if (job == nullptr) job = movable_.pop();
  if (job == nullptr && newest_ != nullptr) return std::exchange(newest_, nullptr);
  if (job == nullptr) job = pinned_.pop();
  // What runs now may take long: the youngest does not wait for it here.
  if (job != nullptr) show_newest();
  return job;
}

caf::resumable* worker::take_in_order() {
  if (ready_.size() < 2) return ready_.pop();
  const std::size_t place = order_->next(ready_jobs(ready_));
  return ready_.take(std::min(place, ready_.size() - 1));
}

void worker::submit(caf::resumable* job) {
  submissions_.push(job);
  wake();
}

void worker::wake() noexcept {
  woken_.store(true, std::memory_order_seq_cst);
  if (sleeping_.exchange(false, std::memory_order_seq_cst)) asio::post(io_, [] {});
  if (auto* host = host_.load(std::memory_order_acquire)) host->ring();
}

namespace {

/// Callbacks are meant for the worker that they were given to, and so is an actor with a home.
bool may_be_moved(caf::resumable& job) {
  switch (job.subtype()) {
    case caf::resumable::function_object:
      return false;
    case caf::resumable::unspecified: {
      const auto* lean = dynamic_cast<const lean_actor*>(&job);
      return lean == nullptr || lean->home() == nullptr;
    }
    default:
      return true;
  }
}

}  // namespace

void worker::take_submissions() {
  if (submissions_.empty()) return;
  submissions_.drain(incoming_);
  for (caf::resumable* job : incoming_) {
    if (!threaded_ || may_be_moved(*job))
      push(job);
    else
      push_pinned(job);
  }
  incoming_.clear();
}

// -- rounds -----------------------------------------------------------------------------------

void worker::run(caf::resumable* job) {
  if (job->subtype() == caf::resumable::scheduled_actor) owner_.notice(*job);
  const slow_watch watch(*job);
  switch (job->resume(this, owner_.throughput())) {
    case caf::resumable::resume_later: {
      auto* lean = threaded_ ? dynamic_cast<lean_actor*>(job) : nullptr;
      if (lean != nullptr && lean->home() != nullptr && lean->home() != this)
        lean->home()->submit(job);
      else if (lean != nullptr && lean->home() != nullptr)
        push_pinned(job);
      else
        push(job);
      break;
    }
    case caf::resumable::shutdown_execution_unit:
      break;
    case caf::resumable::done:
    case caf::resumable::awaiting_message:
      caf::intrusive_ptr_release(job);
      break;
  }
}

bool worker::step() {
  take_submissions();
  caf::resumable* job = next_job();
  if (job == nullptr) return false;
  run(job);
  return true;
}

std::size_t worker::run_messages() {
#if CAF_LOG_LEVEL == CAF_LOG_LEVEL_QUIET
  // A CAF built without logging still looks its logger up in every turn of its actors, under a
  // lock, unless there is none.
  caf::logger::set_current_actor_system(nullptr);
#endif
  if (order_ != nullptr) return run_in_order();
  std::size_t count = 0;
  auto looked = last_io_;
  unsigned until_look = look_every_;
  while (count != messages_a_round) {
    caf::resumable* job = next_job();
    if (job == nullptr) break;
    if (ready_.size() > ahead) prefetch(ready_.at(ahead));
    run(job);
    ++count;
    if (--until_look != 0) continue;
    const auto present = std::chrono::steady_clock::now();
    if (owner_.time().runs()) now_ = present;
    look_every_ = present - looked > slow_look ? 1 : 16;
    until_look = look_every_;
    looked = present;
    if (present - last_io_ > slice) break;
    if (!submissions_.empty()) take_submissions();
  }
  return count;
}

/// The same for an order that is to be repeatable: nothing depends on how long things take.
std::size_t worker::run_in_order() {
  std::size_t count = 0;
  while (count != messages_a_round) {
    take_submissions();
    caf::resumable* job = next_job();
    if (job == nullptr) break;
    run(job);
    ++count;
  }
  return count;
}

std::size_t worker::run_io(std::size_t limit) {
  std::size_t count = 0;
  while (count != limit && io_.poll_one() != 0) ++count;
  return count;
}

bool worker::round(bool may_block) {
  const std::size_t messages = run_messages();
  take_submissions();
  look();
  last_io_ = owner_.time().runs() ? now_ : std::chrono::steady_clock::now();
  const std::size_t fired = timers_.fire_due(now_);
  if (fired != 0) fired_at_ = now_;
  // With nothing else to do, to wait for I/O is to look for it; a look before that mostly finds
  // nothing, and is a system call. Jobs of others are something to do.
  const bool only_io = may_block && messages + fired == 0 && queued() == 0 &&
                       owner_.time().runs() && !owner_.time_is_held() &&
                       !(threaded_ && owner_.anything_to_steal(*this));
  const std::size_t handlers = only_io ? 0 : run_io(io_a_round);
  // Fewer handlers than permitted: the last look at the descriptors found nothing more, so another
  // would be for nothing.
  if (messages + fired != 0 || handlers == io_a_round || queued() != 0) return true;
  if (threaded_)
    if (caf::resumable* job = owner_.steal_for(*this)) {
      run(job);
      return true;
    }
  if (const auto due = timers_.next_due(); due && !owner_.time().runs() && submissions_.empty() &&
                                           !owner_.time_is_held() && owner_.time().skip_to(*due))
    return true;
  if (may_block) sleep();
  return handlers != 0;
}

void worker::arm_alarm() {
  if (!owner_.time().runs()) return;
  const auto next = timers_.next_due();
  if (!next) return;
  const auto due = std::max(*next, fired_at_ + owner_.timer_slack());
  if (due >= alarm_at_) return;
  alarm_at_ = time_point::max();  // should what follows throw
  alarm_.expires_at(due);
  alarm_.async_wait([this](const asio::error_code& failure) {
    if (!failure) alarm_at_ = time_point::max();
  });
  alarm_at_ = due;
}

void worker::sleep() {
  // A short job of another thread is over sooner than we would be asleep.
  if (owner_.time_is_held() && before_sleep_([this] {
        return !submissions_.empty() || (woken_.load(std::memory_order_relaxed) &&
                                         woken_.exchange(false, std::memory_order_seq_cst));
      }))
    return;
  arm_alarm();
  sleeping_.store(true, std::memory_order_seq_cst);
  if (threaded_) owner_.note_idle(*this);
  // A wake-up, a submission or a job to steal that came before the flags were seen must not be
  // slept over.
  if (!woken_.exchange(false, std::memory_order_seq_cst) && submissions_.empty() &&
      !(threaded_ && owner_.anything_to_steal(*this))) {
    sleeps_.fetch_add(1, std::memory_order_relaxed);
    stale_ = true;  // a handler may run before the next look
    // While a job of another thread is awaited, a clock that jumps goes no faster than the real
    // one.
    const auto due =
        owner_.time().runs() || !owner_.time_is_held() ? std::nullopt : timers_.next_due();
    if (!due)
      io_.run_one();
    else if (io_.run_one_for(*due > now_ ? *due - now_ : duration::zero()) == 0)
      owner_.time().skip_to(*due);
  }
  if (threaded_) owner_.note_busy(*this);
  sleeping_.store(false, std::memory_order_seq_cst);
  if (stale_) look();
}

void worker::drop_jobs() {
  worker_ref::leave(*this);
  take_submissions();
  while (caf::resumable* job = next_job()) {
    if (auto* lean = dynamic_cast<lean_actor*>(job)) {
      lean->abandon(caf::make_error(caf::exit_reason::kill));
      caf::intrusive_ptr_release(job);
    } else {
      caf::scheduler::abstract_coordinator::cleanup_and_release(job);
    }
  }
}

}  // namespace buskin::detail
