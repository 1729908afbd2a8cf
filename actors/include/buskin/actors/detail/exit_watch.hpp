// Learning of an actor's end without a message: what join, monitor and groups stand on.
#pragma once

#include <buskin/actors/detail/cell.hpp>
#include <buskin/runtime/detail/recycler.hpp>

#include <caf/abstract_actor.hpp>
#include <caf/attachable.hpp>
#include <caf/error.hpp>

#include <utility>

namespace buskin::detail {

/// Resolves a cell with the reason of the actor's end. Each is cancellable on its own, unlike CAF's
/// monitors.
class exit_watch final : public caf::attachable, public recycled {
 public:
  using outcome = cell<caf::error>;

  explicit exit_watch(cell_ref<outcome> target) noexcept : target_(std::move(target)) {}
  void actor_exited(const caf::error& reason, caf::execution_unit*) override {
    target_->resolve(caf::error(reason));
  }
  bool matches(const token& what) override {
    return what.subtype == token::anonymous && what.ptr == target_.get();
  }

  /// Watches `whom`; resolves `target` at once if it has ended already.
  static void attach(caf::abstract_actor& whom, const cell_ref<outcome>& target) {
    whom.attach(caf::attachable_ptr(new exit_watch(target)));
  }
  static void detach(caf::abstract_actor& whom, const outcome& target) {
    whom.detach(token(token::anonymous, &target));
  }

 private:
  cell_ref<outcome> target_;
};

}  // namespace buskin::detail
