// An Asio handler whose operation lives in memory from our free lists. Asio keeps a cache of its
// own only for as long as one call of its loop lasts, and ours are short.
#pragma once

#include <buskin/runtime/detail/recycled_allocator.hpp>

#include <utility>

namespace buskin::io::detail {

using buskin::detail::recycled_allocator;

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
