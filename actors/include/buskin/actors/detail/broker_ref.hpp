// A reference to a broker, wherever it is: in this process, where it is operated on, or in another
// one, where it is told and asked by messages to its proxy.
#pragma once

#include <buskin/runtime/lean_actor.hpp>
#include <buskin/runtime/lean_ref.hpp>

#include <caf/abstract_actor.hpp>
#include <caf/actor.hpp>
#include <caf/actor_control_block.hpp>

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

namespace buskin::detail {

/// What does not depend on the broker's type. One word, as wide as a lean_ref: the address of the
/// control block, its lowest bit set for a proxy.
class any_broker_ref {
 public:
  any_broker_ref() noexcept = default;
  any_broker_ref(const any_broker_ref& other) noexcept : word_(other.word_) {
    if (word_ != 0) caf::intrusive_ptr_add_ref(control());
  }
  any_broker_ref(any_broker_ref&& other) noexcept : word_(std::exchange(other.word_, 0)) {}
  any_broker_ref& operator=(any_broker_ref other) noexcept {
    std::swap(word_, other.word_);
    return *this;
  }
  ~any_broker_ref() {
    if (word_ != 0) caf::intrusive_ptr_release(control());
  }

  /// Whether it is in another process.
  bool far() const noexcept { return (word_ & far_bit) != 0; }
  explicit operator bool() const noexcept { return word_ != 0; }
  friend bool operator==(const any_broker_ref& a, const any_broker_ref& b) noexcept {
    return a.word_ == b.word_;
  }

  std::uint64_t id() const noexcept { return control()->id(); }
  caf::actor handle() const;
  caf::strong_actor_ptr actor() const { return caf::strong_actor_ptr(control()); }
  /// "17, in another process", for the texts of what is not here.
  std::string far_text() const;

  /// Throws invalid_state, for what a broker in another process has no answer to at once: "queue::
  /// try_get" for `operation`, and what to do `instead`.
  [[noreturn]] void refuse(const char* operation, const char* instead) const;

 protected:
  using test = bool (*)(caf::abstract_actor&);

  explicit any_broker_ref(lean_actor* broker) noexcept
      : word_(reinterpret_cast<std::uintptr_t>(broker->ctrl())) {
    caf::intrusive_ptr_add_ref(control());
  }
  any_broker_ref(const caf::actor& whom, const char* kind, test is_right);

  caf::abstract_actor* target() const noexcept { return control()->get(); }

 private:
  static constexpr std::uintptr_t far_bit = 1;

  caf::actor_control_block* control() const noexcept {
    return reinterpret_cast<caf::actor_control_block*>(word_ & ~far_bit);
  }

  std::uintptr_t word_ = 0;
};

template <class B>
class broker_ref : public any_broker_ref {
 public:
  broker_ref() noexcept = default;
  broker_ref(const lean_ref<B>& broker) noexcept : any_broker_ref(broker.get()) {}
  /// A reference to something more general.
  template <class D>
  requires std::is_convertible_v<D*, B*> broker_ref(broker_ref<D> other)
  noexcept : any_broker_ref(std::move(other)) {}
  /// The broker that `whom` is, or is a proxy of. Throws std::invalid_argument when it is neither;
  /// of what kind a broker in another process is turns out when it is asked.
  broker_ref(const caf::actor& whom, const char* kind)
      : any_broker_ref(whom, kind,
                       [](caf::abstract_actor& a) { return dynamic_cast<B*>(&a) != nullptr; }) {}

  /// When it is not far.
  B& operator*() const noexcept { return static_cast<B&>(*target()); }
  B* operator->() const noexcept { return static_cast<B*>(target()); }
  /// The broker for an operation that is done at once. Throws invalid_state when it is far.
  B& here_for(const char* operation, const char* instead) const {
    if (far()) [[unlikely]]
      refuse(operation, instead);
    return **this;
  }
  /// When it is not far.
  lean_ref<B> local() const noexcept { return lean_ref<B>(operator->()); }
};

}  // namespace buskin::detail
