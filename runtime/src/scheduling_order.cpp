#include <buskin/runtime/scheduling_order.hpp>

#include <buskin/runtime/lean_actor.hpp>

#include <caf/resumable.hpp>
#include <caf/scheduled_actor.hpp>

namespace buskin {

std::string ready_jobs::name(std::size_t place) const {
  caf::resumable* job = ring_.at(place);
  if (const auto* lean = dynamic_cast<const lean_actor*>(job)) return lean->title();
  if (const auto* actor = dynamic_cast<const caf::scheduled_actor*>(job)) return actor->name();
  return "callback";
}

std::uint64_t ready_jobs::id(std::size_t place) const {
  const auto* actor = dynamic_cast<const caf::abstract_actor*>(ring_.at(place));
  return actor == nullptr ? 0 : actor->id();
}

std::size_t seeded_order::next(const ready_jobs& ready) noexcept {
  // Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (2014).
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  z ^= z >> 31;
  return static_cast<std::size_t>(z % ready.size());
}

}  // namespace buskin
