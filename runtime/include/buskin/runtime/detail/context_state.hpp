// The bindings of local<T> values that one task, callback or job sees. See context.hpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace buskin::detail {

/// One local<T> and its value.
struct binding {
  std::uint64_t key = 0;  // of the local
  std::shared_ptr<const void> value;
};

/// All bindings, by key. Never changed: a change makes a new one. Null for none.
using bindings = std::shared_ptr<const std::vector<binding>>;

/// Null when there is none.
std::shared_ptr<const void> find_binding(const bindings& all, std::uint64_t key) noexcept;
/// The same bindings with one replaced, added, or (a null value) taken out.
bindings rebind(const bindings& all, std::uint64_t key, std::shared_ptr<const void> value);

/// Bindings that can be replaced. Several tasks may share one if they were given it.
class context_state {
 public:
  /// With one reference, the creator's.
  explicit context_state(bindings initial) noexcept : all_(std::move(initial)) {}

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  bindings all() const noexcept;
  std::shared_ptr<const void> find(std::uint64_t key) const noexcept;
  /// Returns the value that was there, or null.
  std::shared_ptr<const void> bind(std::uint64_t key, std::shared_ptr<const void> value);

 private:
  class locked;
  bindings all_;  // guarded by lock_
  mutable std::atomic_flag lock_;
  std::atomic<std::uint32_t> references_{1};
};

/// A counted reference.
class context_ref {
 public:
  context_ref() noexcept = default;
  explicit context_ref(context_state* state) noexcept : state_(state) {
    if (state_ != nullptr) state_->retain();
  }
  static context_ref adopt(context_state* state) noexcept {
    context_ref ref;
    ref.state_ = state;
    return ref;
  }
  context_ref(const context_ref& other) noexcept : context_ref(other.state_) {}
  context_ref(context_ref&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  context_ref& operator=(context_ref other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~context_ref() {
    if (state_ != nullptr) state_->release();
  }
  context_state* get() const noexcept { return state_; }
  context_state* operator->() const noexcept { return state_; }
  explicit operator bool() const noexcept { return state_ != nullptr; }
  context_state* leave() noexcept { return std::exchange(state_, nullptr); }

 private:
  context_state* state_ = nullptr;
};

/// The context of what runs here, or null when nothing was ever set in it.
context_state* context_here() noexcept;
/// The same, made if need be. Throws invalid_state where nothing could keep it: in a handler of a
/// plain actor.
context_state& own_context_here();
/// What a child, a callback or a job is to start with.
bindings bindings_here() noexcept;

/// Replaces the context of what runs here for the length of a scope; a null one is made when
/// something is set.
class context_scope {
 public:
  explicit context_scope(context_ref inner) noexcept;
  explicit context_scope(const bindings& start)
      : context_scope(start ? context_ref::adopt(new context_state(start)) : context_ref()) {}
  ~context_scope();
  context_scope(const context_scope&) = delete;
  context_scope& operator=(const context_scope&) = delete;

 private:
  context_state** slot_;
  context_state* outer_ = nullptr;
  context_state* own_ = nullptr;  // the slot of a scope outside of any coroutine
  context_state** outer_slot_ = nullptr;
};

}  // namespace buskin::detail
