// Children made on demand, all of one kind: Erlang's simple_one_for_one, with typed arguments.
#pragma once

#include <buskin/actors/supervisor.hpp>

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace buskin {

/// A supervisor whose children are tasks made by one function from different arguments. Copies of
/// this object refer to the same.
///
/// A child is known by its actor. The arguments are kept, and copied for each restart, as long as
/// the child is; those of a temporary child go into its coroutine and are not kept.
template <class... Args>
class child_pool {
 public:
  using function = std::function<task<void>(Args...)>;

  /// `settings`: what holds for every child; its id is the beginning of the children's ids, its
  /// starts are ignored. Throws std::invalid_argument as supervisor does.
  explicit child_pool(function start, child_spec settings = {.id = "child"},
                      supervisor_options options = {})
      : start_(std::make_shared<const function>(std::move(start))),
        supervisor_(template_of(std::move(settings)), pool(std::move(options))) {}

  /// Starts a child; yields its actor. See supervisor::start_child.
  detail::supervisor_call<caf::actor> start_child(Args... arguments) const {
    return supervisor_.start_child(std::function<task<void>()>(
        [start = start_, kept = std::tuple<Args...>(std::move(arguments)...)] {
          return std::apply(*start, kept);
        }));
  }
  /// See supervisor::terminate_child.
  detail::supervisor_call<void> terminate_child(
      const caf::actor& child, std::source_location where = std::source_location::current()) const {
    return supervisor_.terminate_child(child, where);
  }

  /// For everything else: which_children, count_children, events, stop.
  const supervisor& owner() const noexcept { return supervisor_; }
  caf::actor actor() const { return supervisor_.actor(); }

 private:
  static std::vector<child_spec> template_of(child_spec settings) {
    settings.start = nullptr;
    settings.start_actor = nullptr;
    settings.start_supervisor = nullptr;
    std::vector<child_spec> all;
    all.push_back(std::move(settings));
    return all;
  }
  static supervisor_options pool(supervisor_options options) {
    options.strategy = restart_strategy::simple_one_for_one;
    return options;
  }

  std::shared_ptr<const function> start_;
  supervisor supervisor_;
};

}  // namespace buskin
