#include <buskin/runtime/detail/scheduler.hpp>

#include <buskin/runtime/detail/thread_name.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/runtime.hpp>

#include <caf/actor_system_config.hpp>
#include <caf/scheduled_actor.hpp>

#include <bit>
#include <utility>

namespace buskin::detail {

namespace {

/// A function as a job.
class function_job final : public caf::resumable, public recycled {
 public:
  function_job(std::function<void()> function, const std::source_location& asked, bindings locals)
      : function_(std::move(function)), asked_(asked), locals_(std::move(locals)) {}
  subtype_t subtype() const override { return function_object; }
  resume_result resume(caf::execution_unit* unit, size_t) override {
    const context_scope inside(locals_);
    try {
      function_();
    } catch (...) {
      const auto error = std::current_exception();
      static_cast<worker*>(unit)->owner().owner().report(
          {"BK003", "a callback threw: " + describe(error), error, {}, asked_});
    }
    return done;
  }
  void intrusive_ptr_add_ref_impl() override { ++references_; }
  void intrusive_ptr_release_impl() override {
    if (--references_ == 0) delete this;
  }

 private:
  std::function<void()> function_;
  std::source_location asked_;
  bindings locals_;
  std::atomic<int> references_{1};
};

// Set in the flags of a CAF actor that is in the list of the living. Not one of CAF's.
constexpr int noticed_flag = 0x00400000;

/// CAF's own handler of exceptions prints the text and ends the actor with a bare `runtime_error`.
/// An actor that has no handler of its own ends with the exception itself instead, so that monitors
/// and supervisors learn what happened.
void keep_exceptions(caf::scheduled_actor& actor) {
  struct access : caf::scheduled_actor {
    static exception_handler& of(caf::scheduled_actor& a) { return a.*&access::exception_handler_; }
  };
  using plain = caf::error (*)(caf::scheduled_actor*, std::exception_ptr&);
  const auto* present = access::of(actor).target<plain>();
  if (present != nullptr && *present == &caf::scheduled_actor::default_exception_handler)
    actor.set_exception_handler([](std::exception_ptr& error) { return to_error(error); });
}

/// Ties a CAF actor to the list of the living until it ends.
class living_caf_actor final : public caf::attachable, public live_links, public recycled {
 public:
  living_caf_actor(scheduler& owner, caf::abstract_actor& whom) : actor(whom), owner_(owner) {}
  ~living_caf_actor() override {
    if (live_after != nullptr) owner_.forget(*this, shutdown_phase::ordinary);
  }
  void actor_exited(const caf::error&, caf::execution_unit*) override {
    if (live_after != nullptr) owner_.forget(*this, shutdown_phase::ordinary);
  }

  caf::abstract_actor& actor;

