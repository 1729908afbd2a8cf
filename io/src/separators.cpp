#include <buskin/io/detail/separators.hpp>

#include <algorithm>
#include <stdexcept>

namespace buskin::io::detail {

void separators::add(std::string_view one) {
  if (one.empty()) throw std::invalid_argument("a separator must not be empty");
  if (first_.empty()) {
    first_ = one;
    shortest_ = longest_ = one.size();
    return;
  }
  others_.emplace_back(one);
  shortest_ = std::min(shortest_, one.size());
  longest_ = std::max(longest_, one.size());
}

void separators::check() const {
  if (first_.empty()) throw std::invalid_argument("reading until a separator needs at least one");
}

std::optional<separators::match> separators::find(std::string_view bytes,
                                                  std::size_t from) const noexcept {
  std::optional<match> best;
  const auto look_for = [&](std::string_view one) {
    const auto begin = bytes.find(one, from);
    if (begin == std::string_view::npos) return;
    const match found{begin, begin + one.size()};
    if (!best || found.end < best->end || (found.end == best->end && begin < best->begin))
      best = found;
    bytes = bytes.substr(0, best->end);  // what ends later is of no interest
  };
  look_for(first_);
  for (const auto& each : others_) look_for(each);
  return best;
}

}  // namespace buskin::io::detail
