// Making a runtime, driving it, and what goes on while it is driven.
#include <buskin/runtime/runtime.hpp>

#include "runtime_impl.hpp"
#include "system_identity.hpp"

#include <buskin/runtime/detail/operation_wait.hpp>
#include <buskin/runtime/detail/reactor.hpp>
#include <buskin/runtime/detail/signal_source.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/manual_clock.hpp>

#include <caf/exit_reason.hpp>

#include <asio/signal_set.hpp>

#include <spdlog/spdlog.h>

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace buskin {

namespace {

std::unique_ptr<caf::actor_system_config> make_config(const runtime_options& options,
                                                      runtime& owner, buskin::clock& clock) {
  auto config = std::make_unique<caf::actor_system_config>();
  config->add_message_type<failure_info>("buskin::failure_info");
  const detail::scheduler_options scheduling{
      options.workers, options.max_throughput, &clock, &owner, options.order.get(),
      options.name,    options.timer_slack};
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

bool debug_from_environment() {
  const char* wish = std::getenv("BUSKIN_DEBUG");
  return wish != nullptr && *wish != '\0' && std::string_view(wish) != "0";
}

// The runtimes of this process: an actor may outlive its own.
struct directory {
  std::recursive_mutex mutex;
  std::vector<std::pair<const caf::actor_system*, runtime*>> entries;  // guarded by mutex
};

directory& runtimes() {
  static directory all;
  return all;
}

/// Takes SIGINT and SIGTERM for the length of a run: `first` is told of the first, the second ends
/// the process. Those the program takes itself are left to it.
class interrupts {
 public:
  interrupts(asio::io_context& io, std::function<void(int)> first)
      : io_(io), set_(io, SIGINT, SIGTERM), first_(std::move(first)) {
    wait();
  }
  ~interrupts() {
    set_.cancel();
    // The handler refers to this object.
    io_.poll();
  }
  interrupts(const interrupts&) = delete;
  interrupts& operator=(const interrupts&) = delete;

 private:
  void wait() {
    set_.async_wait([this](const asio::error_code& failure, int number) {
      if (failure) return;
      if (!detail::signal_is_taken(number)) came(number);
      wait();
    });
  }
  void came(int number) {
    if (std::exchange(any_, true)) {
      std::signal(number, SIG_DFL);
      std::raise(number);
    }
    first_(number);
  }

  asio::io_context& io_;
  asio::signal_set set_;
  std::function<void(int)> first_;
  bool any_ = false;
};

}  // namespace

// -- making and ending ----------------------------------------------------------------------------

runtime::impl::impl(runtime& self, runtime_options given) : owner(self), options(std::move(given)) {
  if (options.workers < 1 || options.workers > 64)
    throw std::invalid_argument("a runtime has 1 to 64 workers, not " +
                                std::to_string(options.workers));
  if (options.inspect_signal != 0) detail::check_signal(options.inspect_signal);
  if (options.clock == nullptr) {
    own_clock = clock_from_environment();
    options.clock = own_clock.get();
  }
  options.debug = options.debug || debug_from_environment();
  options.order = order_wanted(options);
  factory = options.on_task_created;
  has_factory.store(static_cast<bool>(factory), std::memory_order_relaxed);
  config = make_config(options, owner, *options.clock);
  system = std::make_unique<caf::actor_system>(*config);
  detail::identify(*system);
  // CAF would wait for every actor for ever; shutdown() ends them with a deadline instead.
  system->await_actors_before_shutdown(false);
  watch = options.clock->watch([this] {
    for (const auto& each : scheduler().workers()) each->wake();
  });
}

runtime::impl::~impl() { options.clock->unwatch(watch); }

void runtime::impl::end_system() {
  watching.store(nullptr, std::memory_order_release);
  // Its alarm is a timer of a worker, which ends here.
  if (own_dog) own_dog->rest();
  system.reset();
}

runtime::runtime(runtime_options options)
    : impl_(std::make_unique<impl>(*this, std::move(options))) {
  impl_->handler = impl_->options.on_incident;
  {
    std::lock_guard guard(runtimes().mutex);
    runtimes().entries.emplace_back(impl_->system.get(), this);
  }
  if (impl_->options.debug) set_debug(true);
  if (impl_->options.on_wake) set_wake_hook(impl_->options.on_wake);
  if (const int number = impl_->options.inspect_signal; number != 0)
    add_signal_handler(number, [this] {
      const auto text = to_string(capture_await_tree());
      std::fwrite(text.data(), 1, text.size(), stderr);
      std::fflush(stderr);
    });
}

runtime::~runtime() {
  shutdown();
  set_debug(false);
  {
    std::lock_guard guard(runtimes().mutex);
    std::erase_if(runtimes().entries, [this](const auto& entry) { return entry.second == this; });
  }
  if (impl_->host) impl_->host->end();
  impl_->forget_callbacks();
  impl_->end_system();
}

// -- driving --------------------------------------------------------------------------------------

namespace {

/// Rings for what came before the host rested. Whether there was anything.
bool ring_for_what_is_left(detail::worker& worker, detail::host_waker& host, time_point now) {
  const auto due = worker.timers().next_due();
  if (!worker.anything_to_do() && !(due && *due <= now)) return false;
  host.ring();
  return true;
}

}  // namespace

runtime::driving::driving(runtime::impl& what, nesting permitted)
    : what_(what), outer_(detail::here) {
  if (outer_.worker != nullptr &&
      (permitted == nesting::refused || &outer_.worker->owner().owner() == &what.owner)) {
    detail::refuse_to_block("to run a second loop in a thread that drives a runtime");
  }
  if (what.driven.exchange(true, std::memory_order_acq_rel))
    throw invalid_state("runtime \"" + what.options.name +
                        "\" is driven by another thread already; one at a time can");
  if (what.host) what.host->work();
  detail::here = {&what.first(), nullptr, nullptr};
  what.first().look();
}

runtime::driving::~driving() {
  auto& worker = what_.first();
  detail::here = outer_;
  if (what_.host) {
    const auto due = worker.timers().next_due();
    what_.host->rest();
    if (!ring_for_what_is_left(worker, *what_.host, what_.options.clock->now()))
      what_.host->watch(what_.options.clock->runs() ? due : std::nullopt);
  }
  what_.driven.store(false, std::memory_order_release);
}

void runtime::check_may_run() const {
  if (detail::here.worker != nullptr)
    detail::refuse_to_block("to run a second loop in a thread that drives a runtime");
  if (impl_->report)
    throw invalid_state("runtime \"" + impl_->options.name +
                        "\" was shut down; make a new one to run something");
  if (impl_->driven.load(std::memory_order_acquire))
    throw invalid_state("runtime \"" + impl_->options.name +
                        "\" is driven by another thread already; submit the task instead");
}

void runtime::drive_main(detail::task_actor_base& main) {
  driving scope(*impl_);
  auto& first = impl_->first();
  main.attach_functor([&first] { first.wake(); });
  std::optional<interrupts> signals;
  if (impl_->options.signals == signal_handling::cancel_main)
    signals.emplace(first.io(), [&](int number) {
      impl_->signal = number;
      main.cancel(std::make_exception_ptr(
          cancelled(number == SIGINT ? "interrupted (SIGINT)" : "asked to terminate (SIGTERM)")));
    });
  impl_->drive_until([&] { return main.done() || impl_->take_stop(); });
}

void runtime::throw_stopped(detail::task_actor_base& main) {
  throw invalid_state("runtime \"" + impl_->options.name + "\" was stopped before task \"" +
                      main.task_name() + "\" had ended");
}

void runtime::finish_main(detail::task_actor_base& main) {
  const bool stopped = !main.done();
  const auto& report = shutdown();
  if (!report.clean()) spdlog::warn("{}: {}", impl_->options.name, to_string(report));
  if (stopped) {
    main.mark_fetched();
    throw_stopped(main);
  }
  // As in asyncio: when others cancelled it as well, it was not the signal that ended it.
  if (impl_->signal != 0 && main.state() == detail::task_state::cancelled &&
      main.stack().cancelling() <= 1) {
    impl_->end_system();
    std::signal(impl_->signal, SIG_DFL);
    std::raise(impl_->signal);
  }
}

int runtime::run_forever() {
  check_may_run();
  driving scope(*impl_);
  int number = 0;
  std::optional<interrupts> signals;
  if (impl_->options.signals == signal_handling::cancel_main)
    signals.emplace(impl_->first().io(), [&](int which) {
      number = which;
      stop();
    });
  impl_->drive_until_stopped();
  return number;
}

void runtime::stop() noexcept {
  impl_->stopping.store(true, std::memory_order_release);
  impl_->first().wake();
}

bool runtime::poll(std::size_t rounds) {
  driving scope(*impl_);
  bool any = false;
  while (rounds-- != 0 && impl_->round(false)) any = true;
  return any;
}

void runtime::poll_for(duration length) {
  struct end : detail::timer {
    end() : timer([](timer& t) noexcept { static_cast<end&>(t).passed = true; }) {}
    bool passed = false;
  };
  check_may_run();
  driving scope(*impl_);
  end deadline;
  impl_->first().timers().arm(deadline, after(now(), length));
  do {
    impl_->round(true);
  } while (!deadline.passed && !impl_->take_stop());
}

bool runtime::step() {
  driving scope(*impl_);
  return impl_->first().step();
}

void runtime::set_wake_hook(std::function<void()> hook) {
  if (impl_->driven.load(std::memory_order_acquire) && detail::here.worker != &impl_->first())
    throw invalid_state("a wake-up hook is set before a runtime is driven, or by its own thread");
  if (!impl_->host) {
    if (!hook) return;
    impl_->host = std::make_unique<detail::host_waker>(detail::reactor_descriptor(io()));
    impl_->first().set_host(*impl_->host);
  }
  impl_->host->set(std::move(hook));
  if (impl_->driven.load(std::memory_order_acquire)) return;
  impl_->host->rest();
  ring_for_what_is_left(impl_->first(), *impl_->host, now());
}

std::optional<time_point> runtime::next_deadline() const {
  return impl_->first().timers().next_due();
}

// -- looking at it --------------------------------------------------------------------------------

runtime& runtime::current() { return detail::runtime_here("runtime::current"); }

caf::actor_system& runtime::system() noexcept { return *impl_->system; }
asio::io_context& runtime::io() noexcept { return impl_->first().io(); }
time_point runtime::now() const noexcept { return impl_->options.clock->now(); }
const runtime_options& runtime::options() const noexcept { return impl_->options; }
std::size_t runtime::alive() const noexcept { return impl_->scheduler().alive(); }
std::uint64_t runtime::sleeps() const noexcept { return impl_->first().sleeps(); }

bool runtime::debug() const noexcept {
  return impl_->watching.load(std::memory_order_acquire) != nullptr;
}

void runtime::set_debug(bool on) {
  std::lock_guard guard(impl_->handler_mutex);
  if (on == debug()) return;
  if (on && !impl_->own_dog) impl_->own_dog = std::make_unique<detail::watchdog>(*this);
  impl_->watching.store(on ? impl_->own_dog.get() : nullptr, std::memory_order_release);
  if (on)
    detail::debug_runtimes.fetch_add(1, std::memory_order_relaxed);
  else
    detail::debug_runtimes.fetch_sub(1, std::memory_order_relaxed);
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

void runtime::report_not_started(const std::source_location& where) noexcept {
  const auto error = std::current_exception();
  report({"BK010", "a submitted task could not be started: " + describe(error), error, {}, where});
}

namespace detail {

watchdog* watchdog::here() noexcept {
  worker* w = detail::here.worker;
  return w == nullptr ? nullptr
                      : w->owner().owner().impl_->watching.load(std::memory_order_acquire);
}

runtime& runtime_here(const char* operation) {
  if (here.worker == nullptr)
    throw invalid_state(std::string(operation) +
                        " was called outside of a running buskin::runtime");
  return here.worker->owner().owner();
}

caf::actor_system& system_of(runtime& owner) noexcept { return owner.system(); }

bool eager_by_default(const runtime& owner) noexcept { return owner.options().eager_tasks; }

bool closed(const runtime& owner) noexcept {
  return owner.impl_->closed.load(std::memory_order_acquire);
}

void throw_closed(const runtime& owner) { owner.check_open("to start a task"); }

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