 private:
  scheduler& owner_;
};

}  // namespace

void post_function(worker& where, std::function<void()> function, const std::source_location& asked,
                   bindings locals) {
  where.submit(new function_job(std::move(function), asked, std::move(locals)));
}

// -- CAF's clock ------------------------------------------------------------------------------

caf_clock::caf_clock(scheduler& owner) : owner_(owner), alarm_(*this) {}

// CAF looks at the clock in every turn of its actors, for streams. On a worker that look is the
// worker's own last one, so what is due a while from such a present is moved by how old it is.
caf_clock::time_point caf_clock::now() const noexcept {
  worker* w = here.worker;
  return w != nullptr && owner_.time().runs() ? w->coarse_now() : owner_.time().now();
}

caf_clock::time_point caf_clock::from_now(time_point due) const noexcept {
  const auto present = now();
  return due <= present ? due : due + (owner_.time().now() - present);
}

template <class F>
void caf_clock::change(F modify) {
  {
    std::lock_guard guard(mutex_);
    modify();
    entries_.store(schedule_.size(), std::memory_order_relaxed);
  }
  worker& first = owner_.first();
  if (here.worker == &first)
    arm();
  else
    owner_.post(first, [this] { arm(); });
}

void caf_clock::arm() {
  std::optional<time_point> due;
  {
    std::lock_guard guard(mutex_);
    if (!schedule_.empty()) due = schedule_.begin()->first;
  }
  if (due)
    owner_.first().timers().arm(alarm_, *due);
  else
    alarm_.disarm();
}

void caf_clock::alarm::fire(timer& t) noexcept {
  // Not here, under the timers' lock: shipping a timeout may run an actor's destructor.
  auto& self = static_cast<alarm&>(t);
  self.clock.owner_.post(self.clock.owner_.first(), [&clock = self.clock] { clock.ring(); });
}

void caf_clock::ring() noexcept {
  {
    std::lock_guard guard(mutex_);
    trigger_expired_timeouts();
    entries_.store(schedule_.size(), std::memory_order_relaxed);
  }
  arm();
}

void caf_clock::set_ordinary_timeout(time_point due, caf::abstract_actor* self,
                                     caf::atom_value type, uint64_t id) {
  change([&] { super::set_ordinary_timeout(from_now(due), self, type, id); });
}
void caf_clock::set_multi_timeout(time_point due, caf::abstract_actor* self, caf::atom_value type,
                                  uint64_t id) {
  change([&] { super::set_multi_timeout(from_now(due), self, type, id); });
}
void caf_clock::set_request_timeout(time_point due, caf::abstract_actor* self, caf::message_id id) {
  change([&] { super::set_request_timeout(from_now(due), self, id); });
}
void caf_clock::schedule_message(time_point due, caf::strong_actor_ptr receiver,
                                 caf::mailbox_element_ptr content) {
  change([&] { super::schedule_message(from_now(due), std::move(receiver), std::move(content)); });
}
void caf_clock::schedule_message(time_point due, caf::group target, caf::strong_actor_ptr sender,
                                 caf::message content) {
  change([&] {
    super::schedule_message(from_now(due), std::move(target), std::move(sender),
                            std::move(content));
  });
}

// Cancelling leaves the alarm as it is: it rings once for nothing at most.
void caf_clock::cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) {
  std::lock_guard guard(mutex_);
  super::cancel_ordinary_timeout(self, type);
  entries_.store(schedule_.size(), std::memory_order_relaxed);
}
void caf_clock::cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) {
  std::lock_guard guard(mutex_);
  super::cancel_request_timeout(self, id);
  entries_.store(schedule_.size(), std::memory_order_relaxed);
}
void caf_clock::cancel_timeouts(caf::abstract_actor* self) {
  // Every actor that ends comes by here; most programs have no such timeouts at all. Only the actor
  // itself adds entries for itself, so a relaxed read cannot miss one of its own.
  if (entries_.load(std::memory_order_relaxed) == 0) return;
  std::lock_guard guard(mutex_);
  super::cancel_timeouts(self);
  entries_.store(schedule_.size(), std::memory_order_relaxed);
}
void caf_clock::cancel_all() {
  std::lock_guard guard(mutex_);
  super::cancel_all();
  entries_.store(0, std::memory_order_relaxed);
}

// -- the module -------------------------------------------------------------------------------

scheduler::scheduler(caf::actor_system& system, const scheduler_options& options)
    : super(system), options_(options), clock_(*this) {
  for (live_links* list : {&living_, &living_caf_}) list->live_before = list->live_after = list;
  for (unsigned i = 0; i != options_.workers; ++i)
    workers_.push_back(std::make_unique<worker>(*this, i));
}

scheduler::~scheduler() = default;

void scheduler::init(caf::actor_system_config& config) {
  super::init(config);
  max_throughput_ = options_.max_throughput;
  num_workers_ = options_.workers;
}

void scheduler::start() {
  for (unsigned i = 1; i != options_.workers; ++i)
    threads_.emplace_back([this, &mine = *workers_[i]] {
      name_this_thread(options_.name + "-" + std::to_string(mine.index()));
      here.worker = &mine;
      while (!stopping_.load(std::memory_order_acquire)) mine.round(true);
      here.worker = nullptr;
    });
  super::start();
}

void scheduler::stop() {
  // CAF's helper actors are told to end by now and need a last turn; ours have ended in
  // runtime::shutdown.
  stop_actors();
  const running outer = std::exchange(here, running{&first(), nullptr, nullptr});
  for (int i = 0; i != 1000 && first().round(false); ++i) {
  }
  here = outer;
  stopping_.store(true, std::memory_order_release);
  for (auto& w : workers_) w->wake();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  clock_.cancel_all();
  {
    std::lock_guard guard(shared_mutex_);
    shared_.clear();
  }
  for (auto& w : workers_) {
    here.worker = w.get();
    w->drop_jobs();
  }
  here = outer;
}

void scheduler::enqueue(caf::resumable* job) {
  if (here.worker != nullptr && &here.worker->owner() == this) {
    here.worker->push(job);
    return;
  }
  const unsigned turn =
      options_.workers == 1 ? 0 : round_robin_.fetch_add(1, std::memory_order_relaxed);
  workers_[turn % options_.workers]->submit(job);
}

