#include <buskin/actors/map_concurrent.hpp>

namespace buskin::detail {

void check_cancelled_here(const char* message) {
  if (here.stack != nullptr && here.stack->cancelling() != 0) throw cancelled(message);
}

}  // namespace buskin::detail
