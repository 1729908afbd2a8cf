// The face; what it asks for is done in the supervisor_*.cpp beside this file.
#include "supervisor_actor.hpp"

#include <buskin/runtime/errors.hpp>

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

namespace buskin {

using detail::cell;
using detail::cell_ref;
using detail::supervisor_actor;
using detail::unit;

namespace {

/// Makes the cell for an answer, hands it to `ask`, and yields what can be awaited.
template <class R, class F>
detail::supervisor_call<R> call(const lean_ref<lean_actor>& whom, const std::source_location& where,
                                F ask) {
  using answer = typename detail::supervisor_call<R>::answer;
  auto* host = detail::here.stack != nullptr ? &detail::here.stack->host() : nullptr;
  auto result = cell_ref<answer>::adopt(new answer(host));
  ask(result);
  return {std::move(result), host, whom->id(), where};
}

}  // namespace

const char* to_string(child_status::state now) noexcept {
  switch (now) {
    case child_status::state::starting:
      return "starting";
    case child_status::state::running:
      return "running";
    case child_status::state::waiting:
      return "waiting";
    case child_status::state::stopped:
      return "stopped";
  }
  return "?";
}

supervisor::supervisor(std::vector<child_spec> children, supervisor_options options) {
  auto actor = detail::make_lean<supervisor_actor>(detail::system_here("supervisor"),
                                                   std::move(children), std::move(options));
  actor->hold();  // it lives until it ends, like a task
  actor->track(shutdown_phase::supervisor);
  actor->launch(nullptr, false, true);
  actor_ = lean_ref<lean_actor>(actor.get());
}

supervisor_actor& supervisor::self() const {
  if (!actor_) throw invalid_state("this supervisor object refers to no supervisor");
  return static_cast<supervisor_actor&>(*actor_);
}

detail::supervisor_call<void> supervisor::started(std::source_location where) const {
  auto& s = self();
  return call<void>(actor_, where, [&](auto answer) { s.ask_started(std::move(answer)); });
}

detail::supervisor_call<caf::actor> supervisor::start_child(child_spec child,
                                                            std::source_location where) const {
  auto& s = self();
  return call<caf::actor>(actor_, where,
                          [&](auto answer) { s.ask_start(std::move(child), std::move(answer)); });
}

detail::supervisor_call<caf::actor> supervisor::start_child(std::function<task<void>()> start,
                                                            std::source_location where) const {
  auto& s = self();
  return call<caf::actor>(actor_, where,
                          [&](auto answer) { s.ask_start(std::move(start), std::move(answer)); });
}

detail::supervisor_call<void> supervisor::terminate_child(const std::string& id,
                                                          std::source_location where) const {
  auto& s = self();
  return call<void>(actor_, where, [&](auto answer) { s.ask_terminate(id, std::move(answer)); });
}

detail::supervisor_call<void> supervisor::terminate_child(const caf::actor& child,
                                                          std::source_location where) const {
  auto& s = self();
  return call<void>(actor_, where, [&](auto answer) { s.ask_terminate(child, std::move(answer)); });
}

detail::supervisor_call<caf::actor> supervisor::restart_child(const std::string& id,
                                                              std::source_location where) const {
  auto& s = self();
  return call<caf::actor>(actor_, where,
                          [&](auto answer) { s.ask_restart(id, std::move(answer)); });
}

detail::supervisor_call<void> supervisor::delete_child(const std::string& id,
                                                       std::source_location where) const {
  auto& s = self();
  return call<void>(actor_, where, [&](auto answer) { s.ask_delete(id, std::move(answer)); });
}

std::vector<child_status> supervisor::which_children() const { return self().which(); }
child_counts supervisor::count_children() const { return self().count(); }
child_spec supervisor::get_childspec(const std::string& id) const { return self().spec_of(id); }
subscription<supervisor_event> supervisor::events() const { return self().events(); }
void supervisor::stop() const {
  caf::anon_send_exit(self().ctrl()->get(), caf::exit_reason::user_shutdown);
}
bool supervisor::ended() const { return self().lean_actor::ended(); }
const std::string& supervisor::name() const { return self().options().name; }
caf::actor supervisor::actor() const { return actor_ ? actor_.handle() : caf::actor(); }

}  // namespace buskin
