#include <buskin/actors/gather.hpp>

namespace buskin::detail {

gather_core::gather_core(child_set::on_failure policy) {
  if (here.stack == nullptr) throw invalid_state("gather runs inside a task only");
  children_ = std::make_shared<child_set>(here.stack->host(), policy);
}

gather_core::~gather_core() { children_->cancel_all("their gather was killed"); }

task<void> gather_core::all_ended() {
  std::exception_ptr cancellation;
  while (!children_->empty()) {
    try {
      co_await children_wait(*children_, std::source_location::current());
    } catch (...) {
      cancellation = std::current_exception();
    }
    if (cancellation) children_->cancel_all("their gather was cancelled");
  }
  if (cancellation) std::rethrow_exception(cancellation);
}

void gather_core::rethrow_first() {
  auto errors = children_->take_errors();
  if (!errors.empty()) std::rethrow_exception(errors.front());
}

}  // namespace buskin::detail
