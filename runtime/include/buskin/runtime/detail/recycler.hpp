// Memory of short-lived objects (coroutine frames, message elements, actors) goes round in free
// lists, one set a thread.
#pragma once

#include <cstddef>

namespace buskin::detail {

/// Like ::operator new. May be freed in another thread.
void* recycled_allocate(std::size_t bytes);
/// `bytes` as given to recycled_allocate.
void recycled_free(void* memory, std::size_t bytes) noexcept;

/// Base of classes whose objects come from the free lists.
struct recycled {
  static void* operator new(std::size_t bytes) { return recycled_allocate(bytes); }
  static void operator delete(void* memory, std::size_t bytes) noexcept {
    recycled_free(memory, bytes);
  }
};

}  // namespace buskin::detail
