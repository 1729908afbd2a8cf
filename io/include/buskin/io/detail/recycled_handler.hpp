// An Asio handler whose operation lives in memory from our free lists. Asio keeps a cache of its
// own only for as long as one call of its loop lasts, and ours are short.
#pragma once

#include <buskin/runtime/detail/recycler.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace buskin::io::detail {

template <class T>
struct recycled_allocator {
  using value_type = T;

  recycled_allocator() = default;
  template <class U>
  recycled_allocator(const recycled_allocator<U>&) noexcept {}  // implicit, as allocators convert

  T* allocate(std::size_t count) requires(!std::is_void_v<T>) {
    return static_cast<T*>(buskin::detail::recycled_allocate(count * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t count) noexcept requires(!std::is_void_v<T>) {
    buskin::detail::recycled_free(memory, count * sizeof(T));
  }

  template <class U>
  friend bool operator==(const recycled_allocator&, const recycled_allocator<U>&) noexcept {
    return true;
  }
};

template <class F>
class recycled_handler {
 public:
  using allocator_type = recycled_allocator<void>;

  explicit recycled_handler(F function) : function_(std::move(function)) {}
  allocator_type get_allocator() const noexcept { return {}; }

  template <class... Args>
  void operator()(Args&&... args) {
    function_(std::forward<Args>(args)...);
  }

 private:
  F function_;
};

}  // namespace buskin::io::detail
