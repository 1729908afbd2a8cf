#include <buskin/runtime/runtime.hpp>

#include <buskin/runtime/detail/executor_set.hpp>
#include <buskin/runtime/detail/operation_wait.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/manual_clock.hpp>

#include <caf/actor_system.hpp>
#include <caf/exit_reason.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/send.hpp>

#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <unordered_set>

namespace buskin {

namespace {

using steady = std::chrono::steady_clock;

/// Marks this thread as driving a worker for the length of a scope.
class driving {
 public:
  enum class nesting { refused, in_another_runtime };

  explicit driving(detail::worker& w, nesting permitted = nesting::refused) : outer_(detail::here) {
    if (outer_.worker != nullptr &&
        (permitted == nesting::refused || &outer_.worker->owner() == &w.owner()))
      throw invalid_state(
          "this thread drives a runtime already; await inside a task instead of running a second "
          "loop in it");
    detail::here = {&w, nullptr, nullptr};
    w.look();
  }
  ~driving() { detail::here = outer_; }
  driving(const driving&) = delete;
  driving& operator=(const driving&) = delete;

 private:
  detail::running outer_;
};

std::unique_ptr<caf::actor_system_config> make_config(const runtime_options& options,
                                                      runtime& owner, buskin::clock& clock) {
  auto config = std::make_unique<caf::actor_system_config>();
  config->add_message_type<failure_info>("buskin::failure_info");
  const detail::scheduler_options scheduling{options.workers, options.max_throughput, &clock,
                                             &owner, options.order.get()};
  config->module_factories.emplace_back(
      [scheduling](caf::actor_system& system) -> caf::actor_system::module* {
        return new detail::scheduler(system, scheduling);
      });
  if (options.configure) options.configure(*config);
  return config;
}

/// The real clock, unless whoever started the program asked for another.
std::unique_ptr<clock> clock_from_environment() {
  const char* wish = std::getenv("BUSKIN_CLOCK");
  if (wish == nullptr || *wish == '\0' || std::string_view(wish) == "real")
    return std::make_unique<clock>();
  if (std::string_view(wish) == "jump")
    return std::make_unique<manual_clock>(manual_clock::mode::jump);
  throw std::invalid_argument("BUSKIN_CLOCK is \"" + std::string(wish) +
                              "\"; it may be \"real\" or \"jump\" (time that jumps to the next "
                              "deadline whenever there is nothing else to do)");
}

/// The order that the options ask for, or else whoever started the program; null for none.
std::shared_ptr<scheduling_order> order_wanted(const runtime_options& options) {
  const char* wish = std::getenv("BUSKIN_SEED");
  std::optional<std::uint64_t> seed = options.seed;
  if (!seed && !options.order && options.workers == 1 && wish != nullptr && *wish != '\0') {
    const std::string_view text = wish;
    std::uint64_t number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc() || end != text.data() + text.size())
      throw std::invalid_argument("BUSKIN_SEED is \"" + std::string(text) +
                                  "\"; it is a number, the seed of the order in which tasks run");
    seed = number;
  }
  if (!seed && !options.order) return nullptr;
  if (options.workers != 1)
    throw std::invalid_argument(
        "a scheduling order needs a runtime with one worker; several choose for themselves");
  if (seed && options.order)
    throw std::invalid_argument(
        "give a runtime a seed or a scheduling order of your own, not both");
  return seed ? std::make_shared<seeded_order>(*seed) : options.order;
}

actor_status status_of(caf::abstract_actor& actor) {
  actor_status status;
  status.id = actor.id();
  if (auto* lean = dynamic_cast<lean_actor*>(&actor); lean != nullptr) {
    status.name = lean->title();
    if (const auto* task = dynamic_cast<const detail::task_actor_base*>(lean))
      status.created = task->created();
    status.busy = !lean->peek([&] {
      if (const auto* wait = lean->waiting()) status.waiting = wait->record();
      status.queued = lean->queued();
    });
  } else if (const auto* local = dynamic_cast<const caf::monitorable_actor*>(&actor)) {
    status.name = local->name();
  }
  return status;
}

shutdown_phase phase_of(const caf::abstract_actor& actor) {
  const auto* lean = dynamic_cast<const lean_actor*>(&actor);
  return lean != nullptr ? lean->phase() : shutdown_phase::ordinary;
}

}  // namespace

