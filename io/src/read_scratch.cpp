#include "read_scratch.hpp"

namespace buskin::io::detail {

namespace {

struct landing_place {
  std::unique_ptr<char[]> bytes = std::make_unique_for_overwrite<char[]>(read_scratch::size);
  bool taken = false;
};

landing_place& place_of_thread() {
  static thread_local landing_place place;
  return place;
}

}  // namespace

read_scratch::read_scratch() {
  auto& place = place_of_thread();
  if (place.taken) own_ = std::make_unique_for_overwrite<char[]>(size);
  bytes_ = {own_ ? own_.get() : place.bytes.get(), size};
  place.taken = true;
}

read_scratch::~read_scratch() {
  if (!own_) place_of_thread().taken = false;
}

}  // namespace buskin::io::detail
