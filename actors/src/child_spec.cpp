#include "supervisor_actor.hpp"

#include <stdexcept>

namespace buskin::detail {

namespace {

const char* wrong(const child_spec& spec, const supervisor_options& options, bool needs_start) {
  const int starts =
      (spec.start ? 1 : 0) + (spec.start_actor ? 1 : 0) + (spec.start_supervisor ? 1 : 0);
  if (spec.id.empty()) return "has no id; each child needs one that no other has";
  if (starts == 0 && needs_start)
    return "has nothing to start; give it `start`, `start_actor` or `start_supervisor`";
  if (starts > 1)
    return "has both of two starts; give it one of `start`, `start_actor`, `start_supervisor`";
  if (spec.restart > restart_type::temporary)
    return "has a restart type that is none; permanent, transient and temporary are";
  if (spec.type > child_type::supervisor) return "is neither a worker nor a supervisor";
  if (spec.shutdown && spec.shutdown->limit() < duration::zero())
    return "has a negative shutdown time";
  if (spec.backoff.factor < 1.0 || spec.backoff.jitter < 0.0 || spec.backoff.jitter > 1.0)
    return "has a back-off with a factor below 1 or a jitter outside of 0 to 1";
  if (spec.significant && spec.restart == restart_type::permanent)
    return "is permanent and significant; one that is always restarted never ends for good";
  if (spec.significant && options.auto_shutdown == auto_shutdown::never)
    return "is significant, but the supervisor's auto_shutdown is never";
  if (spec.mailbox.capacity != 0 && !spec.start && needs_start)
    return "has options for a mailbox, but is no task; bound the mailbox where its actor is "
           "spawned";
  return nullptr;
}

}  // namespace

child_spec checked(child_spec spec, const supervisor_options& options, bool needs_start) {
  if (const char* what = wrong(spec, options, needs_start); what != nullptr)
    throw std::invalid_argument("supervisor \"" + options.name + "\": child \"" + spec.id + "\" " +
                                what);
  if (spec.start_supervisor) spec.type = child_type::supervisor;
  if (!spec.shutdown)
    spec.shutdown = spec.type == child_type::supervisor
                        ? child_shutdown::infinity()
                        : child_shutdown::within(std::chrono::seconds(5));
  return spec;
}

caf::error child_failure(failure as, child_error::code why, const std::string& child,
                         const std::string& text, const caf::error& cause) {
  auto error = std::make_exception_ptr(child_error(why, child, text, to_exception(cause)));
  return make_error(as, {type_of(error), describe(error), error});
}

}  // namespace buskin::detail
