#include "peer_link.hpp"

#include "node_core.hpp"

#include <buskin/actors/detail/far_answer.hpp>
#include <buskin/io/node_down.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>

#include <caf/actor_cast.hpp>
#include <caf/actor_registry.hpp>
#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <caf/to_string.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace buskin::io::detail {

namespace {

caf::error take_stages(wire_reader& in, caf::mailbox_element::forwarding_stack& stages) {
  std::uint64_t count = 0;
  if (auto error = in.get_number(count)) return error;
  if (count > in.rest().size()) return caf::sec::end_of_stream;
  stages.resize(count);
  for (auto& stage : stages)
    if (auto error = in(stage)) return error;
  return caf::none;
}

/// What a peer may not say ends the connection.
[[noreturn]] void malformed(const char* what) {
  throw std::runtime_error(std::string("what it says is malformed: ") + what);
}

void demand(const caf::error& error, const char* what) {
  if (error) malformed(what);
}

std::uint64_t number_of(wire_reader& in, const char* what) {
  std::uint64_t number = 0;
  demand(in.get_number(number), what);
  return number;
}

}  // namespace

peer_link::peer_link(caf::actor_config& config, connection bytes, std::shared_ptr<peer_core> peer,
                     duration silence)
    : stream_user(config, core_of(bytes)),
      kept_(std::move(bytes)),
      peer_(std::move(peer)),
      silence_(silence),
      interval_(std::min(silence, peer_->peer().silence) / 4) {}

peer_link::~peer_link() = default;

void peer_link::on_start() {
  stream_user::on_start();
  heard_ = spoken_ = looked_ = core().home().look();
  beat_.set(interval_);
  peer_->set_link(lean_ref<peer_link>(this));
  start_reading();
}

// -- receiving ----------------------------------------------------------------------------------

transfer peer_link::read_once() {
  const read_scratch scratch;
  const transfer got = read_into(scratch.bytes());
  if (got.what != transfer::status::done) return got;
  heard_ = core().home().look();
  suspect_ = false;
  take_frames({scratch.bytes().data(), got.bytes});
  return got;
}

void peer_link::take_frames(std::string_view bytes) {
  if (part_.empty()) {
    part_.assign(bytes.substr(take_whole_frames(bytes)));
    return;
  }
  part_ += bytes;
  part_.erase(0, take_whole_frames(part_));
  if (part_.empty() && part_.capacity() > read_scratch::size) part_ = {};  // it was a long one
}

std::size_t peer_link::take_whole_frames(std::string_view bytes) {
  std::size_t taken = 0;
  while (bytes.size() - taken >= frame_head && !quitting()) {
    const std::size_t length = length_of_frame(bytes.substr(taken));
    if (length > peer_->owner().options().max_message) malformed("a frame is too long");
    if (length == 0) malformed("a frame is empty");
    if (bytes.size() - taken - frame_head < length) break;
    take(bytes.substr(taken + frame_head, length));
    taken += frame_head + length;
  }
  return taken;
}

void peer_link::take(std::string_view frame) {
  bare_unit unit(home_system());
  unit.proxy_registry_ptr(&peer_->proxies());
  wire_reader in(unit, frame);
  std::uint8_t kind = 0;
  demand(in.get_byte(kind), "a frame of no kind");
  switch (static_cast<frame_kind>(kind)) {
    case frame_kind::message:
      return take_message(in);
    case frame_kind::ended:
      return take_ended(in);
    case frame_kind::lookup:
      return take_lookup(in);
    case frame_kind::found:
      return take_found(in);
    case frame_kind::list:
      return take_list(in);
    case frame_kind::names:
      return take_names(in);
    case frame_kind::ping:
      return;
    case frame_kind::bye: {
      std::string why;
      demand(in.get_text(why, longest_hello), "a farewell");
      return fail("it left" + (why.empty() ? why : ": " + why));
    }
    case frame_kind::hello:
      break;
  }
  malformed("a frame of an unknown kind");
}

void peer_link::take_message(wire_reader& in) {
  std::uint8_t flags = 0;
  demand(in.get_byte(flags), "a message's head");
  const auto to = number_of(in, "a message's receiver");
  const caf::message_id id(number_of(in, "a message's number"));
  // CAF's streams are not spoken between nodes; and the numbers in their range mean something else
  // to our own actors.
  if (id.is_stream_message()) malformed("a message of a kind that does not travel");
  caf::strong_actor_ptr sender;
  switch (static_cast<whose>(flags & whose_mask)) {
    case whose::nobodys:
      break;
    case whose::ours:  // the peer's
      sender = peer_->proxy_of(number_of(in, "a message's sender"));
      break;
    case whose::yours:
      sender = peer_->known(number_of(in, "a message's sender"));
      break;
    case whose::others:
      demand(in(sender), "a message's sender");
      break;
  }
  caf::mailbox_element::forwarding_stack stages;
  auto error = take_stages(in, stages);
  caf::message content;
  if (!error) error = in.get_content(content);
  if (error && error != caf::sec::unknown_type) malformed("a message's content");

  const auto receiver = peer_->known(to);
  if (id.is_response()) peer_->answered(to, id);
  if (!error && (flags & returnable_flag) != 0 && id.is_response() && sender) {
    auto answer = make_far_answer(id, std::move(content), std::move(sender), receiver);
    if (receiver) receiver->enqueue(std::move(answer), context());
    return;
  }
  if (error || !receiver) {
    if (!error) error = make_error(caf::sec::request_receiver_down);
    if (id.is_request() && sender)
      sender->enqueue(nullptr, id.response_id(), caf::make_message(error), context());
    else if (receiver)
      peer_->owner().report(
          "BK051", "a message from " + peer_->title() + " cannot be read: " + to_string(error));
    return;
  }
  receiver->enqueue(
      caf::make_mailbox_element(std::move(sender), id, std::move(stages), std::move(content)),
      context());
}

