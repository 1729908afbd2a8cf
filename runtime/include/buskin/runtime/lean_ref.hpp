// References to lean actors, and where those live in memory.
#pragma once

#include <buskin/runtime/detail/recycler.hpp>
#include <buskin/runtime/lean_actor.hpp>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_config.hpp>
#include <caf/actor_storage.hpp>
#include <caf/actor_system.hpp>

#include <cstddef>
#include <new>
#include <utility>

namespace buskin {

namespace detail {

/// CAF's actor_storage with memory from the free lists.
template <class T>
class lean_storage {
 public:
  template <class... Args>
  static T* make(caf::actor_system& system, caf::actor_config& config, Args&&... args) {
    auto* storage = static_cast<lean_storage*>(recycled_allocate(sizeof(lean_storage)));
    caf::node_id node = system.node();
    new (&storage->control_)
        caf::actor_control_block(system.next_actor_id(), node, &system, destroy_actor, free_block);
    try {
      return new (&storage->actor_) T(config, std::forward<Args>(args)...);
    } catch (...) {
      storage->control_.~actor_control_block();
      recycled_free(storage, sizeof(lean_storage));
      throw;
    }
  }

 private:
  static void destroy_actor(caf::abstract_actor* actor) {
    actor->on_destroy();
    static_cast<T*>(actor)->~T();
  }
  static void free_block(caf::actor_control_block* control) {
    control->~actor_control_block();
    recycled_free(control, sizeof(lean_storage));
  }

  union {
    caf::actor_control_block control_;
    std::byte
        line_[CAF_CACHE_LINE_SIZE];  // CAF finds the actor one cache line after its control block
  };
  union {
    T actor_;
  };
};

}  // namespace detail

/// A reference to a lean actor that keeps it alive.
template <class T>
class lean_ref {
 public:
  lean_ref() noexcept = default;
  /// Takes over the reference `actor` was created with.
  static lean_ref adopt(T* actor) noexcept {
    lean_ref ref;
    ref.actor_ = actor;
    return ref;
  }
  explicit lean_ref(T* actor) noexcept : actor_(actor) {
    if (actor_) caf::intrusive_ptr_add_ref(actor_->ctrl());
  }
  lean_ref(const lean_ref& other) noexcept : lean_ref(other.actor_) {}
  lean_ref(lean_ref&& other) noexcept : actor_(std::exchange(other.actor_, nullptr)) {}
  lean_ref& operator=(lean_ref other) noexcept {
    std::swap(actor_, other.actor_);
    return *this;
  }
  ~lean_ref() {
    if (actor_) caf::intrusive_ptr_release(actor_->ctrl());
  }

  T* get() const noexcept { return actor_; }
  /// Gives the reference away, for `adopt`.
  T* release() noexcept { return std::exchange(actor_, nullptr); }
  T& operator*() const noexcept { return *actor_; }
  T* operator->() const noexcept { return actor_; }
  explicit operator bool() const noexcept { return actor_ != nullptr; }

  /// The same as a CAF handle.
  caf::actor handle() const {
    return caf::actor_cast<caf::actor>(caf::strong_actor_ptr(actor_->ctrl()));
  }

  friend bool operator==(const lean_ref& a, const lean_ref& b) noexcept {
    return a.actor_ == b.actor_;
  }

 private:
  T* actor_ = nullptr;
};

namespace detail {

/// Makes a lean actor that is not launched yet.
template <class T, class... Args>
lean_ref<T> make_lean(caf::actor_system& system, Args&&... args) {
  caf::actor_config config;
  return lean_ref<T>::adopt(lean_storage<T>::make(system, config, std::forward<Args>(args)...));
}

}  // namespace detail

}  // namespace buskin
