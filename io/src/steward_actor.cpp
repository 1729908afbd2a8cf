#include "steward_actor.hpp"

#include <buskin/runtime/detail/recycler.hpp>
#include <buskin/runtime/detail/task_actor.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/runtime.hpp>

#include <caf/actor_cast.hpp>
#include <caf/attachable.hpp>
#include <caf/to_string.hpp>

#include <exception>
#include <utility>

namespace buskin::io::detail {

void refuse_arguments(const caf::message& given) {
  throw std::invalid_argument("it takes other arguments than " + to_string(given));
}

namespace {

/// Ends what was started with whoever wanted it.
class owner_watch final : public caf::attachable, public recycled {
 public:
  explicit owner_watch(lean_ref<task_actor_base> started) : started_(std::move(started)) {}
  void actor_exited(const caf::error&, caf::execution_unit*) override {
    started_->cancel(std::make_exception_ptr(cancelled("whoever started it has ended")));
  }

 private:
  const lean_ref<task_actor_base> started_;
};

}  // namespace

void steward_actor::on_message(caf::mailbox_element_ptr& element) {
  if (!element->content().match_elements<run_offer, std::string, caf::message>() ||
      !element->sender)
    return refuse(*element);
  auto content = element->move_content_to_message();
  try {
    respond_with(*element,
                 start(content.get_as<std::string>(1),
                       std::move(content.get_mutable_as<caf::message>(2)), element->sender));
  } catch (...) {
    respond(*element, caf::make_message(to_error(std::current_exception())));
  }
}

caf::actor steward_actor::start(const std::string& what, caf::message arguments,
                                const caf::strong_actor_ptr& whose) {
  const auto core = core_.lock();
  if (!core) throw invalid_state("the node was closed");
  const auto offered = core->offered(what);
  if (!offered)
    throw std::invalid_argument("node \"" + core->options().name + "\" does not offer to run \"" +
                                what + "\"");
  auto body = (*offered)(std::move(arguments));
  const auto where = body.where();
  const auto started = start_task(runtime_here("an offer"), std::move(body), {what}, where);
  started->mark_fetched();  // whoever asked learns of failures
  whose->get()->attach(
      caf::attachable_ptr(new owner_watch(lean_ref<task_actor_base>(started.get()))));
  return caf::actor_cast<caf::actor>(caf::strong_actor_ptr(started->ctrl()));
}

}  // namespace buskin::io::detail
