#include <buskin/runtime/dead_letters.hpp>

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/lean_actor.hpp>

#include <caf/type_erased_tuple.hpp>
#include <caf/type_nr.hpp>

namespace buskin {

namespace {

std::string name_of(const caf::rtti_pair& type) {
  if (type.first != 0) return caf::numbered_type_names[type.first - 1];
  return detail::demangled(type.second->name());
}

std::string names_of(const caf::type_erased_tuple& content) {
  std::string names;
  for (std::size_t i = 0; i != content.size(); ++i)
    names += (i == 0 ? "" : ", ") + name_of(content.type(i));
  return names;
}

}  // namespace

namespace detail {

void note_dead_letter(const lean_actor& receiver, dead_letter::kind what,
                      const caf::type_erased_tuple& content) {
  auto& office = scheduler::of(receiver.home_system()).letters();
  (what == dead_letter::kind::unknown ? office.unknown : office.late_answers)
      .fetch_add(1, std::memory_order_relaxed);
  if (!office.observed.load(std::memory_order_acquire)) return;
  std::function<void(const dead_letter&)> observer;
  {
    std::lock_guard guard(office.mutex);
    observer = office.observer;
  }
  if (observer) observer({what, receiver.title(), names_of(content)});
}

}  // namespace detail

dead_letter_counts dead_letters(caf::actor_system& system) {
  auto& office = detail::scheduler::of(system).letters();
  return {office.unknown.load(std::memory_order_relaxed),
          office.late_answers.load(std::memory_order_relaxed)};
}

void observe_dead_letters(caf::actor_system& system,
                          std::function<void(const dead_letter&)> observer) {
  auto& office = detail::scheduler::of(system).letters();
  std::lock_guard guard(office.mutex);
  office.observed.store(static_cast<bool>(observer), std::memory_order_release);
  office.observer = std::move(observer);
}

}  // namespace buskin
