// What ends a record in a stream: one separator or several, given in whatever holds bytes.
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

namespace buskin::io::detail {

template <class R>
concept text = std::convertible_to<const R&, std::string_view>;

/// A range of char, unsigned char, std::byte or the like.
template <class R>
concept byte_range =
    !text<R> && std::ranges::contiguous_range<const R> && std::ranges::sized_range<const R> &&
    sizeof(std::ranges::range_value_t<R>) == 1;

template <class R>
concept text_range =
    std::ranges::input_range<const R> && !text<R> && text<std::ranges::range_value_t<R>>;

/// At least one, none of them empty: else the construction throws std::invalid_argument.
class separators {
 public:
  template <text T>
  separators(const T& one) {
    add(std::string_view(one));
  }
  template <byte_range R>
  separators(const R& one) {
    add({reinterpret_cast<const char*>(std::ranges::data(one)), std::ranges::size(one)});
  }
  separators(std::initializer_list<std::string_view> several) {
    for (const auto each : several) add(each);
    check();
  }
  template <text_range R>
  separators(const R& several) {
    for (const auto& each : several) add(std::string_view(each));
    check();
  }

  struct match {
    std::size_t begin;
    std::size_t end;
  };
  /// Of the matches in `bytes` from `from` on, the one that ends first; of those the longest.
  std::optional<match> find(std::string_view bytes, std::size_t from) const noexcept;

  std::size_t shortest() const noexcept { return shortest_; }
  std::size_t longest() const noexcept { return longest_; }

 private:
  void add(std::string_view one);
  void check() const;

  std::string first_;
  std::vector<std::string> others_;
  std::size_t shortest_ = 0;
  std::size_t longest_ = 0;
};

}  // namespace buskin::io::detail
