// What a suspended coroutine waits for. Every awaiter carries one of these; the task list, the
// shutdown report and the debug messages read it.
#pragma once

#include <buskin/runtime/clock.hpp>

#include <cstdint>
#include <iosfwd>
#include <source_location>
#include <string>

namespace buskin {

/// The kinds of waits.
enum class wait_kind : std::uint8_t {
  turn,       ///< a turn of its own (`yield`)
  sleep,      ///< a point in time
  message,    ///< a message to its mailbox (`receive`)
  reply,      ///< the answer to a request (`ask`)
  join,       ///< the end of another task
  group,      ///< the end of the tasks of a group
  down,       ///< the end of a monitored actor
  lock,       ///< a lock
  permit,     ///< a permit of a semaphore
  event,      ///< an event
  condition,  ///< a notification
  barrier,    ///< the others of a barrier
  queue_get,  ///< an item
  queue_put,  ///< room for an item
  broadcast,  ///< the next item of a broadcast
  connect,    ///< a connection to be made
  accept,     ///< a client
  read,       ///< bytes to read
  write,      ///< room for bytes to be written
  resolve,    ///< a name to be looked up
  job,        ///< a function that runs elsewhere (`to_thread`, `run_on`)
  operation,  ///< an operation of Asio (`use_task`)
  signal,     ///< a signal of the operating system
  other
};

/// "a sleep", "an answer", … for reports.
const char* to_string(wait_kind kind) noexcept;

struct wait_record {
  static constexpr time_point no_deadline = time_point::max();

  wait_kind kind = wait_kind::other;
  std::uint64_t whom = 0;  ///< the id of the actor waited for; 0 for none
  std::source_location where;
  time_point since{};
  time_point until = no_deadline;
};

/// "a reply (actor 12) for 1.500 s, at main.cpp:12". `now` is the present of the runtime's clock.
std::string to_string(const wait_record& record, time_point now);

/// The file's name without its folders, and the line.
std::string to_string(const std::source_location& where);

}  // namespace buskin
