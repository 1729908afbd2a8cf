// Free lists by size class. Under a sanitizer every object comes from the heap, so that a use after
// free is seen.
#include <buskin/runtime/detail/recycler.hpp>

#include <array>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BUSKIN_PLAIN_HEAP 1
#endif
#endif

namespace buskin::detail {

#ifdef BUSKIN_PLAIN_HEAP

void* recycled_allocate(std::size_t bytes) { return ::operator new(bytes); }
void recycled_free(void* memory, std::size_t) noexcept { ::operator delete(memory); }

#else

namespace {

// Sizes that malloc's own eight bytes fill up to a multiple of its sixteen.
constexpr std::size_t grain = 16;
constexpr std::size_t head = 8;
constexpr std::size_t classes = 64;  // up to about 1 KiB
constexpr std::size_t kept_per_class = std::size_t{32}
                                       << 20;  // bytes; beyond that memory goes back to the heap

struct node {
  node* next;
};

struct free_list {
  node* head = nullptr;
  std::size_t count = 0;
};

struct cache {
  std::array<free_list, classes> lists{};
  ~cache();
};

// Trivially destructible, so that it may be read while and after the thread's other objects are
// destroyed.
thread_local bool gone = false;
thread_local cache lists;

cache::~cache() {
  gone = true;
  for (free_list& list : this->lists)
    while (list.head != nullptr) {
      node* next = list.head->next;
      ::operator delete(list.head);
      list.head = next;
    }
}

constexpr std::size_t class_of(std::size_t bytes) noexcept {
  return (bytes + grain - 1 - head) / grain;
}
constexpr std::size_t size_of(std::size_t index) noexcept { return index * grain + head; }

}  // namespace

void* recycled_allocate(std::size_t bytes) {
  if (bytes == 0) bytes = 1;
  const std::size_t index = class_of(bytes);
  if (index >= classes || gone) return ::operator new(bytes);
  free_list& list = lists.lists[index];
  if (list.head == nullptr) return ::operator new(size_of(index));
  node* first = list.head;
  list.head = first->next;
  // It was freed long ago, perhaps. To ask for what is at null costs a walk through the page tables.
  if (list.head != nullptr) __builtin_prefetch(list.head);
  --list.count;
  return first;
}

void recycled_free(void* memory, std::size_t bytes) noexcept {
  if (bytes == 0) bytes = 1;
  const std::size_t index = class_of(bytes);
  if (index >= classes || gone || lists.lists[index].count * size_of(index) >= kept_per_class) {
    ::operator delete(memory);
    return;
  }
  free_list& list = lists.lists[index];
  auto* first = static_cast<node*>(memory);
  first->next = list.head;
  list.head = first;
  ++list.count;
}

#endif

}  // namespace buskin::detail
