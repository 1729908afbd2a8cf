#include <buskin/io/detail/stream_layer.hpp>

#include <algorithm>
#include <cstring>

namespace buskin::io::detail {

transfer stream_layer::read_below(char* target, std::size_t size) {
  if (const std::size_t early = early_.size() - early_begin_; early != 0) {
    const std::size_t count = std::min(early, size);
    std::memcpy(target, early_.data() + early_begin_, count);
    early_begin_ += count;
    if (early_begin_ == early_.size()) {
      early_ = {};
      early_begin_ = 0;
    }
    return {transfer::status::done, count, {}};
  }
  return below_ ? below_->read(target, size) : core_->transport_read(target, size);
}

transfer stream_layer::write_below(const char* bytes, std::size_t size) {
  return below_ ? below_->write(bytes, size) : core_->transport_write(bytes, size);
}

}  // namespace buskin::io::detail
