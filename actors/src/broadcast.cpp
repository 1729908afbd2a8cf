#include <buskin/actors/detail/broadcast_actor.hpp>

#include <buskin/runtime/failure.hpp>

#include <caf/attachable.hpp>

#include <new>
#include <string>

namespace buskin::detail {

/// Tells an image of the end of its hub, or of the connection to it.
class broadcast_base::hub_watch final : public caf::attachable, public recycled {
 public:
  hub_watch(lean_ref<broadcast_base> image, std::uint64_t hub)
      : image_(std::move(image)), hub_(hub) {}
  void actor_exited(const caf::error& reason, caf::execution_unit*) override {
    image_->close_with(std::make_exception_ptr(
        broken_promise("the broadcast of actor " + std::to_string(hub_) +
                       ", in another process, was lost: " + describe(reason))));
  }
  bool matches(const token& what) override {
    return what.subtype == token::anonymous && what.ptr == image_.get();
  }

 private:
  lean_ref<broadcast_base> image_;
  const std::uint64_t hub_;
};

void broadcast_base::follow(const any_broker_ref& hub) {
  hub_ = hub.actor();
  hub_->get()->attach(caf::attachable_ptr(new hub_watch(lean_ref<broadcast_base>(this), hub.id())));
  hub_->enqueue(
      make_element(caf::strong_actor_ptr(ctrl()), caf::make_message_id(), follow_broadcast::value),
      unit_here());
}

void broadcast_base::disowned() noexcept {
  if (hub_) {
    hub_->get()->detach(caf::attachable::token(caf::attachable::token::anonymous, this));
    try {
      hub_->enqueue(
          make_element(caf::strong_actor_ptr(ctrl()), caf::make_message_id(), unsubscribe::value),
          unit_here());
    } catch (const std::bad_alloc&) {
      // What comes yet finds nobody.
    }
  }
  close();
}

}  // namespace buskin::detail
