// What the tests of brokers share.
#pragma once

#include <caf/actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

namespace buskin::test {

template <class T>
concept awaitable = requires(T x) {
  x.await_ready();
}
|| requires(T x) { x.operator co_await(); };
template <class T>
concept lockable = requires(T x) {
  x.lock();
}
|| requires(T x) { x.try_lock(); };

/// Ends an actor in the middle of whatever it does.
inline void kill(const caf::actor& who) { caf::anon_send_exit(who, caf::exit_reason::kill); }

}  // namespace buskin::test
