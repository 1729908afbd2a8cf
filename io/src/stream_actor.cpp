#include "stream_actor.hpp"

#include <buskin/io/hand_over.hpp>
#include <buskin/io/stream_messages.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace buskin::io {

namespace detail {

namespace {

std::mutex faces;  // guards every core's place for its actor; nothing else is done under it

}  // namespace

stream_actor::stream_actor(caf::actor_config& config, std::shared_ptr<stream_core> core)
    : stream_user(config, std::move(core)) {}

stream_actor::~stream_actor() = default;

lean_ref<stream_actor> stream_actor::of(const std::shared_ptr<stream_core>& core) {
  lean_ref<stream_actor> made;
  {
    std::lock_guard guard(faces);
    if (core->actor_ != nullptr) return lean_ref<stream_actor>(core->actor_);
    made = make_lean<stream_actor>(core->home().system(), core);
    core->actor_ = made.get();
  }
  // Whoever owns the stream ends it.
  made->track(shutdown_phase::owned);
  made->launch(nullptr, false, true);
  return made;
}

void stream_actor::adopt(stream kept, caf::strong_actor_ptr owner, bool until_subscribed) {
  kept_ = std::move(kept);
  owned_ = true;
  provisional_ = until_subscribed;
  take(owner_, std::move(owner));
}

// -- those who are told -------------------------------------------------------------------------

template <class... Values>
void stream_actor::tell(const caf::strong_actor_ptr& whom, Values&&... values) {
  whom->enqueue(make_element(caf::strong_actor_ptr(ctrl()), caf::make_message_id(),
                             std::forward<Values>(values)...),
                context());
}

/// Their end is noticed from here on.
void stream_actor::take(caf::strong_actor_ptr& place, caf::strong_actor_ptr who) {
  if (place == who) return;
  leave(place);
  if (owner_ != who && subscriber_ != who) monitor(who);
  place = std::move(who);
}

void stream_actor::leave(caf::strong_actor_ptr& place) noexcept {
  const auto gone = std::exchange(place, nullptr);
  if (gone && owner_ != gone && subscriber_ != gone) demonitor(gone->address());
}

void stream_actor::on_down(const caf::actor_addr& who) {
  if (subscriber_ && subscriber_->address() == who) {
    subscriber_ = nullptr;
    credit_ = 0;
    read_as_needed();
  }
  if (owner_ && owner_->address() == who) {
    owner_ = nullptr;
    core().close();
  }
}

// -- reading ------------------------------------------------------------------------------------

void stream_actor::read_as_needed() {
  if (!reads_.empty() || credit_ != 0)
    start_reading();
  else
    stop_reading();
}

transfer stream_actor::read_once() {
  if (!reads_.empty() && reads_.front().from->get()->getf(is_terminated_flag)) {
    // Bytes would be lost with it.
    reads_.pop_front();
    read_as_needed();
    return is_reading() ? transfer::moved(0) : transfer::blocked();
  }
  const read_scratch scratch;
  const std::size_t most =
      reads_.empty() ? read_scratch::size : std::min(read_scratch::size, reads_.front().most);
  const transfer got = read_into(scratch.bytes().first(most));
  return got.what == transfer::status::done ? deliver({scratch.bytes().data(), got.bytes}) : got;
}

transfer stream_actor::deliver(std::string_view bytes) {
  if (reads_.empty()) {
    tell(subscriber_, stream_received::value, std::string(bytes));
    use_up_credit();
  } else {
    const request served = std::move(reads_.front());
    reads_.pop_front();
    served.from->enqueue(make_element(caf::strong_actor_ptr(ctrl()), served.id, std::string(bytes)),
                         context());
  }
  if (reads_.empty() && credit_ == 0) stop_reading();
  return transfer::moved(bytes.size());
}

void stream_actor::use_up_credit() {
  if (--credit_ != 0) return;
  if (std::exchange(passive_is_told_, false)) tell(subscriber_, stream_passive::value);
}

void stream_actor::on_end_of_stream() {
  answer_reads(caf::make_message(std::string()));
  credit_ = 0;
  if (subscriber_ && !std::exchange(subscriber_knows_, true))
    tell(subscriber_, stream_ended::value);
}

void stream_actor::on_read_failed(std::exception_ptr why) { fail(why); }

void stream_actor::answer_reads(const caf::message& with) {
  for (const auto& each : std::exchange(reads_, {}))
    each.from->enqueue(wrap_message(caf::strong_actor_ptr(ctrl()), each.id, with), context());
}

// -- writing ------------------------------------------------------------------------------------

void stream_actor::write(caf::mailbox_element& element, const std::string& bytes) {
  try {
    core().write(bytes);
  } catch (...) {
    if (!core().closing() && core().write_error()) fail(std::current_exception());
    throw;
  }
  if (!core().paused())
    respond(element, caf::message());
  else if (element.mid.is_request() && element.sender)
    writes_.push_back({element.sender, element.mid.response_id()});
}

void stream_actor::on_less_unsent() {
  if (core().write_error()) {
    if (core().closing()) return;  // its end tells why
    try {
      core().throw_closed("write to");
    } catch (...) {
      fail(std::current_exception());
    }
  } else if (!writes_.empty() && !core().paused()) {
    answer_writes({});
  }
}

void stream_actor::answer_writes(const caf::error& error) {
  for (const auto& each : std::exchange(writes_, {}))
    each.from->enqueue(wrap_message(caf::strong_actor_ptr(ctrl()), each.id,
                                    error ? caf::make_message(error) : caf::message()),
                       context());
}

// -- messages -----------------------------------------------------------------------------------

void stream_actor::on_message(caf::mailbox_element_ptr& element) {
  try {
    if (!handle(*element) && !handle_end(*element)) refuse(*element);
  } catch (...) {
    respond(*element, caf::make_message(to_error(std::current_exception())));
  }
}

bool stream_actor::handle(caf::mailbox_element& element) {
  const auto& content = std::as_const(element).content();
  const bool subscribed = element.sender && element.sender == subscriber_;
  if (content.match_elements<write_stream, std::string>()) {
    write(element, content.get_as<std::string>(1));
  } else if (content.match_elements<more_reads, std::uint32_t>() && subscribed) {
    give_credit(content.get_as<std::uint32_t>(1));
    respond(element, caf::message());
  } else if (content.match_elements<read_stream, std::uint64_t>() && element.mid.is_request()) {
    read(element, content.get_as<std::uint64_t>(1));
  } else if (content.match_elements<buskin::subscribe, std::uint32_t>() && element.sender) {
    subscribe(element, content.get_as<std::uint32_t>(1));
  } else {
    return false;
  }
  return true;
}

bool stream_actor::handle_end(caf::mailbox_element& element) {
  const auto& content = std::as_const(element).content();
  if (content.match_elements<caf::down_msg>()) {
    on_down(content.get_as<caf::down_msg>(0).source);
    return true;
  }
  if (content.match_elements<own_stream, caf::actor>()) {
    own(element, content.get_as<caf::actor>(1));
  } else if (content.match_elements<buskin::unsubscribe>()) {
    if (element.sender && element.sender == subscriber_) {
      leave(subscriber_);
      credit_ = 0;
      read_as_needed();
    }
  } else if (content.match_elements<end_stream>()) {
    core().write_eof();
  } else if (content.match_elements<close_stream>()) {
    core().close();
  } else if (content.match_elements<abort_stream>()) {
    aborted_ = true;
    core().abort();
  } else {
    return false;
  }
  respond(element, caf::message());
  return true;
}

void stream_actor::read(caf::mailbox_element& element, std::uint64_t most) {
  if (most == 0) throw std::invalid_argument("read_stream was asked for at most 0 bytes");
  if (core().closing())
    core().throw_failed("read from", std::make_error_code(std::errc::operation_canceled));
  if (credit_ != 0)
    throw invalid_state(core().describe() +
                        " has a subscriber with credit, who gets what is received");
  start_reading();
  reads_.push_back({element.sender, element.mid.response_id(),
                    static_cast<std::size_t>(std::min<std::uint64_t>(most, SIZE_MAX))});
}

void stream_actor::subscribe(caf::mailbox_element& element, std::uint32_t credit) {
  if (core().closing())
    core().throw_failed("subscribe to", std::make_error_code(std::errc::operation_canceled));
  if (subscriber_ && subscriber_ != element.sender)
    throw invalid_state(core().describe() + " has a subscriber already");
  if (credit != 0) start_reading();
  take(subscriber_, element.sender);
  if (std::exchange(provisional_, false)) take(owner_, element.sender);
  subscriber_knows_ = false;
  credit_ = 0;
  give_credit(credit);
  respond(element, caf::message());
}

void stream_actor::give_credit(std::uint32_t credit) {
  if (credit != 0) start_reading();  // or it throws, and nothing was given
  credit_ += credit;
  if (credit_ > 1) passive_is_told_ = true;
  read_as_needed();
}

void stream_actor::own(caf::mailbox_element& element, const caf::actor& owner) {
  if (!owned_)
    throw invalid_state(core().describe() +
                        " belongs to those who hold its handles; give it away with hand_over");
  if (element.sender != owner_)
    throw invalid_state(core().describe() + " can be given away by its owner only");
  if (!owner) throw invalid_state("own_stream was given an actor handle that refers to nobody");
  provisional_ = false;
  take(owner_, caf::actor_cast<caf::strong_actor_ptr>(owner));
}

// -- the end ------------------------------------------------------------------------------------

void stream_actor::fail(const std::exception_ptr& why) {
  stop_reading();
  credit_ = 0;
  const auto error = to_error(why);
  answer_reads(caf::make_message(error));
  answer_writes(error);
  if (subscriber_ && !std::exchange(subscriber_knows_, true))
    tell(subscriber_, stream_failed::value, error);
  // Else those who hold it do.
  if (!owned_) return;
  failure_ = error;
  core().abort();
}

void stream_actor::tell_end(const caf::strong_actor_ptr& whom) {
  if (failure_)
    tell(whom, stream_failed::value, failure_);
  else
    tell(whom, stream_ended::value);
}

void stream_actor::on_stream_closed() {
  if (!failure_ && core().write_error() && !aborted_) {
    try {
      core().throw_closed("go on with");
    } catch (...) {
      failure_ = to_error(std::current_exception());
    }
  }
  quit(failure_);
  const auto reason = failure_ ? failure_
                               : to_error(std::make_exception_ptr(std::system_error(
                                     std::make_error_code(std::errc::operation_canceled),
                                     core().describe() + " was closed")));
  answer_reads(caf::make_message(reason));
  answer_writes(reason);
  if (subscriber_ && !std::exchange(subscriber_knows_, true)) tell_end(subscriber_);
  if (owner_ && owner_ != subscriber_) tell_end(owner_);
}

void stream_actor::on_broken(std::exception_ptr why) {
  failure_ = to_error(why);
  core().abort();
  quit(failure_);
}

void stream_actor::on_exit_request(caf::exit_msg& request) {
  if (!request.reason) return;
  if (!failure_) failure_ = std::move(request.reason);
  core().close();
}

void stream_actor::on_kill(caf::error reason) {
  core().abort();
  quit(std::move(reason));
}

void stream_actor::on_end() noexcept {
  {
    std::lock_guard guard(faces);
    if (core().actor_ == this) core().actor_ = nullptr;
  }
  core().abort();  // before the handle, which would close it
  leave(subscriber_);
  leave(owner_);
  kept_ = {};
  reads_.clear();
  writes_.clear();
  stream_user::on_end();
}

caf::actor stream_core::actor() { return stream_actor::of(shared_from_this()).handle(); }

}  // namespace detail

caf::actor stream::actor() const { return core()->actor(); }

caf::actor hand_over(stream bytes, const caf::actor& owner) {
  if (!owner) throw invalid_state("hand_over was given an owner that refers to nobody");
  const auto actor = detail::stream_actor::of(detail::core_of(bytes));
  const bool taken = actor->enter_or_post(
      [bytes = std::move(bytes),
       whom = caf::actor_cast<caf::strong_actor_ptr>(owner)](lean_actor& self) {
        static_cast<detail::stream_actor&>(self).adopt(bytes, whom, false);
      });
  if (!taken) caf::anon_send(owner, stream_ended::value);  // it was closed in this moment
  return actor.handle();
}

}  // namespace buskin::io
