#include "node_core.hpp"

#include "steward_actor.hpp"

#include <buskin/actors/detail/broker.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/runtime.hpp>

#include <caf/actor_cast.hpp>
#include <caf/actor_registry.hpp>
#include <caf/to_string.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace buskin::io::detail {

node_core::node_core(caf::actor_system& system, node_options options)
    : system_(system), options_(std::move(options)) {}

hello node_core::greeting() const {
  return {.name = options_.name,
          .node = system_.node(),
          .most = options_.max_message,
          .silence = options_.silence};
}

// -- names --------------------------------------------------------------------------------------

void node_core::publish(const std::string& name, const caf::actor& actor) {
  if (name.empty() || name.size() > longest_name)
    throw std::invalid_argument("an actor is published under a name of 1 to " +
                                std::to_string(longest_name) + " bytes; this one has " +
                                std::to_string(name.size()));
  if (!actor || actor.node() != system_.node())
    throw std::invalid_argument(
        "\"" + name + "\" cannot be published: " +
        (actor ? "the actor lives in another process" : "the handle refers to nobody"));
  auto kept = caf::actor_cast<caf::strong_actor_ptr>(actor);
  let_go(kept);
  {
    std::lock_guard guard(mutex_);
    kept = std::exchange(published_[name], std::move(kept));
  }
  if (kept) recall(kept->id());
}

bool node_core::unpublish(const std::string& name) {
  std::map<std::string, caf::strong_actor_ptr>::node_type former;
  {
    std::lock_guard guard(mutex_);
    former = published_.extract(name);
  }
  if (former.empty()) return false;
  recall(former.mapped()->id());
  return true;
}

void node_core::add_offer(const std::string& name, offer made) {
  bool first = false;
  {
    std::lock_guard guard(mutex_);
    first = offers_.empty();
    offers_[name] = std::make_shared<const offer>(std::move(made));
  }
  if (first)
    publish(steward_name, make_broker<steward_actor>(system_, shared_from_this()).handle());
}

std::shared_ptr<const offer> node_core::offered(const std::string& name) const {
  std::lock_guard guard(mutex_);
  const auto found = offers_.find(name);
  return found != offers_.end() ? found->second : nullptr;
}

void node_core::let_go(const caf::strong_actor_ptr& actor) {
  {
    std::lock_guard guard(mutex_);
    ++abroad_[actor->id()];
  }
  system_.registry().put(actor->id(), actor);
}

void node_core::recall(caf::actor_id number) {
  {
    std::lock_guard guard(mutex_);
    const auto found = abroad_.find(number);
    if (found == abroad_.end() || --found->second != 0) return;
    abroad_.erase(found);
  }
  system_.registry().erase(number);
}

namespace {

bool is_alive(const caf::strong_actor_ptr& actor) {
  return !actor->get()->getf(caf::abstract_actor::is_terminated_flag);
}

}  // namespace

caf::strong_actor_ptr node_core::published(const std::string& name) const {
  std::lock_guard guard(mutex_);
  const auto found = published_.find(name);
  return found != published_.end() && is_alive(found->second) ? found->second : nullptr;
}

std::vector<std::string> node_core::published() const {
  std::vector<std::string> names;
  std::lock_guard guard(mutex_);
  for (const auto& [name, actor] : published_)
    if (is_alive(actor) && name != steward_name) names.push_back(name);
  return names;
}

// -- peers --------------------------------------------------------------------------------------

void node_core::add(const std::shared_ptr<peer_core>& peer) {
  std::lock_guard guard(mutex_);
  peers_.push_back(peer);
}

void node_core::remove(const peer_core& peer) {
  std::vector<std::shared_ptr<peer_core>> others;
  {
    std::lock_guard guard(mutex_);
    std::erase_if(peers_, [&](const auto& each) { return each.get() == &peer; });
    others = peers_;
  }
  // What they know of its actors came to an end.
  for (const auto& other : others)
    if (other->peer().node != peer.peer().node) other->proxies().erase(peer.peer().node);
}

std::shared_ptr<peer_core> node_core::peer_at(const caf::node_id& node) const {
  std::lock_guard guard(mutex_);
  for (const auto& each : peers_)
    if (each->peer().node == node) return each;
  return nullptr;
}

std::vector<std::shared_ptr<peer_core>> node_core::peers() const {
  std::lock_guard guard(mutex_);
  return peers_;
}

std::shared_ptr<node_core::way> node_core::way_to(const std::string& where,
                                                  const std::string& expected) {
  std::lock_guard guard(mutex_);
  auto& found = ways_[{where, expected}];
  if (!found) found = std::make_shared<way>();
  return found;
}

// -- what went wrong ----------------------------------------------------------------------------

void node_core::message_failed(const peer_core& peer, caf::mailbox_element& element,
                               const caf::error& error) const {
  if (element.mid.is_request() && element.sender)
    refuse(element, error);
  else
    report("BK051", "a message to " + peer.title() + " was not sent: " + describe(error));
}

void node_core::report(const char* code, const std::string& text) const {
  scheduler::of(system_).owner().report(
      {.code = code, .text = text, .error = nullptr, .who = options_.name, .where = {}});
}

void node_core::report_refusal(const std::string& why) {
  std::uint64_t more = 0;
  {
    const auto now = scheduler::of(system_).time().now();
    std::lock_guard guard(mutex_);
    if (last_refusal_ && now - *last_refusal_ < std::chrono::minutes(1)) {
      ++refusals_;
      return;
    }
    last_refusal_ = now;
    more = std::exchange(refusals_, 0);
  }
  report("BK050", "node \"" + options_.name + "\" did not let somebody in: " + why +
                      (more == 0 ? "" : "; and " + std::to_string(more) + " more before"));
}

// -- the end ------------------------------------------------------------------------------------

void node_core::set_actor(const lean_ref<lean_actor>& made) {
  std::lock_guard guard(mutex_);
  actor_ = made;
}

void node_core::set_server(const server& made) {
  std::lock_guard guard(mutex_);
  server_ = made;
}

std::optional<server> node_core::its_server() const {
  std::lock_guard guard(mutex_);
  return server_;
}

bool node_core::closed() const {
  std::lock_guard guard(mutex_);
  return closed_;
}

void node_core::close() {
  lean_ref<lean_actor> actor;
  std::optional<server> listening;  // whose handler refers to us
  {
    std::lock_guard guard(mutex_);
    if (std::exchange(closed_, true)) return;
    actor = std::exchange(actor_, {});
    listening.swap(server_);
  }
  if (actor) actor->enter_or_post([](lean_actor& self) { self.quit(); });
  if (listening) listening->close();
  for (const auto& each : peers()) each->leave("it was closed");
  decltype(published_) former;
  {
    std::lock_guard guard(mutex_);
    former.swap(published_);
  }
  for (const auto& [name, published] : former) recall(published->id());
}

}  // namespace buskin::io::detail