// -- texts ------------------------------------------------------------------------------------

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
  for (const auto& straggler : report.stragglers)
    text += "still alive, killed: " + to_string(straggler, report.at) + "\n";
  for (const auto& lost : report.abandoned)
    text += "did not end: " + to_string(lost, report.at) + "\n";
  for (const auto& job : report.jobs)
    text += "did not end: " + to_string(job, steady::now()) + "\n";
  return text;
}

// -- callbacks --------------------------------------------------------------------------------

struct timer_handle::state : std::enable_shared_from_this<timer_handle::state> {
  struct alarm : detail::timer {
    explicit alarm(state& s) : timer(&fire), owner(s) {}
    static void fire(detail::timer& t) noexcept { static_cast<alarm&>(t).owner.due(); }
    state& owner;
  };

  state(detail::worker& w, std::function<void()> f, const std::source_location& asked)
      : where(w), function(std::move(f)), asked_at(asked), timer(*this) {}

  void due() noexcept {
    detail::post_function(
        where,
        [self = std::exchange(alive, nullptr)] {
          if (!self->claimed.exchange(true, std::memory_order_acq_rel))
            std::exchange(self->function, nullptr)();
        },
        asked_at, locals);
  }

  /// True when this prevented the call.
  bool cancel() noexcept {
    timer.disarm();
    const auto keep = std::exchange(alive, nullptr);
    if (claimed.exchange(true, std::memory_order_acq_rel)) return false;
    function = nullptr;
    return true;
  }

  detail::worker& where;
  std::function<void()> function;  // belongs to whoever set `claimed`
  std::source_location asked_at;
  detail::bindings locals = detail::bindings_here();
  std::atomic<bool> claimed{false};  // called or cancelled
  alarm timer;
  std::shared_ptr<state> alive;  // itself, while armed
};

bool timer_handle::cancel() noexcept {
  if (!state_) return false;
  return std::exchange(state_, nullptr)->cancel();
}

// -- runtime ----------------------------------------------------------------------------------

struct runtime::impl {
  impl(runtime& owner, runtime_options given) : options(std::move(given)) {
    if (options.workers < 1 || options.workers > 64)
      throw std::invalid_argument("a runtime has 1 to 64 workers, not " +
                                  std::to_string(options.workers));
    if (options.clock == nullptr) {
      own_clock = clock_from_environment();
      options.clock = own_clock.get();
    }
    options.order = order_wanted(options);
    factory = options.on_task_created;
    has_factory.store(static_cast<bool>(factory), std::memory_order_relaxed);
    config = make_config(options, owner, *options.clock);
    system = std::make_unique<caf::actor_system>(*config);
    // CAF would wait for every actor for ever; shutdown() ends them with a deadline instead.
    system->await_actors_before_shutdown(false);
    watch = options.clock->watch([this] {
      for (const auto& each : scheduler().workers()) each->wake();
    });
  }

  ~impl() { options.clock->unwatch(watch); }

  /// Keeps track of a callback, so that none is left when the runtime ends.
  void remember(const std::shared_ptr<timer_handle::state>& callback) {
    std::lock_guard guard(handler_mutex);
    if (callbacks.size() >= callbacks_worth_a_look) {
      std::erase_if(callbacks, [](const auto& each) { return each.expired(); });
      callbacks_worth_a_look = std::max<std::size_t>(64, callbacks.size() * 2);
    }
    callbacks.push_back(callback);
  }
  void forget_callbacks() {
    for (const auto& each : std::exchange(callbacks, {}))
      if (const auto callback = each.lock()) callback->cancel();
  }

  detail::scheduler& scheduler() { return detail::scheduler::of(*system); }
  detail::worker& first() { return scheduler().first(); }

  /// Drives the first worker until `finished`.
  template <class F>
  void drive_until(F finished) {
    while (!finished()) first().round(true);
  }

