#include <buskin/actors/detail/broker.hpp>

#include <buskin/runtime/detail/worker.hpp>
#include <buskin/runtime/errors.hpp>

namespace buskin::detail {

caf::actor_system& system_here(const char* operation) {
  if (here.worker == nullptr)
    throw invalid_state(std::string(operation) + " was made outside of a running buskin::runtime");
  return here.worker->system();
}

caf::execution_unit* unit_here() noexcept { return here.worker; }

stack_host& host_here(const char* operation) { return wait::stack_here(operation).host(); }

void broker::deliver_all(waiting_line<cell_base>& answers) {
  while (auto answer = answers.pop()) answer->deliver();
}

bool requester::ended() const noexcept {
  return asker_ && asker_->get()->getf(caf::abstract_actor::is_terminated_flag);
}

void requester::answer(caf::message content) {
  answer(caf::make_mailbox_element(nullptr, id_, {}, std::move(content)));
}

void requester::answer(caf::mailbox_element_ptr element) {
  // The thread's own worker, not the broker's: whoever resolves may run on another one.
  if (asker_) asker_->enqueue(std::move(element), here.worker);
}

request_key withdrawn_by(const caf::mailbox_element& element) {
  return {element.sender.get(), element.content().get_as<std::uint64_t>(1)};
}

std::exception_ptr withdrawn() {
  return std::make_exception_ptr(cancelled("the request was taken back"));
}

}  // namespace buskin::detail
