#include <buskin/actors/detail/owned_children.hpp>

#include <buskin/actors/detail/broker.hpp>

namespace buskin::detail {

owned_children::owned_children(const char* what, child_set::on_end policy, place where)
    : what_(what),
      owner_(runtime_here(what)),
      host_(host_here(what)),
      children_(std::make_shared<child_set>(policy)),
      home_(where == place::here ? here.worker : nullptr),
      eager_(eager_by_default(owner_)) {
  children_->open(host_);
}

owned_children::~owned_children() { children_->abandon("whoever started it was ended early"); }

start_options owned_children::options(bool late) const {
  return {.name = {}, .phase = shutdown_phase::owned, .home = home_, .eager = eager_ && !late};
}

task<void> owned_children::all_ended() {
  std::exception_ptr cancellation;
  while (!children_->empty()) {
    bool interrupted = false;
    try {
      co_await children_wait(*children_, std::source_location::current());
    } catch (...) {
      interrupted = true;
      if (!cancellation) cancellation = std::current_exception();
    }
    if (interrupted) children_->cancel_again("whoever awaits it was cancelled");
  }
  if (cancellation) std::rethrow_exception(cancellation);
}

void owned_children::rethrow_first() {
  auto errors = children_->take_errors();
  if (!errors.empty()) std::rethrow_exception(errors.front());
}

}  // namespace buskin::detail