  /// Drives until `finished` or the point in (real) time. True when finished.
  template <class F>
  bool drive_until(F finished, steady::time_point deadline) {
    driving scope(first(), driving::nesting::in_another_runtime);
    asio::steady_timer alarm(first().io(), deadline);
    bool late = false;
    // Also behind the deadline everybody has a turn.
    for (int i = 0; i != 64 && !finished() && first().round(false); ++i) {
    }
    alarm.async_wait([&late](const asio::error_code& failure) { late = !failure; });
    drive_until([&] { return late || finished(); });
    if (!late) {
      alarm.cancel();
      // The handler refers to `late`: let it run before it goes out of scope.
      first().io().poll();
    }
    return finished();
  }

  /// Asks all actors of a phase (null: of every phase) to end, also those that are started
  /// meanwhile, and waits for them.
  bool end_phase(std::optional<shutdown_phase> phase, steady::time_point deadline) {
    auto& all = scheduler();
    std::unordered_set<caf::actor_id> asked;
    std::optional<std::uint64_t> looked_at;
    const auto ended = [&] {
      if ((phase ? all.alive(*phase) : all.alive()) == 0) return true;
      // The living are looked through once, and again only when there are new ones among them.
      if (const auto born = all.born(); looked_at != born) {
        looked_at = born;
        all.for_each_alive([&](caf::abstract_actor& actor) {
          if ((!phase || phase_of(actor) == *phase) && asked.insert(actor.id()).second)
            caf::anon_send_exit(&actor, caf::exit_reason::user_shutdown);
        });
      }
      return false;
    };
    return ended() || drive_until(ended, deadline);
  }

  std::unique_ptr<clock> own_clock;  // null when the options name one
  runtime_options options;
  const context main_context = context::copy_current();
  detail::executor_set executors{options};
  std::unique_ptr<caf::actor_system_config> config;
  std::unique_ptr<caf::actor_system> system;
  std::size_t watch = 0;
  std::optional<shutdown_report> report;
  int signal = 0;  // the one that cancelled the main task
  std::mutex handler_mutex;
  std::function<void(const incident&)> handler;               // guarded by handler_mutex
  std::function<void(new_task&)> factory;                     // guarded by handler_mutex
  std::atomic<bool> has_factory{false};                       // whether there is one
  std::vector<std::weak_ptr<timer_handle::state>> callbacks;  // guarded by handler_mutex
  std::size_t callbacks_worth_a_look = 64;                    // guarded by handler_mutex
};

namespace {

// The runtimes of this process: an actor may outlive its own.
struct directory {
  std::recursive_mutex mutex;
  std::vector<std::pair<const caf::actor_system*, runtime*>> entries;  // guarded by mutex
};

directory& runtimes() {
  static directory all;
  return all;
}

}  // namespace

runtime::runtime(runtime_options options)
    : impl_(std::make_unique<impl>(*this, std::move(options))) {
  impl_->handler = impl_->options.on_incident;
  std::lock_guard guard(runtimes().mutex);
  runtimes().entries.emplace_back(impl_->system.get(), this);
}

runtime::~runtime() {
  shutdown();
  {
    std::lock_guard guard(runtimes().mutex);
    std::erase_if(runtimes().entries, [this](const auto& entry) { return entry.second == this; });
  }
  impl_->forget_callbacks();
  impl_->system.reset();
}

runtime& runtime::current() { return detail::runtime_here("runtime::current"); }

caf::actor_system& runtime::system() noexcept { return *impl_->system; }
asio::io_context& runtime::io() noexcept { return impl_->first().io(); }
time_point runtime::now() const noexcept { return impl_->options.clock->now(); }
const runtime_options& runtime::options() const noexcept { return impl_->options; }
std::size_t runtime::alive() const noexcept { return impl_->scheduler().alive(); }
std::uint64_t runtime::sleeps() const noexcept { return impl_->first().sleeps(); }

void runtime::check_may_run() const {
  if (detail::here.worker != nullptr)
    throw invalid_state(
        "this thread drives a runtime already; await inside a task instead of running a second "
        "loop in it");
  if (impl_->report)
    throw invalid_state("runtime \"" + impl_->options.name +
                        "\" was shut down; make a new one to run something");
}