void scheduler::post(worker& where, std::function<void()> function) {
  post_function(where, std::move(function));
}

// -- sleeping and stealing ----------------------------------------------------------------------

void scheduler::note_idle(worker& w) noexcept {
  idle_.fetch_or(std::uint64_t{1} << (w.index() % 64), std::memory_order_seq_cst);
}

void scheduler::note_busy(worker& w) noexcept {
  idle_.fetch_and(~(std::uint64_t{1} << (w.index() % 64)), std::memory_order_seq_cst);
}

void scheduler::work_available() noexcept {
  // Partner of note_idle: whoever sleeps set its bit before its last look at our queue, which we
  // filled before this read.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  std::uint64_t idle = idle_.load(std::memory_order_relaxed);
  while (idle != 0) {
    const auto bit = static_cast<unsigned>(std::countr_zero(idle));
    if (idle_.compare_exchange_weak(idle, idle & ~(std::uint64_t{1} << bit),
                                    std::memory_order_seq_cst)) {
      workers_[bit]->wake();
      return;
    }
  }
}

caf::resumable* scheduler::steal_for(worker& thief) noexcept {
  const auto count = static_cast<unsigned>(workers_.size());
  for (unsigned i = 1; i != count; ++i)
    if (auto* job = workers_[(thief.index() + i) % count]->steal()) return job;
  return nullptr;
}

bool scheduler::anything_to_steal(const worker& thief) const noexcept {
  for (const auto& w : workers_)
    if (w.get() != &thief && w->has_stealable()) return true;
  return false;
}

// -- what all share -------------------------------------------------------------------------------

caf::strong_actor_ptr scheduler::shared(const void* key,
                                        const std::function<caf::strong_actor_ptr()>& make) {
  std::lock_guard guard(shared_mutex_);
  for (const auto& [known, actor] : shared_)
    if (known == key) return actor;
  return shared_.emplace_back(key, make()).second;
}

// -- the living -------------------------------------------------------------------------------

void scheduler::lock_living() noexcept {
  while (living_lock_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
}

void scheduler::remember(lean_actor& actor) noexcept { enter(living_, actor, actor.phase()); }

void scheduler::enter(live_links& list, live_links& links, shutdown_phase phase) noexcept {
  lock_living();
  links.live_before = list.live_before;
  links.live_after = &list;
  list.live_before->live_after = &links;
  list.live_before = &links;
  unlock_living();
  alive_[static_cast<std::size_t>(phase)].fetch_add(1, std::memory_order_acq_rel);
  born_.fetch_add(1, std::memory_order_acq_rel);
}

void scheduler::forget(live_links& links, shutdown_phase phase) noexcept {
  lock_living();
  links.live_before->live_after = links.live_after;
  links.live_after->live_before = links.live_before;
  links.live_after = links.live_before = nullptr;
  unlock_living();
  alive_[static_cast<std::size_t>(phase)].fetch_sub(1, std::memory_order_acq_rel);
  if (ends_awaited_.load(std::memory_order_seq_cst)) first().wake();
}

void scheduler::notice(caf::resumable& job) {
  auto& actor = static_cast<caf::scheduled_actor&>(job);
  if (actor.getf(noticed_flag) || !actor.getf(caf::abstract_actor::is_registered_flag)) return;
  actor.setf(noticed_flag);
  auto entry = std::make_unique<living_caf_actor>(*this, actor);
  enter(living_caf_, *entry, shutdown_phase::ordinary);
  actor.attach(std::move(entry));
  keep_exceptions(actor);
}

std::size_t scheduler::alive() const noexcept {
  std::size_t sum = 0;
  for (const auto& each : alive_) sum += each.load(std::memory_order_acquire);
  return sum;
}

void scheduler::for_each_alive(const std::function<void(caf::abstract_actor&)>& visit) {
  std::vector<caf::strong_actor_ptr> alive;
  const auto keep = [&](caf::actor_control_block* control) {
    if (caf::intrusive_ptr_upgrade_weak(control)) alive.emplace_back(control, false);
  };
  lock_living();
  for (live_links* at = living_.live_after; at != &living_; at = at->live_after)
    keep(static_cast<lean_actor*>(at)->ctrl());
  for (live_links* at = living_caf_.live_after; at != &living_caf_; at = at->live_after)
    keep(static_cast<living_caf_actor*>(at)->actor.ctrl());
  unlock_living();
  for (const auto& actor : alive) visit(*actor->get());
}

}  // namespace buskin::detail
