// References that count apart from all others: a broker learns when its last owner is gone.
#pragma once

#include <buskin/actors/detail/broker.hpp>
#include <buskin/actors/detail/broker_ref.hpp>

#include <atomic>
#include <cstdint>
#include <utility>

namespace buskin::detail {

/// A broker with owners: promises, the sending sides of a watch or broadcast.
class owned_broker : public broker {
 public:
  using broker::broker;

 protected:
  /// The last owner is gone. Any thread; not with the broker's lock held.
  virtual void disowned() noexcept = 0;

 private:
  template <class B>
  friend class owner_ref;
  std::atomic<std::uint32_t> owners_{0};
};

/// Keeps a `B` alive and counts as one of its owners. One to a `B` in another process does not
/// count.
template <class B>
class owner_ref {
 public:
  owner_ref() noexcept = default;
  explicit owner_ref(broker_ref<B> target) noexcept : target_(std::move(target)) { add(); }
  owner_ref(const owner_ref& other) noexcept : target_(other.target_) { add(); }
  owner_ref(owner_ref&& other) noexcept : target_(std::move(other.target_)) {}
  owner_ref& operator=(owner_ref other) noexcept {
    std::swap(target_, other.target_);
    return *this;
  }
  ~owner_ref() {
    if (owns() && base().owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) base().disowned();
  }

  /// When it is not far.
  B* operator->() const noexcept { return target_.operator->(); }
  B& operator*() const noexcept { return *target_; }
  bool far() const noexcept { return target_.far(); }
  explicit operator bool() const noexcept { return static_cast<bool>(target_); }
  const broker_ref<B>& ref() const noexcept { return target_; }

 private:
  bool owns() const noexcept { return target_ && !target_.far(); }
  owned_broker& base() const noexcept { return *target_; }
  void add() noexcept {
    if (owns()) base().owners_.fetch_add(1, std::memory_order_relaxed);
  }
  broker_ref<B> target_;
};

}  // namespace buskin::detail
