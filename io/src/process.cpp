#include <buskin/io/process.hpp>

#include "process_actor.hpp"

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>

#include <csignal>
#include <stdexcept>
#include <system_error>

namespace buskin::io {

namespace detail {

process_owner::process_owner(const lean_ref<process_actor>& actor) noexcept
    : actor_(actor.get()) {}
process_owner::~process_owner() { actor().let_go(); }
process_actor& process_owner::actor() const noexcept {
  return static_cast<process_actor&>(*actor_);
}

// -- waiting for the end ----------------------------------------------------------------------

exit_wait::exit_wait(std::shared_ptr<process_owner> process,
                     const std::source_location& where) noexcept
    : wait(wait_kind::down, where, process->actor().id()), process_(std::move(process)) {}

exit_wait::~exit_wait() {
  if (waiting_) process_->actor().withdraw(*waiting_);
}

bool exit_wait::withdraw() noexcept {
  process_->actor().withdraw(*waiting_);
  return true;
}

bool exit_wait::await_ready() {
  auto& host = host_here("process::wait");
  std::optional<exit_status> known;
  waiting_ = process_->actor().wait_for(host, host.self().id(), known);
  if (known) status_ = *known;
  return !waiting_;
}

exit_status exit_wait::await_resume() {
  if (!waiting_) return status_;
  if (auto reason = interruption()) std::rethrow_exception(reason);
  if (waiting_->error()) std::rethrow_exception(waiting_->error());
  return *waiting_->value();
}

namespace {

/// Waits for all output and the end.
class collect_wait final : public wait {
 public:
  collect_wait(std::shared_ptr<process_owner> process, std::string input, std::size_t limit,
               const std::source_location& where) noexcept
      : wait(wait_kind::down, where, process->actor().id()),
        process_(std::move(process)),
        input_(std::move(input)),
        limit_(limit) {}
  ~collect_wait() {
    if (waiting_) withdraw();
  }
  bool ready() noexcept override { return waiting_->resolved(); }
  bool withdraw() noexcept override {
    if (!waiting_->abandon()) return false;
    at_home([cell = waiting_](process_actor& actor) { actor.collecting_was_given_up(*cell); });
    return true;
  }
  bool await_ready() {
    waiting_ = cell_ref<cell<process_output>>::adopt(
        new cell<process_output>(&host_here("process::communicate")));
    at_home([cell = waiting_, input = std::move(input_), limit = limit_](process_actor& actor) {
      actor.collect(cell, input, limit);
    });
    return waiting_->resolved();
  }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  process_output await_resume() {
    if (!waiting_->resolved())
      if (auto reason = interruption()) std::rethrow_exception(reason);
    if (waiting_->error()) std::rethrow_exception(waiting_->error());
    return std::move(*waiting_->value());
  }

 private:
  /// On the worker of its streams, whether the actor has ended or not.
  template <class F>
  void at_home(F function) const {
    auto& home = *process_->actor().home();
    if (here.worker == &home)
      function(process_->actor());
    else
      post_function(home, [process = process_, function = std::move(function)] {
        function(process->actor());
      });
  }

  std::shared_ptr<process_owner> process_;
  std::string input_;
  std::size_t limit_;
  cell_ref<cell<process_output>> waiting_;
};

std::shared_ptr<process_owner> start(const argument_vector& argv, const process_options& options,
                                     std::string program, const std::source_location& created) {
  if (here.worker == nullptr)
    throw invalid_state("exec was called outside of a running buskin::runtime");
  auto& home = *here.worker;
  auto child = child_program::start(argv.items(), options);
  auto actor = make_lean<process_actor>(home.system(), std::move(child),
                                        options.name.empty() ? std::move(program) : options.name,
                                        options, created);
  actor->track(shutdown_phase::ordinary);
  actor->pin(home);
  actor->launch(nullptr, false, true);
  return std::make_shared<process_owner>(actor);
}

std::string last_part(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

}  // namespace

}  // namespace detail

// -- process ----------------------------------------------------------------------------------

detail::process_actor& process::self() const {
  if (!owner_) throw invalid_state("this process was not started; it was default-constructed");
  return owner_->actor();
}

stream process::in() const {
  if (const auto& is = self().input()) return is;
  throw invalid_state(describe() + " has no input that we could write to; start it with "
                                   "process_options::in = redirect::pipe()");
}
stream process::out() const {
  if (const auto& is = self().output(0)) return is;
  throw invalid_state("the output of " + describe() + " leads elsewhere; start it with "
                                                      "process_options::out = redirect::pipe()");
}
stream process::err() const {
  if (const auto& is = self().output(1)) return is;
  throw invalid_state("the error stream of " + describe() +
                      " leads elsewhere; start it with process_options::err = redirect::pipe()");
}
std::uint64_t process::unread_lost() const { return self().lost(); }

detail::exit_wait process::wait(std::source_location where) const {
  self();
  return {owner_, where};
}

task<process_output> process::communicate(std::string input, std::size_t limit,
                                          std::source_location where) const {
  const auto owner = owner_;
  self();
  co_return co_await detail::collect_wait(owner, std::move(input), limit, where);
}

std::optional<exit_status> process::status() const { return self().status(); }

void process::send_signal(int number) const {
  if (const int error = self().signal_child(number); error != 0)
    throw std::system_error(error, std::system_category(),
                            "cannot send signal " + std::to_string(number) + " to " + describe());
}
void process::terminate() const { send_signal(SIGTERM); }
void process::kill() const { send_signal(SIGKILL); }

task<exit_status> process::stop(std::source_location where) const {
  const auto owner = owner_;
  self().enter_or_post(
      [](lean_actor& actor) { static_cast<detail::process_actor&>(actor).stop(); });
  co_return co_await detail::exit_wait(owner, where);
}

int process::pid() const { return self().pid(); }
std::string process::describe() const {
  return owner_ ? owner_->actor().title() : "a process that was not started";
}
caf::actor process::actor() const {
  self();
  return owner_->handle();
}
std::string to_string(const process& which) { return which.describe(); }

// -- starting ---------------------------------------------------------------------------------

task<process> exec(argument_vector argv, process_options options, std::source_location where) {
  std::string name = argv.items().empty() ? "" : detail::last_part(argv.items().front());
  co_return process(detail::start(argv, options, std::move(name), where));
}

task<process> shell(shell_command command, argument_vector arguments, process_options options,
                    std::source_location where) {
  if (command.places() != arguments.items().size())
    throw std::invalid_argument("the command \"" + std::string(command.text()) + "\" has " +
                                std::to_string(command.places()) + " places for " +
                                std::to_string(arguments.items().size()) + " arguments");
  argument_vector argv{"/bin/sh", "-c", command.script(), "sh"};
  for (const auto& each : arguments.items()) argv.push_back(each);
  co_return process(detail::start(argv, options, std::string(command.text()), where));
}

task<process> shell_raw(std::string command, process_options options, std::source_location where) {
  const argument_vector argv{"/bin/sh", "-c", command};
  co_return process(detail::start(argv, options, std::move(command), where));
}

}  // namespace buskin::io
