// Why a supervisor could not do what it was asked, or why it ended.
#pragma once

#include <caf/actor.hpp>
#include <caf/error.hpp>

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace buskin {

/// A failure that concerns one child of a supervisor. Its text names the supervisor, the child and
/// the cause.
class child_error : public std::runtime_error {
 public:
  enum class code : std::uint8_t {
    already_started,  ///< a child of this id runs: `actor`
    already_present,  ///< there is a stopped child of this id; use restart_child or delete_child
    not_found,        ///< there is no such child
    running,          ///< the child runs, and should not for this: `actor`
    restarting,       ///< the child waits for its restart
    start_failed,     ///< `cause` says why
    gave_up           ///< it ended more often than the supervisor's intensity permits
  };

  child_error(code why, std::string child, std::string text, std::exception_ptr cause = nullptr,
              caf::actor actor = {});

  code why() const noexcept { return why_; }
  const std::string& child() const noexcept { return child_; }
  /// The text without the cause's.
  const std::string& text() const noexcept { return text_; }
  const std::exception_ptr& cause() const noexcept { return cause_; }
  const caf::actor& actor() const noexcept { return actor_; }

 private:
  code why_;
  std::string child_;
  std::string text_;
  std::exception_ptr cause_;
  caf::actor actor_;
};

/// The reasons of a reason, the outermost first: of a supervisor that gave up on a supervisor that
/// gave up on a child, three lines. Empty for a normal end.
std::vector<std::string> reason_chain(const caf::error& reason);

}  // namespace buskin
