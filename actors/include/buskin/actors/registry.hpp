// Names for actors. Erlang's register and whereis, for each runtime.
#pragma once

#include <buskin/actors/detail/cell.hpp>
#include <buskin/actors/time_limit.hpp>
#include <buskin/runtime/lean_actor.hpp>
#include <buskin/runtime/lean_ref.hpp>
#include <buskin/runtime/sleep.hpp>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace buskin {

/// The name is somebody's already.
class name_taken : public std::runtime_error {
 public:
  name_taken(std::string name, caf::actor holder, const std::string& text)
      : std::runtime_error(text), name_(std::move(name)), holder_(std::move(holder)) {}
  const std::string& name() const noexcept { return name_; }
  const caf::actor& holder() const noexcept { return holder_; }

 private:
  std::string name_;
  caf::actor holder_;
};

namespace detail {

class registry_actor;

/// Waits until somebody has a name.
class [[nodiscard("nothing happens until it is awaited")]] name_wait final : public timer_wait {
 public:
  name_wait(lean_ref<lean_actor> names, std::string name, const time_limit& limit);
  ~name_wait();
  bool ready() noexcept override { return found_->resolved() || timer_wait::ready(); }
  bool withdraw() noexcept override;
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  caf::actor await_resume();

 private:
  lean_ref<lean_actor> names_;
  std::string name_;
  cell_ref<cell<caf::actor>> found_;
  duration limit_;
};

}  // namespace detail

/// The names of one runtime; every object of this class in it is the same registry. Any thread.
///
/// A name belongs to one actor until it is unregistered or the actor ends; an actor may have
/// several. When anybody is told of an actor's end, by a monitor, a link or a supervisor, its names
/// are free already. A name keeps its actor in memory, as a handle does.
class registry {
 public:
  /// Of the runtime of this thread. Throws invalid_state outside of any.
  registry();
  explicit registry(caf::actor_system& system);

  /// Gives `whom` a name (Erlang's `register`, which is a keyword here). Throws name_taken when a
  /// live actor has it, which may be `whom`; invalid_state when `whom` is nobody or has ended;
  /// std::invalid_argument for an empty name.
  template <class Handle>
  void register_name(std::string name, const Handle& whom) const {
    enter(std::move(name), caf::actor_cast<caf::strong_actor_ptr>(whom));
  }
  /// Takes a name away. False when nobody has it.
  bool unregister_name(const std::string& name) const;
  /// Who has the name: a null handle for nobody.
  caf::actor whereis(const std::string& name) const;
  /// All names, sorted.
  std::vector<std::string> registered() const;

  /// Waits, for `limit` at most, until somebody has the name, and yields who. Throws timeout_error.
  /// Cancellation: waits no longer.
  detail::name_wait await_name(std::string name, time_limit limit = infinite) const {
    return {actor_, std::move(name), limit};
  }

  caf::actor actor() const { return actor_.handle(); }

 private:
  void enter(std::string name, caf::strong_actor_ptr whom) const;
  detail::registry_actor& self() const noexcept;
  lean_ref<lean_actor> actor_;  // a registry_actor
};

}  // namespace buskin