void runtime::drive_main(detail::task_actor_base& main) {
  driving scope(impl_->first());
  auto& first = impl_->first();
  main.attach_functor([&first] { first.wake(); });
  std::optional<asio::signal_set> signals;
  std::function<void(const asio::error_code&, int)> on_signal;
  if (impl_->options.signals == signal_handling::cancel_main) {
    signals.emplace(first.io(), SIGINT, SIGTERM);
    on_signal = [&](const asio::error_code& failure, int number) {
      if (failure) return;
      if (impl_->signal != 0) {
        std::signal(number, SIG_DFL);
        std::raise(number);
        return;
      }
      impl_->signal = number;
      main.cancel(std::make_exception_ptr(
          cancelled(number == SIGINT ? "interrupted (SIGINT)" : "asked to terminate (SIGTERM)")));
      signals->async_wait(on_signal);
    };
    signals->async_wait(on_signal);
  }
  impl_->drive_until([&] { return main.done(); });
  if (signals) {
    signals->cancel();
    signals.reset();
    // The handler refers to this frame.
    first.io().poll();
  }
}

void runtime::finish_main(detail::task_actor_base& main) {
  const auto& report = shutdown();
  if (!report.clean())
    spdlog::warn("{}: shutdown took {:.1f} s\n{}", impl_->options.name,
                 std::chrono::duration<double>(report.took).count(), to_string(report));
  if (impl_->signal != 0 && main.state() == detail::task_state::cancelled) {
    impl_->system.reset();
    std::signal(impl_->signal, SIG_DFL);
    std::raise(impl_->signal);
  }
}

bool runtime::poll(std::size_t rounds) {
  driving scope(impl_->first());
  bool any = false;
  while (rounds-- != 0 && impl_->first().round(false)) any = true;
  return any;
}

bool runtime::step() {
  driving scope(impl_->first());
  return impl_->first().step();
}

const shutdown_report& runtime::shutdown() {
  if (impl_->report) return *impl_->report;
  auto& report = impl_->report.emplace();
  impl_->scheduler().await_ends();
  const auto began = steady::now();
  const auto deadline = began + impl_->options.shutdown_timeout;
  // Each phase has its turn even when an earlier one was late; then its actors are asked and looked
  // at once.
  impl_->end_phase(shutdown_phase::acceptor, deadline);
  impl_->end_phase(shutdown_phase::supervisor, deadline);
  impl_->end_phase(shutdown_phase::ordinary, deadline);
  // What is left: children of owners that have ended without them, and whoever was started
  // meanwhile.
  if (!impl_->end_phase(std::nullopt, deadline)) {
    report.stragglers = all_tasks();
    report.at = now();
    impl_->scheduler().for_each_alive(
        [](caf::abstract_actor& actor) { caf::anon_send_exit(&actor, caf::exit_reason::kill); });
    impl_->drive_until([&] { return impl_->scheduler().alive() == 0; },
                       steady::now() + std::chrono::seconds(1));
    report.abandoned = all_tasks();
  }
  // Also behind the deadline: there may be nothing left to wait for.
  impl_->executors.close([this] { impl_->first().wake(); });
  const auto executors_ended = [this] { return impl_->executors.ended(); };
  if (executors_ended() || impl_->drive_until(executors_ended, deadline))
    impl_->executors.join();
  else
    report.jobs = impl_->executors.give_up();
  report.took = steady::now() - began;
  return report;
}

void runtime::call_soon(std::function<void()> function, std::source_location where) {
  detail::post_function(impl_->first(), std::move(function), where);
}

timer_handle runtime::call_later(duration delay, std::function<void()> function,
                                 std::source_location where) {
  return call_at(after(now(), delay), std::move(function), where);
}

timer_handle runtime::call_at(time_point when, std::function<void()> function,
                              std::source_location where) {
  timer_handle handle;
  auto& first = impl_->first();
  handle.state_ = std::make_shared<timer_handle::state>(first, std::move(function), where);
  handle.state_->alive = handle.state_;
  impl_->remember(handle.state_);
  first.timers().arm(handle.state_->timer, when);
  // A sleeping worker has to set its alarm anew.
  if (detail::here.worker != &first) first.wake();
  return handle;
}

// -- executors and tasks ------------------------------------------------------------------------

thread_pool& runtime::default_executor() { return impl_->executors.current(); }

