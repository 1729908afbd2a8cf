// A result or a failure, as a value.
#pragma once

#include <buskin/runtime/errors.hpp>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace buskin {

/// What a task ended with.
template <class T>
class outcome {
 public:
  using value_type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  outcome(value_type value) : value_(std::move(value)) {}  // implicit: a value is an outcome
  outcome(std::exception_ptr error) : error_(std::move(error)) {}

  explicit operator bool() const noexcept { return error_ == nullptr; }
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
  const std::exception_ptr& error() const noexcept { return error_; }

 private:
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }
  std::optional<value_type> value_;
  std::exception_ptr error_;
};

}  // namespace buskin
