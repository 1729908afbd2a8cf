#include <buskin/actors/detail/broker_ref.hpp>

#include <buskin/runtime/errors.hpp>

#include <caf/actor_cast.hpp>
#include <caf/actor_proxy.hpp>

#include <stdexcept>
#include <string>

namespace buskin::detail {

any_broker_ref::any_broker_ref(const caf::actor& whom, const char* kind, test is_right) {
  if (!whom)
    throw std::invalid_argument(std::string("a ") + kind + " was sought at a handle to nobody");
  auto* actor = caf::actor_cast<caf::abstract_actor*>(whom);
  const bool far = dynamic_cast<caf::actor_proxy*>(actor) != nullptr;
  if (!far && !is_right(*actor))
    throw std::invalid_argument("actor " + std::to_string(actor->id()) + " is no " + kind +
                                " of this type; one is found by what its actor() gives");
  word_ = reinterpret_cast<std::uintptr_t>(actor->ctrl()) | (far ? far_bit : 0);
  caf::intrusive_ptr_add_ref(control());
}

caf::actor any_broker_ref::handle() const { return caf::actor_cast<caf::actor>(actor()); }

std::string any_broker_ref::far_text() const {
  return std::to_string(id()) + ", in another process";
}

void any_broker_ref::refuse(const char* operation, const char* instead) const {
  throw invalid_state(std::string(operation) + " has no answer at once from actor " + far_text() +
                      "; " + instead);
}

}  // namespace buskin::detail
