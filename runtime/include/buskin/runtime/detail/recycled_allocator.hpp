// A standard allocator over our free lists, for what others allocate on our behalf.
#pragma once

#include <buskin/runtime/detail/recycler.hpp>

#include <cstddef>
#include <type_traits>

namespace buskin::detail {

template <class T>
struct recycled_allocator {
  using value_type = T;

  recycled_allocator() = default;
  template <class U>
  recycled_allocator(const recycled_allocator<U>&) noexcept {}  // implicit, as allocators convert

  T* allocate(std::size_t count) requires(!std::is_void_v<T>) {
    return static_cast<T*>(recycled_allocate(count * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t count) noexcept requires(!std::is_void_v<T>) {
    recycled_free(memory, count * sizeof(T));
  }

  template <class U>
  friend bool operator==(const recycled_allocator&, const recycled_allocator<U>&) noexcept {
    return true;
  }
};

}  // namespace buskin::detail
