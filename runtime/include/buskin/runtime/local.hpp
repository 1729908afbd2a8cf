// A variable that each task has for itself and hands on to its children. Python's
// contextvars.ContextVar.
#pragma once

#include <buskin/runtime/context.hpp>
#include <buskin/runtime/detail/context_state.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace buskin {

template <class T>
class local;

namespace detail {

std::uint64_t next_local_key() noexcept;
[[noreturn]] void throw_no_value(const std::string& name);

/// What a `set` replaced, and where.
class local_change {
 public:
  local_change(std::uint64_t key, std::shared_ptr<const void> value);
  local_change(local_change&& other) noexcept = default;
  local_change& operator=(local_change&& other) noexcept = default;

  /// Puts the old value back where it was. Throws invalid_state when that was done before.
  void undo(const std::string& name);
  /// Whether it was made in the context of what runs here.
  bool made_here() const noexcept { return context_.get() == context_here(); }
  std::uint64_t key() const noexcept { return key_; }
  bool undone() const noexcept { return !context_; }

 private:
  context_ref context_;  // null when undone
  std::uint64_t key_;
  std::shared_ptr<const void> before_;
};

}  // namespace detail

/// A variable whose value belongs to the task (or callback) that set it. Usually a global object.
///
/// A task starts with the values that its creator had at that moment; from then on neither sees
/// what the other sets. `call_soon`, `call_later`, `to_thread` and `run_on` take along the values
/// of the moment at which they are called. Tasks that are awaited directly are the same task. A
/// program that sets none pays one pointer a task.
///
/// Setting takes time and memory in proportion to how many variables have a value; reading to the
/// logarithm of it. Any thread.
template <class T>
class local {
  static_assert(std::is_object_v<T>, "a local<T> holds objects");

 public:
  /// Undoes one `set`, once.
  class token {
   public:
    token(token&&) noexcept = default;
    token& operator=(token&&) noexcept = default;

   private:
    friend class local;
    explicit token(detail::local_change change) noexcept : change_(std::move(change)) {}
    detail::local_change change_;
  };

  /// Undoes one `set` at the end of its scope, in the context in which that was made.
  class [[nodiscard("the value is gone at the end of this scope")]] scope {
   public:
    scope(const local& variable, T value)
        : name_(variable.name_),
          change_(variable.key_, std::make_shared<const T>(std::move(value))) {}
    ~scope() { change_.undo(name_); }
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

   private:
    const std::string& name_;
    detail::local_change change_;
  };

  /// Without a default: reading it before it was set throws.
  explicit local(std::string name) : name_(std::move(name)) {}
  local(std::string name, T default_value)
      : name_(std::move(name)), default_(std::make_shared<const T>(std::move(default_value))) {}
  local(const local&) = delete;
  local& operator=(const local&) = delete;

  /// The value of whoever asks, else the default. Throws invalid_state when there is neither.
  T get() const { return *get_shared(); }
  /// The same, with `otherwise` for want of a value, whatever the default.
  T get_or(T otherwise) const {
    const auto found = find();
    return found ? *found : std::move(otherwise);
  }
  /// The same without a copy; stays as it is when the variable is set anew.
  std::shared_ptr<const T> get_shared() const {
    auto found = find();
    if (!found) found = default_;
    if (!found) detail::throw_no_value(name_);
    return found;
  }
  /// Whether a value was set, here or by whoever we come from.
  bool is_set() const { return find() != nullptr; }

  /// Sets it for whoever calls this. Throws invalid_state in a handler of an actor, where nothing
  /// would keep it.
  token set(T value) const {
    return token(detail::local_change(key_, std::make_shared<const T>(std::move(value))));
  }
  /// Takes a `set` back. Throws invalid_state when that was done before, when it was made in
  /// another context or of another variable.
  void reset(token& made) const;
  void reset(token&& made) const { reset(made); }

  /// Sets it until the scope ends: `const auto as_admin = user.with("admin");`
  scope with(T value) const { return scope(*this, std::move(value)); }

  /// The value it has in `where`, or none.
  std::optional<T> get_in(const context& where) const {
    const auto found = std::static_pointer_cast<const T>(where.state()->find(key_));
    return found ? std::optional<T>(*found) : std::nullopt;
  }

  const std::string& name() const noexcept { return name_; }

 private:
  std::shared_ptr<const T> find() const {
    const auto* state = detail::context_here();
    return state == nullptr ? nullptr : std::static_pointer_cast<const T>(state->find(key_));
  }

  const std::string name_;
  const std::shared_ptr<const T> default_;
  const std::uint64_t key_ = detail::next_local_key();
};

namespace detail {
[[noreturn]] void throw_foreign_token(const std::string& name);
}

template <class T>
void local<T>::reset(token& made) const {
  const bool ours = made.change_.key() == key_;
  if (!ours || (!made.change_.undone() && !made.change_.made_here()))
    detail::throw_foreign_token(name_);
  made.change_.undo(name_);
}

}  // namespace buskin
