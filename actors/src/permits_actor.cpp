#include "permits_actor.hpp"

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/returnable.hpp>
#include <buskin/runtime/errors.hpp>

#include <caf/actor_cast.hpp>
#include <caf/actor_proxy.hpp>
#include <caf/attachable.hpp>

#include <exception>

namespace buskin::detail {

namespace {

/// Tells the broker of the end of an actor that may hold something of it.
class holder_watch final : public caf::attachable, public recycled {
 public:
  holder_watch(lean_ref<permits_actor> of, caf::actor_addr who)
      : of_(std::move(of)), who_(std::move(who)) {}
  void actor_exited(const caf::error&, caf::execution_unit*) override { of_->actor_ended(who_); }
  bool matches(const token& what) override {
    return what.subtype == token::anonymous && what.ptr == of_.get();
  }

 private:
  lean_ref<permits_actor> of_;
  caf::actor_addr who_;
};

using permit_request = returnable_reply<permit_waiter, unit, permits_actor>;

}  // namespace

// -- taking -----------------------------------------------------------------------------------

bool permits_actor::try_take(const keeper& whose) {
  if (!ask_in_the_name_of(whose)) return false;
  caf::strong_actor_ptr unwatched;
  guard lock(*this);
  if (take(whose)) return true;
  unwatched = gives_up(whose);
  return false;
}

bool permits_actor::take_or_wait(stack_host& host, const keeper& whose,
                                 cell_ref<permit_waiter>& waiting) {
  ask_in_the_name_of(whose);
  guard lock(*this);
  if (take(whose)) return true;
  waiting = cell_ref<permit_waiter>::adopt(new permit_waiter(&host, whose));
  line_.push(waiting);
  return false;
}

void permits_actor::take_or_wait(const cell_ref<permit_waiter>& waiting) {
  const auto& whose = waiting->whose();
  if (whose.what() == keeper::kind::actor && !ask_in_the_name_of(whose)) return;
  caf::strong_actor_ptr unwatched;
  guard lock(*this);
  if (waiting->deserted()) {
    unwatched = gives_up(whose);
    return;
  }
  if (take(whose))
    waiting->resolve(unit{});
  else
    line_.push(waiting);
}

void permits_actor::withdraw(permit_waiter& waiting) {
  if (!waiting.abandon() && waiting.whose().what() == keeper::kind::actor) {
    give_if_held(waiting.whose().who());
    return;
  }
  caf::strong_actor_ptr unwatched;
  guard lock(*this);
  if (waiting.abandoned()) {
    line_.erase(waiting);
    unwatched = gives_up(waiting.whose());
    return;
  }
  if (waiting.whose().what() == keeper::kind::nobody && unrecorded_ != 0) --unrecorded_;
  put_back();
}

void permits_actor::take_out(const request_key& request) {
  caf::strong_actor_ptr unwatched;
  guard lock(*this);
  const cell_ref<permit_waiter> waiting(
      line_.find([&](const permit_waiter& each) { return each.answers(request); }));
  if (!waiting) return;
  line_.erase(*waiting);
  unwatched = gives_up(waiting->whose());
  waiting->fail(withdrawn());
}

bool permits_actor::ask_in_the_name_of(const keeper& whose) {
  if (whose.what() != keeper::kind::actor) return true;
  const auto actor = caf::actor_cast<caf::strong_actor_ptr>(whose.who());
  if (!actor) return false;
  bool known = false;
  {
    guard lock(*this);
    known = records_.contains(whose.who());
    auto& theirs = records_[whose.who()];
    ++theirs.asking;
    if (!known && dynamic_cast<caf::actor_proxy*>(actor->get()) != nullptr) theirs.proxy = actor;
  }
  // One that has ended is dealt with at once, in here: that is why the lock is not held.
  if (!known)
    actor->get()->attach(
        caf::attachable_ptr(new holder_watch(lean_ref<permits_actor>(this), whose.who())));
  return true;
}

bool permits_actor::take(const keeper& whose) {
  if (free_ == 0) return false;
  --free_;
  granted(whose);
  return true;
}

void permits_actor::granted(const keeper& whose) {
  switch (whose.what()) {
    case keeper::kind::task:
      break;
    case keeper::kind::nobody:
      ++unrecorded_;
      break;
    case keeper::kind::actor:
      if (const auto at = records_.find(whose.who()); at != records_.end()) {
        --at->second.asking;
        ++at->second.held;
      } else {
        ++free_;  // it ended since it asked
      }
      break;
  }
}

caf::strong_actor_ptr permits_actor::gives_up(const keeper& whose) {
  if (whose.what() != keeper::kind::actor) return {};
  const auto at = records_.find(whose.who());
  if (at == records_.end()) return {};
  --at->second.asking;
  return drop_if_empty(at);
}

caf::strong_actor_ptr permits_actor::drop_if_empty(records::iterator at) {
  if (at->second.held != 0 || at->second.asking != 0) return {};
  auto actor = caf::actor_cast<caf::strong_actor_ptr>(at->first);
  if (actor) actor->get()->detach(caf::attachable::token(caf::attachable::token::anonymous, this));
  records_.erase(at);
  return actor;
}

// -- giving back ------------------------------------------------------------------------------

bool permits_actor::give(const keeper& whose) {
  caf::strong_actor_ptr unwatched;
  guard lock(*this);
  if (free_ >= limit_) return false;
  if (whose.what() == keeper::kind::actor) {
    if (const auto at = records_.find(whose.who()); at != records_.end() && at->second.held != 0) {
      --at->second.held;
      unwatched = drop_if_empty(at);
      put_back();
      return true;
    }
  }
  if (whose.what() != keeper::kind::task) {
    if (unrecorded_ != 0)
      --unrecorded_;
    else
      ++released_by_others_;
  }
  put_back();
  return true;
}

bool permits_actor::give_if_held(const caf::actor_addr& who) {
  caf::strong_actor_ptr unwatched;
  guard lock(*this);
  const auto at = records_.find(who);
  if (at == records_.end() || at->second.held == 0 || free_ >= limit_) return false;
  --at->second.held;
  unwatched = drop_if_empty(at);
  put_back();
  return true;
}

void permits_actor::task_ended(std::size_t held) {
  guard lock(*this);
  put_back_of_the_dead(held);
}

void permits_actor::actor_ended(const caf::actor_addr& who) {
  caf::strong_actor_ptr proxy;
  guard lock(*this);
  const auto at = records_.find(who);
  if (at == records_.end()) return;
  const std::size_t held = at->second.held;
  proxy = std::move(at->second.proxy);
  records_.erase(at);
  put_back_of_the_dead(held);
}

void permits_actor::put_back_of_the_dead(std::size_t held) {
  for (; held != 0; --held) {
    if (released_by_others_ != 0)
      --released_by_others_;  // another one released it in its name
    else
      put_back();
  }
}

void permits_actor::put_back() {
  ++free_;
  while (free_ != 0) {
    const auto waiting = line_.pop();
    if (!waiting) return;
    if (waiting->deserted() || !waiting->resolve(unit{})) continue;
    --free_;
    granted(waiting->whose());
  }
}

// -- looking at it ----------------------------------------------------------------------------

std::size_t permits_actor::available() const {
  guard lock(*this);
  return free_;
}

std::size_t permits_actor::waiter_count() const {
  guard lock(*this);
  return line_.size();
}

// -- the message face -------------------------------------------------------------------------

void permits_actor::on_message(caf::mailbox_element_ptr& element) {
  const auto& content = element->content();
  const auto whose = keeper::actor(caf::actor_cast<caf::actor_addr>(element->sender));
  if (content.match_elements<acquire_permit>()) {
    take_or_wait(cell_ref<permit_waiter>::adopt(
        new permit_request(*this, requester(*element), nullptr, whose)));
  } else if (content.match_elements<release_permit>()) {
    if (give(whose))
      respond(*element, caf::message());
    else
      respond(*element, caf::make_message(to_error(std::make_exception_ptr(
                            invalid_state("released more often than acquired")))));
  } else if (content.match_elements<withdraw_request, std::uint64_t>()) {
    take_out(withdrawn_by(*element));
  } else if (content.match_elements<return_answer>()) {
    give_if_held(whose.who());
  } else {
    refuse(*element);
  }
}

}  // namespace buskin::detail