void runtime::set_default_executor(std::shared_ptr<thread_pool> pool) {
  impl_->executors.set(std::move(pool));
}

const context& runtime::main_context() const noexcept { return impl_->main_context; }

void runtime::set_task_factory(std::function<void(new_task&)> factory) {
  std::lock_guard guard(impl_->handler_mutex);
  impl_->has_factory.store(static_cast<bool>(factory), std::memory_order_relaxed);
  impl_->factory = std::move(factory);
}

void runtime::show(detail::task_actor_base& actor) {
  if (!impl_->has_factory.load(std::memory_order_relaxed)) return;
  std::function<void(new_task&)> factory;
  {
    std::lock_guard guard(impl_->handler_mutex);
    factory = impl_->factory;
  }
  if (!factory) return;
  new_task task{actor.id(), actor.task_name(), actor.created()};
  factory(task);
  if (!task.name.empty()) actor.rename(std::move(task.name));
}

std::vector<actor_status> runtime::all_tasks() {
  std::vector<actor_status> all;
  impl_->scheduler().for_each_alive(
      [&](caf::abstract_actor& actor) { all.push_back(status_of(actor)); });
  return all;
}

void runtime::set_exception_handler(std::function<void(const incident&)> handler) {
  std::lock_guard guard(impl_->handler_mutex);
  impl_->handler = std::move(handler);
}

void runtime::report(const incident& what) noexcept {
  std::function<void(const incident&)> handler;
  {
    std::lock_guard guard(impl_->handler_mutex);
    handler = impl_->handler;
  }
  if (!handler) {
    spdlog::error("{}", to_string(what));
    return;
  }
  try {
    handler(what);
  } catch (...) {
    spdlog::error("the exception handler threw ({}) when it was told: {}",
                  describe(std::current_exception()), to_string(what));
  }
}

namespace detail {

runtime& runtime_here(const char* operation) {
  if (here.worker == nullptr)
    throw invalid_state(std::string(operation) +
                        " was called outside of a running buskin::runtime");
  return here.worker->owner().owner();
}

caf::actor_system& system_of(runtime& owner) noexcept { return owner.system(); }

bool eager_by_default(const runtime& owner) noexcept { return owner.options().eager_tasks; }

void prepare_task(runtime& owner, task_actor_base& actor,
                  const std::optional<buskin::context>& given) {
  auto& slot = actor.stack().context_slot();
  if (given)
    slot = context_ref(given->state()).leave();
  else if (auto inherited = bindings_here())
    slot = new context_state(std::move(inherited));
  try {
    owner.show(actor);
  } catch (...) {
    actor.abandon(caf::make_error(caf::exit_reason::kill));
    throw;
  }
}

const void* job_origin() noexcept {
  return here.worker == nullptr ? nullptr : &here.worker->system();
}

void report_job_failure(const void* origin, const std::exception_ptr& error,
                        const std::source_location& where) noexcept {
  const incident what{"BK030",
                      "a job that nobody awaits failed: " + describe(error) + " (asked for at " +
                          to_string(where) + ")",
                      error,
                      {},
                      where};
  if (origin != nullptr)
    report_of(*static_cast<const caf::actor_system*>(origin), what);
  else
    spdlog::error("{}", to_string(what));
}

void report_of(const caf::actor_system& system, const incident& what) noexcept {
  std::lock_guard guard(runtimes().mutex);
  for (const auto& [known, owner] : runtimes().entries)
    if (known == &system) {
      owner->report(what);
      return;
    }
  spdlog::error("{}", to_string(what));
}

void signal_if_running(stack_host& host) noexcept {
  const auto* system = &host.self().home_system();
  std::lock_guard guard(runtimes().mutex);
  for (const auto& entry : runtimes().entries)
    if (entry.first == system) host.signal();
}

void report_never_started(const std::source_location& where) noexcept {
  const incident what{"BK001",
                      std::string("a task was created and never awaited, run or spawned: ") +
                          where.function_name() + " at " + to_string(where),
                      nullptr,
                      {},
                      {}};
  if (here.worker != nullptr)
    here.worker->owner().owner().report(what);
  else
    spdlog::error("{}", to_string(what));
}

}  // namespace detail

}  // namespace buskin
