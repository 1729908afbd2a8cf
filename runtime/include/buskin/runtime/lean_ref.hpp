// References to lean actors, and where those live in memory.
#pragma once

#include <buskin/runtime/detail/counted_ref.hpp>
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

/// CAF counts an actor's references in its control block.
struct actor_count {
  static void retain(lean_actor& actor) noexcept { caf::intrusive_ptr_add_ref(actor.ctrl()); }
  static void release(lean_actor& actor) noexcept { caf::intrusive_ptr_release(actor.ctrl()); }
  static caf::actor handle(lean_actor& actor) {
    return caf::actor_cast<caf::actor>(caf::strong_actor_ptr(actor.ctrl()));
  }
};

}  // namespace detail

/// A reference to a lean actor that keeps it alive; `handle()` is the same as a CAF handle.
template <class T>
using lean_ref = detail::counted_ref<T, detail::actor_count>;

namespace detail {

/// Makes a lean actor that is not launched yet.
template <class T, class... Args>
lean_ref<T> make_lean(caf::actor_system& system, Args&&... args) {
  caf::actor_config config;
  return lean_ref<T>::adopt(lean_storage<T>::make(system, config, std::forward<Args>(args)...));
}

}  // namespace detail

}  // namespace buskin
