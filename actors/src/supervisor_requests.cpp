// Requests: what the await face and the message face ask for, one after the other.
#include "supervisor_actor.hpp"

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/broker.hpp>
#include <buskin/runtime/errors.hpp>

#include <stdexcept>

namespace buskin::detail {

using code = child_error::code;

// -- asking: any thread -------------------------------------------------------------------------

/// A request goes through the mailbox, so that two of one sender keep their order. When the
/// supervisor has ended, `what` is destroyed, and with it the promise of an answer is taken back.
template <class Job>
void supervisor_actor::line_up(Job what) {
  // std::function wants to copy, a job cannot be; `post` takes any callable.
  post([kept = std::move(what)](lean_actor& self) mutable {
    auto& s = static_cast<supervisor_actor&>(self);
    s.jobs_.push_back(std::move(kept));
    s.signal();
  });
}

void supervisor_actor::ask_started(cell_ref<cell<unit>> to) {
  post([reply = supervisor_reply<void>(lean_ref<supervisor_actor>(this), std::move(to))](
           lean_actor& self) mutable {
    auto& s = static_cast<supervisor_actor&>(self);
    if (s.initialized_)
      reply.give();
    else
      s.await_start_.push_back(std::move(reply));
  });
}

void supervisor_actor::ask_start(child_spec spec, cell_ref<cell<caf::actor>> to) {
  if (pool())
    throw std::invalid_argument(
        quoted() +
        " makes all its children from one specification; start_child takes at most what "
        "starts them");
  line_up(start_job{checked(std::move(spec), options_, true),
                    {lean_ref<supervisor_actor>(this), std::move(to)}});
}

void supervisor_actor::ask_start(std::function<task<void>()> start, cell_ref<cell<caf::actor>> to) {
  if (!pool())
    throw std::invalid_argument(quoted() +
                                " is not simple_one_for_one; start_child takes a specification");
  child_spec spec = template_;
  if (start) {
    spec.start = std::move(start);
    spec.start_actor = nullptr;
    spec.start_supervisor = nullptr;
  }
  if (!spec.start && !spec.start_actor && !spec.start_supervisor)
    throw std::invalid_argument(quoted() +
                                ": its specification has no start; give start_child one");
  line_up(start_job{std::move(spec), {lean_ref<supervisor_actor>(this), std::move(to)}});
}

void supervisor_actor::ask_terminate(child_name whom, cell_ref<cell<unit>> to) {
  line_up(terminate_job{std::move(whom), {lean_ref<supervisor_actor>(this), std::move(to)}});
}

void supervisor_actor::ask_restart(std::string id, cell_ref<cell<caf::actor>> to) {
  line_up(restart_job{std::move(id), {lean_ref<supervisor_actor>(this), std::move(to)}});
}

void supervisor_actor::ask_delete(std::string id, cell_ref<cell<unit>> to) {
  line_up(delete_job{std::move(id), {lean_ref<supervisor_actor>(this), std::move(to)}});
}

// -- doing: in the coroutine ----------------------------------------------------------------------

void supervisor_actor::refuse_child(code why, const child& c) const {
  const char* text = why == code::already_started   ? " runs already"
                     : why == code::already_present ? " exists already, stopped; use restart_child "
                                                      "or delete_child"
                     : why == code::running         ? " runs; terminate_child ends it first"
                                            : " waits for its restart; terminate_child ends that";
  throw child_error(why, c.spec.id, quoted() + ": child \"" + c.spec.id + "\"" + text, nullptr,
                    caf::actor_cast<caf::actor>(c.actor));
}

supervisor_actor::child& supervisor_actor::named(const std::string& id) const {
  if (pool())
    throw child_error(code::not_found, id,
                      quoted() +
                          " is simple_one_for_one: its children are known by their actors, "
                          "not by an id");
  if (auto* c = find(id); c != nullptr) return *c;
  throw child_error(code::not_found, id, quoted() + " has no child \"" + id + "\"");
}

supervisor_actor::child& supervisor_actor::holder_of(const child_name& whom) const {
  if (const auto* id = std::get_if<std::string>(&whom)) return named(*id);
  const auto& actor = std::get<caf::actor>(whom);
  const std::string who = actor ? "actor " + std::to_string(actor.id()) : "nobody";
  if (!pool())
    throw child_error(
        code::not_found, {},
        quoted() + " knows its children by their ids; " + who + " was to be terminated");
  if (actor)
    if (const auto at = actors_.find(actor.id()); at != actors_.end()) return *find(at->second);
  throw child_error(code::not_found, {}, quoted() + ": " + who + " is not its child");
}

task<void> supervisor_actor::on(start_job what) {
  child* c = nullptr;
  try {
    if (pool())
      what.spec.id += "#" + std::to_string(born_ + 1);
    else if (c = find(what.spec.id); c != nullptr)
      refuse_child(c->actor ? code::already_started : code::already_present, *c);
  } catch (...) {
    what.reply.fail(std::current_exception());
    co_return;
  }
  c = &enter(std::move(what.spec));
  const auto how = co_await start(*c);
  if (how == result::failed) {
    what.reply.fail(to_exception(failure_));
    remove(*c);
    co_return;
  }
  what.reply.give(caf::actor_cast<caf::actor>(c->actor));
  if (how == result::ignored && (pool() || c->spec.restart == restart_type::temporary)) remove(*c);
}

task<void> supervisor_actor::on(terminate_job what) {
  child* c = nullptr;
  try {
    // One that has ended was terminated, by us or by itself: fine.
    const auto* actor = std::get_if<caf::actor>(&what.whom);
    const bool dead = pool() && actor != nullptr && *actor && !actors_.contains(actor->id()) &&
                      caf::actor_cast<caf::abstract_actor*>(*actor)->getf(
                          caf::abstract_actor::is_terminated_flag);
    if (!dead) c = &holder_of(what.whom);
  } catch (...) {
    what.reply.fail(std::current_exception());
    co_return;
  }
  if (c != nullptr) {
    co_await end(*c);
    if (c->spec.restart == restart_type::temporary || pool()) remove(*c);
  }
  what.reply.give();
}

task<void> supervisor_actor::on(restart_job what) {
  child* c = nullptr;
  try {
    c = &named(what.id);
    if (c->actor) refuse_child(code::running, *c);
    if (c->state == child_status::state::waiting) refuse_child(code::restarting, *c);
  } catch (...) {
    what.reply.fail(std::current_exception());
    co_return;
  }
  if (co_await start(*c) == result::failed)
    what.reply.fail(to_exception(failure_));
  else
    what.reply.give(caf::actor_cast<caf::actor>(c->actor));
}

task<void> supervisor_actor::on(delete_job what) {
  try {
    child& c = named(what.id);
    if (c.actor) refuse_child(code::running, c);
    if (c.state == child_status::state::waiting) refuse_child(code::restarting, c);
    remove(c);
    what.reply.give();
  } catch (...) {
    what.reply.fail(std::current_exception());
  }
  co_return;
}

// -- the message face -----------------------------------------------------------------------------

void supervisor_actor::on_message(caf::mailbox_element_ptr& element) {
  auto& content = element->content();
  const auto asker = element->sender;
  const auto answer = [&]<class R>(std::type_identity<R>) {
    return cell_ref<cell<R>>::adopt(new reply_cell<R>(requester(*element)));
  };
  try {
    if (content.match_elements<start_child_atom, child_spec>())
      ask_start(content.get_as<child_spec>(1), answer(std::type_identity<caf::actor>()));
    else if (content.match_elements<start_child_atom, std::function<task<void>()>>())
      ask_start(content.get_as<std::function<task<void>()>>(1),
                answer(std::type_identity<caf::actor>()));
    else if (content.match_elements<start_child_atom>())
      ask_start(std::function<task<void>()>(), answer(std::type_identity<caf::actor>()));
    else if (content.match_elements<terminate_child_atom, std::string>())
      ask_terminate(content.get_as<std::string>(1), answer(std::type_identity<unit>()));
    else if (content.match_elements<terminate_child_atom, caf::actor>())
      ask_terminate(content.get_as<caf::actor>(1), answer(std::type_identity<unit>()));
    else if (content.match_elements<restart_child_atom, std::string>())
      ask_restart(content.get_as<std::string>(1), answer(std::type_identity<caf::actor>()));
    else if (content.match_elements<delete_child_atom, std::string>())
      ask_delete(content.get_as<std::string>(1), answer(std::type_identity<unit>()));
    else if (content.match_elements<which_children_atom>())
      respond(*element, caf::make_message(which()));
    else if (content.match_elements<count_children_atom>())
      respond(*element, caf::make_message(count()));
    else if (content.match_elements<get_childspec_atom, std::string>())
      respond(*element, caf::make_message(spec_of(content.get_as<std::string>(1))));
    else if (content.match_elements<subscribe>() || content.match_elements<unsubscribe>())
      caf::actor_cast<caf::abstract_actor*>(events_.actor())
          ->enqueue(std::move(element), context());
    else
      refuse(*element);
  } catch (...) {
    element->sender = asker;  // the cell for the answer took it
    respond(*element, caf::make_message(to_error(std::current_exception())));
  }
}

}  // namespace buskin::detail
