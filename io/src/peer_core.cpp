#include "peer_core.hpp"

#include "far_proxy.hpp"
#include "node_core.hpp"
#include "peer_link.hpp"

#include <buskin/actors/detail/returnable.hpp>
#include <buskin/io/node_down.hpp>
#include <buskin/runtime/detail/recycler.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/runtime.hpp>

#include <caf/actor_cast.hpp>
#include <caf/actor_registry.hpp>
#include <caf/attachable.hpp>
#include <caf/make_actor.hpp>
#include <caf/sec.hpp>

#include <vector>

namespace buskin::io::detail {

/// Tells the peer of the end of a local actor that it knows.
class end_notice final : public caf::attachable, public recycled {
 public:
  end_notice(const std::shared_ptr<peer_core>& peer, caf::actor_id number)
      : peer_(peer), key_(peer.get()), number_(number) {}
  void actor_exited(const caf::error& reason, caf::execution_unit*) override {
    if (const auto peer = peer_.lock()) peer->actor_ended(number_, reason);
  }
  bool matches(const token& what) override {
    return what.subtype == token::anonymous && what.ptr == key_;
  }

 private:
  const std::weak_ptr<peer_core> peer_;
  const void* const key_;
  const caf::actor_id number_;
};

peer_core::peer_core(std::shared_ptr<node_core> owner, hello peer)
    : owner_(std::move(owner)),
      system_(owner_->system()),
      peer_(std::move(peer)),
      proxies_(system_, *this) {}

peer_core::~peer_core() = default;

std::string peer_core::title() const { return "node \"" + peer_.name + "\""; }

// -- sending ------------------------------------------------------------------------------------

namespace {

constexpr std::size_t most_kept = 1024 * 1024;

caf::error put_message(frame_writer& frame, caf::actor_id to, whose sender,
                       caf::mailbox_element& element) {
  auto& out = frame.to;
  out.put_byte(static_cast<std::uint8_t>(static_cast<std::uint8_t>(sender) |
                                         (is_returnable(element) ? returnable_flag : 0)));
  out.put_number(to);
  out.put_number(element.mid.integer_value());
  if (sender == whose::others) {
    if (auto error = out(element.sender)) return error;
  } else if (sender != whose::nobodys) {
    out.put_number(element.sender->id());
  }
  out.put_number(element.stages.size());
  for (auto& stage : element.stages)
    if (auto error = out(stage)) return error;
  return out.put_content(std::as_const(element).content());
}

}  // namespace

void refuse(const caf::mailbox_element& element, const caf::error& why) {
  if (element.mid.is_request() && element.sender)
    element.sender->enqueue(nullptr, element.mid.response_id(), caf::make_message(why), nullptr);
}

void peer_core::send_message(caf::abstract_actor& proxy, caf::mailbox_element& element) {
  thread_local std::string frames;
  frames.clear();
  bare_unit unit(system_);
  auto sender = whose::nobodys;
  if (element.sender) {
    const auto& node = element.sender->node();
    sender = node == system_.node() ? whose::ours
             : node == peer_.node   ? whose::yours
                                    : whose::others;
  }
  frame_writer frame(unit, frames, frame_kind::message);
  auto error = put_message(frame, proxy.id(), sender, element);
  if (!error && frame.size() > peer_.most)
    error = caf::make_error(caf::sec::runtime_error,
                            "the message has " + std::to_string(frame.size()) +
                                " bytes, and the peer takes " + std::to_string(peer_.most));
  if (error) {
    owner_->message_failed(*this, element, error);
    return;
  }
  frame.finish();

  auto told = frame.to.handles();  // what the peer learns of
  bool wake = false;
  lean_ref<peer_link> link;
  {
    std::lock_guard guard(mutex_);
    if (!ended_) {
      const auto news = [this](const caf::strong_actor_ptr& actor) {
        return known_.emplace(actor->id(), caf::actor_cast<caf::actor_addr>(actor)).second;
      };
      std::erase_if(told, [&](const auto& each) { return !news(each); });
      if (sender == whose::ours) {
        if (news(element.sender)) told.push_back(element.sender);
        if (element.mid.is_request())
          requests_.emplace(
              request_key(element.sender->id(), element.mid.request_id().integer_value()),
              request{caf::actor_cast<caf::actor_addr>(element.sender), element.mid.response_id()});
      }
      wake = push(frames);
      link = link_;
    }
  }
  if (frames.capacity() > most_kept) frames = {};
  if (!link) {
    refuse(element, why());
    return;
  }
  // What it hands over is the peer's now.
  if (is_returnable(element)) element.content();
  for (const auto& each : told) know(each);
  if (wake) link->signal();
}

void peer_core::know(const caf::strong_actor_ptr& actor) {
  owner_->let_go(actor);
  actor->get()->attach(caf::attachable_ptr(new end_notice(shared_from_this(), actor->id())));
}

bool peer_core::push(std::string_view frames) {
  unsent_ += frames;
  return !std::exchange(woken_, true);
}

void peer_core::send(std::string_view frames) {
  lean_ref<peer_link> link;
  {
    std::lock_guard guard(mutex_);
    if (ended_ || !push(frames)) return;
    link = link_;
  }
  if (link) link->signal();
}

void peer_core::make_known(const caf::strong_actor_ptr& actor) {
  {
    std::lock_guard guard(mutex_);
    if (ended_ || !known_.emplace(actor->id(), caf::actor_cast<caf::actor_addr>(actor)).second)
      return;
  }
  know(actor);
}

void peer_core::actor_ended(caf::actor_id number, const caf::error& reason) {
  {
    std::lock_guard guard(mutex_);
    if (known_.erase(number) == 0) return;
    const auto first = requests_.lower_bound({number, 0});
    auto last = first;
    while (last != requests_.end() && last->first.first == number) ++last;
    requests_.erase(first, last);
  }
  owner_->recall(number);
  std::string frames;
  bare_unit unit(system_);
  frame_writer frame(unit, frames, frame_kind::ended);
  frame.to.put_number(number);
  auto told = reason;
  if (frame.to(told)) {  // it holds something that does not travel
    frame.drop();
    frame_writer again(unit, frames, frame_kind::ended);
    again.to.put_number(number);
    auto text = make_error(failure::exception, {"caf::error", describe(reason), nullptr});
    again.to(text);
    again.finish();
  } else {
    frame.finish();
  }
  send(frames);
}

// -- the link's ---------------------------------------------------------------------------------

void peer_core::set_link(const lean_ref<peer_link>& link) {
  {
    std::lock_guard guard(mutex_);
    link_ = link;
    if (unsent_.empty()) return;
  }
  link->signal();
}

void peer_core::take_unsent(std::string& frames) {
  frames.clear();
  if (frames.capacity() > most_kept) frames = {};
  std::lock_guard guard(mutex_);
  woken_ = false;
  unsent_.swap(frames);
}

caf::strong_actor_ptr peer_core::known(caf::actor_id number) const {
  std::lock_guard guard(mutex_);
  const auto found = known_.find(number);
  return found != known_.end() ? caf::actor_cast<caf::strong_actor_ptr>(found->second) : nullptr;
}

void peer_core::answered(caf::actor_id asker, caf::message_id id) {
  std::lock_guard guard(mutex_);
  requests_.erase({asker, id.request_id().integer_value()});
}

caf::strong_actor_ptr peer_core::proxy_of(caf::actor_id number) {
  return proxies_.get_or_put(peer_.node, number);
}

caf::strong_actor_ptr peer_core::make_proxy(caf::node_id node, caf::actor_id number) {
  caf::actor_config config;
  if (node == peer_.node)
    return caf::make_actor<far_proxy, caf::strong_actor_ptr>(number, std::move(node), &system_,
                                                             config, shared_from_this());
  if (const auto other = owner_->peer_at(node)) return other->proxies().get_or_put(node, number);
  auto lost =
      caf::make_actor<far_proxy, caf::strong_actor_ptr>(number, node, &system_, config, nullptr);
  static_cast<far_proxy*>(lost->get())
      ->kill_proxy(
          nullptr,
          to_error(std::make_exception_ptr(node_down("an actor of " + to_string(node) +
                                                     ", to which this node is not connected"))));
  return lost;
}

// -- questions ----------------------------------------------------------------------------------

std::uint64_t peer_core::ask(question asked, frame_kind kind, const std::string* name) {
  std::uint64_t number = 0;
  {
    std::lock_guard guard(mutex_);
    if (ended_) std::rethrow_exception(to_exception(why_));
    number = ++last_question_;
    questions_.emplace(number, std::move(asked));
  }
  send(kind, [&](wire_writer& to) {
    to.put_number(number);
    if (name != nullptr) to.put_text(*name);
  });
  return number;
}

std::uint64_t peer_core::ask_for(const std::string& name, promise<caf::actor> answer) {
  return ask({.actor = std::move(answer)}, frame_kind::lookup, &name);
}

std::uint64_t peer_core::ask_for_names(promise<std::vector<std::string>> answer) {
  return ask({.names = std::move(answer)}, frame_kind::list, nullptr);
}

void peer_core::forget_question(std::uint64_t number) {
  std::lock_guard guard(mutex_);
  questions_.erase(number);
}

std::optional<question> peer_core::take_question(std::uint64_t number) {
  std::lock_guard guard(mutex_);
  const auto found = questions_.extract(number);
  if (!found) return std::nullopt;
  return std::move(found.mapped());
}

// -- the end ------------------------------------------------------------------------------------

void peer_core::leave(const std::string& why) {
  lean_ref<peer_link> link;
  {
    std::lock_guard guard(mutex_);
    link = link_;
  }
  if (link)
    link->enter_or_post([why](lean_actor& self) { static_cast<peer_link&>(self).leave(why); });
}

bool peer_core::ended() const {
  std::lock_guard guard(mutex_);
  return ended_;
}

caf::error peer_core::why() const {
  std::lock_guard guard(mutex_);
  return why_;
}

void peer_core::end(const caf::error& why) {
  decltype(requests_) requests;
  decltype(questions_) questions;
  decltype(known_) known;
  lean_ref<peer_link> link;
  {
    std::lock_guard guard(mutex_);
    if (std::exchange(ended_, true)) return;
    why_ = why;
    requests.swap(requests_);
    questions.swap(questions_);
    known.swap(known_);
    link = std::exchange(link_, {});
    unsent_ = {};
  }
  for (const auto& [number, address] : known) {
    if (const auto actor = caf::actor_cast<caf::strong_actor_ptr>(address))
      actor->get()->detach(caf::attachable::token(caf::attachable::token::anonymous, this));
    owner_->recall(number);
  }
  for (const auto& proxy : proxies_.get_all(peer_.node))
    static_cast<caf::actor_proxy*>(proxy->get())->kill_proxy(nullptr, why);
  proxies_.clear();
  for (const auto& [key, asked] : requests)
    if (const auto asker = caf::actor_cast<caf::strong_actor_ptr>(asked.asker))
      asker->enqueue(nullptr, asked.id, caf::make_message(why), nullptr);
  for (const auto& [number, asked] : questions) {
    if (asked.actor) asked.actor->try_set_exception(to_exception(why));
    if (asked.names) asked.names->try_set_exception(to_exception(why));
  }
  down_.set();
}

}  // namespace buskin::io::detail
