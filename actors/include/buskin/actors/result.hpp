// A value or a failure, as a value.
#pragma once

#include <buskin/runtime/errors.hpp>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace buskin {

/// What an operation ended with: a `T` (std::monostate for void), or the exception it threw.
template <class T>
class [[nodiscard]] result {
 public:
  using value_type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  result(value_type value) : value_(std::move(value)) {}  // implicit: a value is a result
  /// `error` may not be null.
  result(std::exception_ptr error) : error_(std::move(error)) {}

  bool has_value() const noexcept { return error_ == nullptr; }
  bool has_error() const noexcept { return error_ != nullptr; }
  explicit operator bool() const noexcept { return has_value(); }

  /// Throws the failure, if it is one.
  value_type& value() & {
    rethrow();
    return *value_;
  }
  const value_type& value() const& {
    rethrow();
    return *value_;
  }
  value_type value() && {
    rethrow();
    return std::move(*value_);
  }
  template <class U>
  value_type value_or(U&& otherwise) const& {
    return value_ ? *value_ : static_cast<value_type>(std::forward<U>(otherwise));
  }
  template <class U>
  value_type value_or(U&& otherwise) && {
    return value_ ? std::move(*value_) : static_cast<value_type>(std::forward<U>(otherwise));
  }

  /// Without a look at whether there is one.
  value_type& operator*() & noexcept { return *value_; }
  const value_type& operator*() const& noexcept { return *value_; }
  value_type&& operator*() && noexcept { return std::move(*value_); }
  value_type* operator->() noexcept { return &*value_; }
  const value_type* operator->() const noexcept { return &*value_; }

  /// Null for a value.
  const std::exception_ptr& error() const noexcept { return error_; }

 private:
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }
  std::optional<value_type> value_;
  std::exception_ptr error_;
};

}  // namespace buskin
