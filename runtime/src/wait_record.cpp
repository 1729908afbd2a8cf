#include <buskin/runtime/wait_record.hpp>

#include <cstdio>
#include <string_view>

namespace buskin {

const char* to_string(wait_kind kind) noexcept {
  switch (kind) {
    case wait_kind::turn:
      return "its turn";
    case wait_kind::sleep:
      return "a point in time";
    case wait_kind::message:
      return "a message";
    case wait_kind::reply:
      return "a reply";
    case wait_kind::join:
      return "the end of a task";
    case wait_kind::group:
      return "the end of its tasks";
    case wait_kind::down:
      return "the end of an actor";
    case wait_kind::lock:
      return "a lock";
    case wait_kind::permit:
      return "a permit";
    case wait_kind::event:
      return "an event";
    case wait_kind::condition:
      return "a notification";
    case wait_kind::barrier:
      return "the others of a barrier";
    case wait_kind::queue_get:
      return "an item of a queue";
    case wait_kind::queue_put:
      return "room in a queue";
    case wait_kind::broadcast:
      return "an item of a broadcast";
    case wait_kind::connect:
      return "a connection";
    case wait_kind::accept:
      return "a client";
    case wait_kind::read:
      return "bytes to read";
    case wait_kind::write:
      return "room to write";
    case wait_kind::resolve:
      return "a name to be resolved";
    case wait_kind::job:
      return "a function on another thread";
    case wait_kind::operation:
      return "an operation of Asio";
    case wait_kind::signal:
      return "a signal";
    case wait_kind::other:
      break;
  }
  return "something";
}

std::string to_string(const std::source_location& where) {
  std::string_view file = where.file_name();
  if (const auto slash = file.rfind('/'); slash != std::string_view::npos)
    file.remove_prefix(slash + 1);
  return std::string(file) + ':' + std::to_string(where.line());
}

std::string to_string(const wait_record& record, time_point now) {
  std::string text = to_string(record.kind);
  if (record.whom != 0) text += " (actor " + std::to_string(record.whom) + ")";
  char seconds[32];
  std::snprintf(
      seconds, sizeof seconds, " for %.3f s",
      std::chrono::duration<double>(now > record.since ? now - record.since : duration::zero())
          .count());
  text += seconds;
  if (record.until != wait_record::no_deadline) {
    std::snprintf(
        seconds, sizeof seconds, ", %.3f s more at most",
        std::chrono::duration<double>(record.until > now ? record.until - now : duration::zero())
            .count());
    text += seconds;
  }
  return text + ", at " + to_string(record.where);
}

}  // namespace buskin
