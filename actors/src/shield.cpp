#include <buskin/actors/shield.hpp>

namespace buskin::detail {

shield_wait::~shield_wait() {
  // One that was withdrawn has abandoned its cell already, and nothing stays behind on the task.
  if (ended_ && ended_->abandoned()) exit_watch::detach(*task_, *ended_);
}

}  // namespace buskin::detail
