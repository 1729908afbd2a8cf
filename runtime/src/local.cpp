#include <buskin/runtime/local.hpp>

#include <buskin/runtime/errors.hpp>

#include <atomic>

namespace buskin::detail {

std::uint64_t next_local_key() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

void throw_no_value(const std::string& name) {
  throw invalid_state("local \"" + name +
                      "\" has no value here and no default; set it in this task or in the one that "
                      "spawned it");
}

void throw_foreign_token(const std::string& name) {
  throw invalid_state("local \"" + name +
                      "\" cannot be reset by this token: it is of another variable, or was made in "
                      "another task or context");
}

local_change::local_change(std::uint64_t key, std::shared_ptr<const void> value)
    : context_(&own_context_here()), key_(key), before_(context_->bind(key, std::move(value))) {}

void local_change::undo(const std::string& name) {
  if (!context_) throw invalid_state("local \"" + name + "\" was reset by this token already");
  context_->bind(key_, std::move(before_));
  context_ = {};
}

}  // namespace buskin::detail
