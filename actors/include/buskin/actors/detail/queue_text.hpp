// The text of a queue.
#pragma once

#include <concepts>
#include <cstddef>
#include <ostream>
#include <sstream>
#include <string>

namespace buskin::detail {

/// Builds "queue, 2 of 10 items: 1, 2; 1 waits to put".
class queue_text {
 public:
  queue_text(const std::string& name, std::size_t items, std::size_t capacity);
  void add(const std::string& item);
  std::string with(std::size_t getters, std::size_t putters, bool ended);

 private:
  static constexpr std::size_t shown_at_most = 10;
  std::string text_;
  std::size_t shown_ = 0;
};

/// The text of a value: what it prints, or "?".
template <class T>
std::string text_of(const T& value) {
  if constexpr (requires(std::ostream & to) { to << value; }) {
    std::ostringstream to;
    to << value;
    return to.str();
  } else {
    return "?";
  }
}

}  // namespace buskin::detail
