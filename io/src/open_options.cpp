#include <buskin/io/open_options.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace buskin::io {

open_options open_options::from_mode(std::string_view mode) {
  open_options result;
  const auto has = [mode](char c) { return std::count(mode.begin(), mode.end(), c) == 1; };
  const std::size_t extras = (has('+') ? 1U : 0U) + (has('b') ? 1U : 0U);
  if (mode.empty() || mode.size() != 1 + extras ||
      std::string_view("rwax").find(mode.front()) == std::string_view::npos)
    throw std::invalid_argument("\"" + std::string(mode) +
                                "\" is no mode to open a file in; those are r, w, a and x, each "
                                "with a + for reading and writing");
  const char kind = mode.front();
  result.write = kind != 'r' || has('+');
  result.read = kind == 'r' || has('+');
  result.append = kind == 'a';
  result.create = kind != 'r';
  result.exclusive = kind == 'x';
  result.truncate = kind == 'w';
  return result;
}

}  // namespace buskin::io
