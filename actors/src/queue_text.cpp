#include <buskin/actors/detail/queue_text.hpp>

namespace buskin::detail {

queue_text::queue_text(const std::string& name, std::size_t items, std::size_t capacity)
    : text_(name + ", " + std::to_string(items)) {
  if (capacity != 0) text_ += " of " + std::to_string(capacity);
  text_ += items == 1 && capacity == 0 ? " item" : " items";
}

void queue_text::add(const std::string& item) {
  if (++shown_ > shown_at_most + 1) return;
  text_ += shown_ == 1 ? ": " : ", ";
  text_ += shown_ > shown_at_most ? "..." : item;
}

std::string queue_text::with(std::size_t getters, std::size_t putters, bool ended) {
  const auto waiting = [&](std::size_t count, const char* to) {
    if (count != 0)
      text_ += "; " + std::to_string(count) + (count == 1 ? " waits to " : " wait to ") + to;
  };
  waiting(getters, "get");
  waiting(putters, "put");
  if (ended) text_ += "; shut down";
  return text_;
}

}  // namespace buskin::detail
