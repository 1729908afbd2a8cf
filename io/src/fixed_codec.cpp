#include <buskin/io/detail/broken_frame.hpp>
#include <buskin/io/fixed_codec.hpp>

#include <stdexcept>

namespace buskin::io {

static_assert(codec<fixed_codec>);

fixed_codec::fixed_codec(std::size_t size) : size_(size) {
  if (size == 0) throw std::invalid_argument("fixed_codec: a record needs a size of 1 at least");
}

decoded<std::string> fixed_codec::decode(std::string_view bytes, bool at_end) {
  if (bytes.size() >= size_) {
    ++counts_.frames;
    return {.consumed = size_, .frame = std::string(bytes.substr(0, size_))};
  }
  return detail::unfinished_frame(bytes, size_, at_end, counts_);
}

void fixed_codec::encode(const std::string& record, std::string& out) const {
  if (record.size() != size_) {
    throw std::invalid_argument("fixed_codec: a record to send has " +
                                std::to_string(record.size()) + " bytes instead of " +
                                std::to_string(size_));
  }
  out += record;
}

}  // namespace buskin::io
