#include <buskin/actors/as_result.hpp>

#include <buskin/runtime/errors.hpp>

namespace buskin::detail {

std::exception_ptr caught_unless_cancelled(const cancel_watch& watch) {
  auto error = std::current_exception();
  if (watch.cancelled_since()) {
    try {
      std::rethrow_exception(error);
    } catch (const cancelled&) {
      throw;
    } catch (...) {
      // A failure, though a cancellation came as well: that one is for the task to notice.
    }
  }
  return error;
}

}  // namespace buskin::detail