void peer_link::take_ended(wire_reader& in) {
  const auto number = number_of(in, "an actor's end");
  caf::error reason;
  if (in(reason)) reason = caf::exit_reason::unknown;
  peer_->proxies().erase(peer_->peer().node, number, std::move(reason));
}

void peer_link::take_lookup(wire_reader& in) {
  const auto question = number_of(in, "a question");
  std::string name;
  demand(in.get_text(name, longest_name), "a name");
  const auto actor = peer_->owner().published(name);
  if (actor) peer_->make_known(actor);
  peer_->send(frame_kind::found, [&](wire_writer& to) {
    to.put_number(question);
    to.put_number(actor ? actor->id() : 0);
  });
}

void peer_link::take_found(wire_reader& in) {
  const auto asked = peer_->take_question(number_of(in, "an answer"));
  const auto number = number_of(in, "an answer's actor");
  if (!asked || !asked->actor) {
    // Nobody waits any more; the peer need not tell of that actor's end.
    return;
  }
  asked->actor->try_set_value(number == 0 ? caf::actor()
                                          : caf::actor_cast<caf::actor>(peer_->proxy_of(number)));
}

void peer_link::take_list(wire_reader& in) {
  const auto question = number_of(in, "a question");
  const auto names = peer_->owner().published();
  peer_->send(frame_kind::names, [&](wire_writer& to) {
    to.put_number(question);
    to.put_number(names.size());
    for (const auto& name : names) to.put_text(name);
  });
}

void peer_link::take_names(wire_reader& in) {
  const auto asked = peer_->take_question(number_of(in, "an answer"));
  const auto count = number_of(in, "an answer's names");
  if (count > in.rest().size()) malformed("an answer's names");
  std::vector<std::string> names(count);
  for (auto& name : names) demand(in.get_text(name, longest_name), "a name");
  if (asked && asked->names) asked->names->try_set_value(std::move(names));
}

// -- sending ------------------------------------------------------------------------------------

void peer_link::on_other_news() {
  if (beat_.take()) look_at_the_clock();
  flush();
}

void peer_link::flush() noexcept {
  if (quitting() || core().closing()) return;
  peer_->take_unsent(leaving_);
  if (leaving_.empty()) return;
  spoken_ = core().home().look();
  try {
    core().write(leaving_);
  } catch (...) {
    return fail(describe(std::current_exception()));
  }
  if (core().unsent() > peer_->owner().options().max_unsent)
    fail("it does not take what is sent to it: " + std::to_string(core().unsent()) +
         " bytes are unsent");
}

void peer_link::on_less_unsent() {
  if (core().closing() || !core().write_error()) return;
  try {
    core().throw_closed("write to");
  } catch (...) {
    fail(describe(std::current_exception()));
  }
}

void peer_link::look_at_the_clock() {
  const auto now = core().home().look();
  // One who was stopped for a while himself has to hear first what was said meanwhile.
  const bool slept = now - std::exchange(looked_, now) > silence_ / 2;
  if (now - heard_ >= silence_ && !slept && std::exchange(suspect_, true))
    return fail("there was no sign of life from it for " +
                std::to_string(
                    std::chrono::duration_cast<std::chrono::milliseconds>(now - heard_).count()) +
                " ms");
  if (now - spoken_ >= interval_ / 2) {
    peer_->send(frame_kind::ping, [](wire_writer&) {});
  }
  beat_.set(interval_);
}

// -- the end ------------------------------------------------------------------------------------

void peer_link::leave(const std::string& why) {
  if (quitting() || std::exchange(left_, true)) return;
  peer_->send(frame_kind::bye,
              [&](wire_writer& to) { to.put_text(std::string_view(why).substr(0, longest_name)); });
  flush();
  fail("we left it" + (why.empty() ? why : ": " + why));
}

void peer_link::on_end_of_stream() { fail("it closed the connection"); }

void peer_link::on_stream_closed() { fail("the connection was closed"); }

void peer_link::on_exit_request(caf::exit_msg& request) {
  if (request.reason) leave("its runtime ends");
}

void peer_link::fail(const std::string& why) noexcept {
  if (!why_)
    why_ = to_error(std::make_exception_ptr(node_down(peer_->title() + " is down: " + why)));
  stop_reading();
  quit(why_);
}

void peer_link::on_end() noexcept {
  if (!why_)
    why_ = to_error(std::make_exception_ptr(node_down(peer_->title() + " is down: it was killed")));
  peer_->owner().remove(*peer_);
  peer_->end(why_);
  kept_ = {};
  stream_user::on_end();
}

}  // namespace buskin::io::detail
