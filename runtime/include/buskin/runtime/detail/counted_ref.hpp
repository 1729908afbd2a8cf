// A reference to something that counts its references itself.
#pragma once

#include <type_traits>
#include <utility>

namespace buskin::detail {

/// Keeps a `T` alive. `Count` says how: `Count::retain(T&)` and `Count::release(T&)`; a count with
/// `Count::handle(T&)` gives the reference a `handle()`.
template <class T, class Count>
class counted_ref {
 public:
  counted_ref() noexcept = default;
  /// Takes over the reference that `target` was created with.
  static counted_ref adopt(T* target) noexcept {
    counted_ref ref;
    ref.target_ = target;
    return ref;
  }
  explicit counted_ref(T* target) noexcept : target_(target) {
    if (target_ != nullptr) Count::retain(*target_);
  }
  counted_ref(const counted_ref& other) noexcept : counted_ref(other.target_) {}
  counted_ref(counted_ref&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
  /// A reference to something more general.
  template <class U>
  requires std::is_convertible_v<U*, T*> counted_ref(counted_ref<U, Count> other)
  noexcept : target_(other.release()) {}
  counted_ref& operator=(counted_ref other) noexcept {
    std::swap(target_, other.target_);
    return *this;
  }
  ~counted_ref() {
    if (target_ != nullptr) Count::release(*target_);
  }

  T* get() const noexcept { return target_; }
  /// Gives the reference away, for `adopt`.
  T* release() noexcept { return std::exchange(target_, nullptr); }
  T& operator*() const noexcept { return *target_; }
  T* operator->() const noexcept { return target_; }
  explicit operator bool() const noexcept { return target_ != nullptr; }

  /// The same in the words of whoever counts: for an actor, a CAF handle.
  auto handle() const requires requires(T& target) { Count::handle(target); }
  { return Count::handle(*target_); }

  friend bool operator==(const counted_ref& a, const counted_ref& b) noexcept {
    return a.target_ == b.target_;
  }

 private:
  T* target_ = nullptr;
};

}  // namespace buskin::detail
