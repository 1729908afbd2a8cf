#include "process_actor.hpp"

#include <buskin/actors/atoms.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>

#include <caf/actor_cast.hpp>

#include <algorithm>
#include <csignal>
#include <utility>

namespace buskin::io::detail {

process_actor::process_actor(caf::actor_config& config, child_program child, std::string program,
                             const process_options& options, const std::source_location& created)
    : broker(config, "buskin.process"),
      child_(std::move(child)),
      options_(options),
      program_(std::move(program)),
      created_(created),
      grace_(here.worker->io()),
      drain_(here.worker->io()) {
  auto& home = *here.worker;
  const std::string whose = "\"" + program_ + "\" (" + std::to_string(child_.pid) + ")";
  if (child_.streams[0]) {
    const bool terminal = options_.in.where() == redirect::target::pty;
    input_core_ = std::make_shared<descriptor_core>(
        home, std::move(child_.streams[0]),
        terminal ? descriptor_kind::pseudo_terminal : descriptor_kind::pipe,
        "the input of " + whose);
    in_ = stream(input_core_);
  }
  for (std::size_t i = 0; i != 2; ++i) {
    if (!child_.streams[i + 1]) continue;
    cores_[i] = std::make_shared<output_core>(
        home, std::move(child_.streams[i + 1]),
        (i == 0 ? "the output of " : "the error stream of ") + whose, options_.keep_unread, *this);
    outputs_[i] = stream(cores_[i]);
  }
  if (child_.watch) readiness_set::of(home.io()).add(*this, child_.watch.get());
  hold();  // whoever has a handle, it is there as long as its child
}

process_actor::~process_actor() {
  for_each_output([](output_core& each) { each.forget_owner(); });
}

// -- any thread -------------------------------------------------------------------------------

std::string process_actor::title() const {
  const auto known = status();
  return "process \"" + program_ + "\" (pid " + std::to_string(child_.pid) + "), " +
         (known ? to_string(*known) : "running");
}

std::optional<exit_status> process_actor::status() const {
  guard lock(*this);
  return status_;
}

int process_actor::signal_child(int number) const {
  guard lock(*this);
  return status_ ? ESRCH : child_.signal(number);
}

std::uint64_t process_actor::lost() const {
  std::uint64_t sum = 0;
  for_each_output([&](const output_core& each) { sum += each.lost(); });
  return sum;
}

cell_ref<cell<exit_status>> process_actor::wait_for(stack_host& host, std::uint64_t who,
                                                    std::optional<exit_status>& known) {
  auto waiting = cell_ref<cell<exit_status>>();
  {
    guard lock(*this);
    known = status_;
    if (known) return {};
    waiting = cell_ref<cell<exit_status>>::adopt(new waiter(host, who));
    line_.push(waiting);
    waiting_.push_back(who);
  }
  // Who waits for the end does not read meanwhile.
  enter_or_post([](lean_actor& self) { static_cast<process_actor&>(self).look_at_readers(); });
  return waiting;
}

void process_actor::withdraw(cell<exit_status>& waiting) {
  guard lock(*this);
  if (!waiting.abandon()) return;
  const auto who = static_cast<waiter&>(waiting).actor;
  if (!line_.erase(waiting)) return;
  if (const auto at = std::find(waiting_.begin(), waiting_.end(), who); at != waiting_.end())
    waiting_.erase(at);
}

void process_actor::let_go() {
  if (options_.on_drop == process_options::dropped::keep_on) return;
  enter_or_post([](lean_actor& self) { static_cast<process_actor&>(self).stop(); });
}

// -- its end ----------------------------------------------------------------------------------

void process_actor::on_start() {
  if (!child_.watch) look();
}

void process_actor::on_readiness(readiness) {
  enter_or_post([](lean_actor& self) { static_cast<process_actor&>(self).look(); });
}

void process_actor::look() {
  std::optional<exit_status> how;
  {
    guard lock(*this);
    if (status_) return;
    how = child_.reap();
    status_ = how;
  }
  if (how) ended(*how);
}

void process_actor::ended(const exit_status& how) {
  readiness_set::remove(*this);
  grace_.cancel();
  {
    guard lock(*this);
    while (auto waiting = line_.pop()) waiting->resolve(exit_status(how));
    waiting_.clear();
  }
  publish(caf::make_message(process_exit::value, how));
  if (stopping_) {
    end_rest();
    finish_outputs();
  } else if (!outputs_ended()) {
    arm(drain_, options_.drain, &process_actor::finish_outputs);
  }
  finish_if_done();
}

bool process_actor::outputs_ended() const noexcept {
  bool all = true;
  for_each_output([&](const output_core& each) { all = all && each.ended(); });
  return all;
}

void process_actor::finish_outputs() {
  if (outputs_ended()) return;
  for_each_output([this](output_core& each) { complete_ = each.finish() && complete_; });
}

void process_actor::end_rest() const noexcept {
  if (options_.rest == process_options::leftovers::kill) child_.kill_rest();
}

void process_actor::on_output_end() {
  // The stream is in the middle of something.
  if (finishing_) return;
  finishing_ = true;
  post([](lean_actor& self) {
    auto& actor = static_cast<process_actor&>(self);
    actor.finishing_ = false;
    actor.finish_if_done();
  });
}

void process_actor::finish_if_done() {
  if (!status_ || !outputs_ended()) return;
  answer_collector();
  quit(std::move(reason_));
}

void process_actor::arm(asio::steady_timer& timer, std::chrono::milliseconds delay,
                        void (process_actor::*then)()) {
  if (delay == std::chrono::milliseconds::max()) return;
  // The system's time, whatever clock the runtime has: the child lives by that.
  timer.expires_after(delay);
  timer.async_wait([self = lean_ref<process_actor>(this), then](const asio::error_code& failure) {
    if (failure) return;
    self->enter_or_post(
        [then](lean_actor& actor) { (static_cast<process_actor&>(actor).*then)(); });
  });
}

void process_actor::stop() {
  if (std::exchange(stopping_, true)) return;
  if (status_) {
    // Its output was still awaited.
    end_rest();
    finish_outputs();
    finish_if_done();
    return;
  }
  signal_child(SIGTERM);
  signal_child(SIGCONT);  // a stopped process would not see it
  arm(grace_, options_.grace, &process_actor::kill_now);
}

void process_actor::kill_now() { signal_child(SIGKILL); }

void process_actor::on_exit_request(caf::exit_msg& request) {
  if (!request.reason) return;  // somebody linked has ended normally
  reason_ = std::move(request.reason);
  stop();
}

void process_actor::on_end() noexcept {
  grace_.cancel();
  drain_.cancel();
  readiness_set::remove(*this);
  if (!status_) {
    // Killed itself: no time for manners.
    stopping_ = true;
    signal_child(SIGKILL);
    child_.ended_within(1000);
    const auto how = child_.reap();
    if (!how)
      scheduler::of(home_system())
          .owner()
          .report({"BK021",
                   title() + " did not end within 1 s after SIGKILL; nobody watches it now",
                   nullptr,
                   {},
                   created_});
    guard lock(*this);
    status_ = how.value_or(exit_status{exit_status::how::unknown, 0, false});
    while (auto waiting = line_.pop()) waiting->resolve(exit_status(*status_));
    waiting_.clear();
  }
  end_rest();
  forget_reader(0);
  forget_reader(1);
  for_each_output([](output_core& each) { each.forget_owner(); });
  for_each_output([this](output_core& each) { complete_ = each.finish() && complete_; });
  answer_collector();
  // Else its end is what a writer learns, by EPIPE.
  if (in_ && stopping_) in_.abort();
  {
    guard lock(*this);
    child_.watch = unique_descriptor();
  }
  drop();
}

// -- readers ----------------------------------------------------------------------------------

void process_actor::on_new_reader(output_core& from) {
  const std::size_t which = &from == cores_[0].get() ? 0 : 1;
  forget_reader(which);
  readers_[which] = here.actor->address();
  auto& end = reader_ends_[which];
  end = cell_ref<exit_watch::outcome>::adopt(new exit_watch::outcome(this));
  exit_watch::attach(*here.actor, end);
}

void process_actor::forget_reader(std::size_t which) noexcept {
  auto end = std::exchange(reader_ends_[which], {});
  if (const auto reader = caf::actor_cast<caf::strong_actor_ptr>(readers_[which]); reader && end)
    exit_watch::detach(*caf::actor_cast<caf::abstract_actor*>(reader), *end);
}

/// A reader who has ended, or who waits for the process to end, reads no more: what comes is taken
/// off the pipe again.
void process_actor::look_at_readers() {
  guard lock(*this);
  for (std::size_t i = 0; i != 2; ++i) {
    if (!cores_[i] || cores_[i]->how() != output_core::mode::read) continue;
    const bool gone = reader_ends_[i] && reader_ends_[i]->resolved();
    const bool waits = cores_[i]->reader() != 0 && std::find(waiting_.begin(), waiting_.end(),
                                                             cores_[i]->reader()) != waiting_.end();
    if (!gone && !waits) continue;
    forget_reader(i);
    cores_[i]->set_mode(output_core::mode::unread);
  }
}

void process_actor::on_signal() { look_at_readers(); }

// -- communicate ------------------------------------------------------------------------------

void process_actor::collect(const cell_ref<cell<process_output>>& into, const std::string& input,
                            std::size_t limit) {
  if (collector_) {
    into->fail(std::make_exception_ptr(
        invalid_state("two tasks communicate with " + title() + " at the same time")));
    return;
  }
  for (const auto& each : cores_)
    if (each && each->has_reader()) {
      into->fail(std::make_exception_ptr(invalid_state(
          "communicate would take what another task reads from " + each->describe())));
      return;
    }
  if (!in_ && !input.empty()) {
    into->fail(std::make_exception_ptr(
        invalid_state("there is no way to give " + title() +
                      " an input; start it with process_options::in = redirect::pipe()")));
    return;
  }
  collector_ = into;
  collect_limit_ = limit;
  if (!status_ || !outputs_ended())
    for_each_output([](output_core& each) { each.set_mode(output_core::mode::collected); });
  if (in_ && !in_.closed()) {
    try {
      input_core_->write(input);
    } catch (const std::system_error&) {
      // It does not want its input: no failure of the program.
    }
    in_.write_eof();
  }
  on_collected();
  if (status_ && outputs_ended()) answer_collector();
}

void process_actor::collecting_was_given_up(const cell<process_output>& into) {
  if (collector_.get() != &into) return;
  collector_ = {};
  for_each_output([this](output_core& each) {
    each.keep_at_least(collect_limit_);
    each.set_mode(output_core::mode::unread);
  });
}

void process_actor::on_collected() {
  if (!collector_ || collect_failure_) return;
  std::size_t sum = 0;
  for_each_output([&](const output_core& each) { sum += each.size(); });
  if (sum <= collect_limit_) return;
  for_each_output([](output_core& each) { each.discard(); });
  collect_failure_ = std::make_exception_ptr(limit_overrun(
      title() + " wrote more than the " + std::to_string(collect_limit_) +
          " bytes that communicate takes, and was ended; raise the limit, or read its stream",
      collect_limit_));
  enter_or_post([](lean_actor& self) { static_cast<process_actor&>(self).stop(); });
}

void process_actor::answer_collector() {
  const auto collector = std::exchange(collector_, {});
  if (!collector) return;
  if (collect_failure_) {
    collector->fail(std::exchange(collect_failure_, nullptr));
    return;
  }
  process_output result;
  if (cores_[0]) result.out = cores_[0]->take();
  if (cores_[1]) result.err = cores_[1]->take();
  result.status = *status_;
  result.complete = complete_;
  collector->resolve(std::move(result));
}

// -- the message face -------------------------------------------------------------------------

void process_actor::publish(const caf::message& what) {
  std::erase_if(subscribers_, [&](const caf::actor_addr& each) {
    const auto actor = caf::actor_cast<caf::strong_actor_ptr>(each);
    if (!actor) return true;
    actor->enqueue(caf::strong_actor_ptr(ctrl()), caf::make_message_id(), what, here.worker);
    return false;
  });
}

void process_actor::on_output(output_core& from, std::string bytes) {
  if (&from == cores_[0].get())
    publish(caf::make_message(process_out::value, std::move(bytes)));
  else
    publish(caf::make_message(process_err::value, std::move(bytes)));
}

void process_actor::write_input(caf::mailbox_element& element, const std::string& bytes) {
  try {
    if (!in_) throw invalid_state(title() + " has no input that could be written to");
    input_core_->write(bytes);
    respond(element, caf::message());
  } catch (...) {
    respond(element, caf::make_message(to_error(std::current_exception())));
  }
}

void process_actor::on_message(caf::mailbox_element_ptr& element) {
  auto& content = element->content();
  if (content.match_elements<buskin::subscribe>() && element->sender) {
    subscribers_.push_back(caf::actor_cast<caf::actor_addr>(element->sender));
    respond(*element, caf::message());
    for_each_output([this](output_core& each) {
      if (each.size() != 0 && !collector_) on_output(each, each.take());
      if (!collector_) each.set_mode(output_core::mode::subscribed);
    });
  } else if (content.match_elements<buskin::unsubscribe>() && element->sender) {
    std::erase(subscribers_, caf::actor_cast<caf::actor_addr>(element->sender));
    if (subscribers_.empty())
      for_each_output([](output_core& each) {
        if (each.how() == output_core::mode::subscribed) each.set_mode(output_core::mode::unread);
      });
    respond(*element, caf::message());
  } else if (content.match_elements<process_exit>()) {
    guard lock(*this);
    if (status_) {
      respond(*element, caf::make_message(*status_));
    } else {
      line_.push(
          cell_ref<cell<exit_status>>::adopt(new reply_cell<exit_status>(requester(*element))));
    }
  } else if (content.match_elements<process_write, std::string>()) {
    write_input(*element, content.get_as<std::string>(1));
  } else if (content.match_elements<process_end_input>()) {
    if (in_) in_.write_eof();
    respond(*element, caf::message());
  } else if (content.match_elements<process_signal, int>()) {
    const int error = signal_child(content.get_as<int>(1));
    if (error == 0) {
      respond(*element, caf::message());
    } else {
      respond(*element,
              caf::make_message(to_error(std::make_exception_ptr(std::system_error(
                  error, std::system_category(), "cannot send a signal to " + title())))));
    }
  } else {
    refuse(*element);
  }
}

}  // namespace buskin::io::detail
