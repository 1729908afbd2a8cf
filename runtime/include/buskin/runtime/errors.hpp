// The failures a caller can act on, one small type each. A coroutine reports failure by throwing
// one of these; input and output failures are std::system_error with the operating system's code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace buskin {

/// Thrown at the await at which a task is cancelled. Not a std::runtime_error, so that a handler
/// for ordinary failures does not swallow it by accident (as asyncio's CancelledError is not an
/// Exception).
class cancelled : public std::exception {
 public:
  cancelled() = default;
  explicit cancelled(std::string message) : message_(std::move(message)) {}

  /// What the canceller said; empty when it said nothing.
  const std::string& message() const noexcept { return message_; }
  const char* what() const noexcept override {
    return message_.empty() ? "the task was cancelled" : message_.c_str();
  }

 private:
  std::string message_;
};

/// A deadline passed before the operation ended.
class timeout_error : public std::runtime_error {
 public:
  timeout_error() : std::runtime_error("the deadline passed") {}
  explicit timeout_error(const std::string& what, std::exception_ptr cause = nullptr)
      : std::runtime_error(what), cause_(std::move(cause)) {}

  /// The `cancelled` by which the deadline broke the operation off, as it came out of it; null when
  /// nothing had to be broken off.
  const std::exception_ptr& cause() const noexcept { return cause_; }

 private:
  std::exception_ptr cause_;
};

/// An operation that the object's present state does not permit.
class invalid_state : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// A task of one runtime was handed to an operation of another. Use `runtime::submit` of the
/// other, or messages, to cross the border.
class wrong_runtime : public invalid_state {
 public:
  using invalid_state::invalid_state;
};

/// Whoever was to answer went away without doing so.
class broken_promise : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A request was answered with an error, or its receiver is gone.
class request_failed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A failure that happened in another process or that crossed a boundary at which its type was
/// lost.
class remote_error : public std::runtime_error {
 public:
  remote_error(std::string type, const std::string& text, std::string node = {})
      : std::runtime_error(text), type_(std::move(type)), node_(std::move(node)) {}
  const std::string& type() const noexcept { return type_; }
  const std::string& node() const noexcept { return node_; }

 private:
  std::string type_;
  std::string node_;
};

/// `*_nowait` on an empty queue.
class queue_empty : public std::runtime_error {
 public:
  queue_empty() : std::runtime_error("the queue is empty") {}
};

/// `*_nowait` on a full queue.
class queue_full : public std::runtime_error {
 public:
  queue_full() : std::runtime_error("the queue is full") {}
};

/// The queue was shut down: no more items will come, or none are taken.
class queue_shutdown : public std::runtime_error {
 public:
  queue_shutdown() : std::runtime_error("the queue was shut down") {}
};

/// The barrier was aborted, or reset while somebody waited.
class broken_barrier : public std::runtime_error {
 public:
  broken_barrier() : std::runtime_error("the barrier is broken") {}
};

/// No more values will come: the last `watch` is gone, or it was closed.
class watch_closed : public std::runtime_error {
 public:
  watch_closed() : std::runtime_error("the watch was closed; its last value can still be read") {}
};

/// An executor has no room for a job, and does not wait for it. Try later, or give the pool more
/// room.
class executor_full : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An executor was shut down: it takes no more jobs, and what it had not begun will not run.
class executor_shutdown : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A message came to a bounded mailbox that was full.
class mailbox_full : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A frame, line or record was longer than permitted. Reading can go on: behind it where a codec
/// met it, with its first byte where a read of a stream did, which consumes nothing.
class limit_overrun : public std::runtime_error {
 public:
  /// For deserialising only.
  limit_overrun() : std::runtime_error("") {}
  limit_overrun(std::string what, std::size_t limit, std::size_t consumed = 0)
      : std::runtime_error(""), what_(std::move(what)), limit_(limit), consumed_(consumed) {}
  const char* what() const noexcept override { return what_.c_str(); }
  /// The limit that was exceeded, in bytes.
  std::size_t limit() const noexcept { return limit_; }
  /// How many bytes, not consumed yet, certainly belong to what is too long: a `read_exactly` of so
  /// many gets past them (asyncio's LimitOverrunError.consumed). 0 where they were dropped.
  std::size_t consumed() const noexcept { return consumed_; }

  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, limit_overrun& x) {
    return f(x.what_, x.limit_, x.consumed_);
  }

 private:
  std::string what_;
  std::uint64_t limit_ = 0;
  std::uint64_t consumed_ = 0;
};

/// The stream ended in the middle of what was being read.
class incomplete_read : public std::runtime_error {
 public:
  /// For deserialising only.
  incomplete_read() : std::runtime_error("") {}
  incomplete_read(std::string partial, std::size_t expected)
      : std::runtime_error(""),
        what_("the stream ended after " + std::to_string(partial.size()) + " of " +
              std::to_string(expected) + " bytes"),
        partial_(std::move(partial)),
        expected_(expected) {}
  const char* what() const noexcept override { return what_.c_str(); }
  const std::string& partial() const noexcept { return partial_; }
  /// How many bytes there had to be; the least that is possible where that is not known.
  std::size_t expected() const noexcept { return expected_; }

  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, incomplete_read& x) {
    return f(x.what_, x.partial_, x.expected_);
  }

 private:
  std::string what_;
  std::string partial_;
  std::uint64_t expected_ = 0;
};

/// Several failures of one scope, in the order in which they happened.
class exception_group : public std::runtime_error {
 public:
  exception_group(const std::string& message, std::vector<std::exception_ptr> errors);
  /// What failed, without the failures' texts, which `what()` has too.
  const std::string& message() const noexcept { return message_; }
  /// A group that failed inside this one is one element.
  const std::vector<std::exception_ptr>& exceptions() const noexcept { return errors_; }
  /// The failures of this group and of those inside it, none of them a group, in order.
  std::vector<std::exception_ptr> leaves() const;

 private:
  std::string message_;
  std::vector<std::exception_ptr> errors_;
};

/// The text of any exception: `what()` of a standard one, else its type's name.
std::string describe(const std::exception_ptr& error);

/// The (demangled) name of an exception's type; empty for none.
std::string type_of(const std::exception_ptr& error);

/// What led to an exception: the cause of a timeout_error, or what a std::nested_exception holds;
/// null for none.
std::exception_ptr cause_of(const std::exception_ptr& error);

/// Everything that is known about an exception, in lines: its type and text, the failures of a
/// group indented below it, then what caused it. At most 16 levels deep.
std::string explain(const std::exception_ptr& error);

namespace detail {

/// A type's name for people, of what std::type_info::name() says.
std::string demangled(const char* name);

}  // namespace detail

}  // namespace buskin
