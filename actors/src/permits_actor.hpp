// The broker behind semaphores and locks.
//
// Whoever takes a permit is recorded, so that it comes back when the holder ends. A task keeps the
// record itself (a `permit_holding`, which costs no lock). For any other actor, one that asked by a
// message or whose coroutine handler acquired, the broker keeps it and watches that actor. Only
// what is taken outside of any actor is on nobody's record. Anybody may release, so some records
// are behind the truth. What always holds:
//   permits taken = sum of all records + unrecorded_ - released_by_others_,
// and while somebody waits there is no free permit.
#pragma once

#include <buskin/actors/detail/broker.hpp>

#include <caf/actor_addr.hpp>
#include <caf/fwd.hpp>

#include <cstddef>
#include <unordered_map>
#include <utility>

namespace buskin::detail {

/// On whose record a permit is.
class keeper {
 public:
  enum class kind { nobody, task, actor };
  static keeper nobody() { return {}; }
  /// A task keeps its record itself.
  static keeper task() { return keeper(kind::task, {}); }
  static keeper actor(caf::actor_addr who) {
    return who ? keeper(kind::actor, std::move(who)) : keeper();
  }

  kind what() const noexcept { return kind_; }
  /// Of the kind `actor`.
  const caf::actor_addr& who() const noexcept { return who_; }

 private:
  keeper() = default;
  keeper(kind what, caf::actor_addr who) : who_(std::move(who)), kind_(what) {}
  caf::actor_addr who_;
  kind kind_ = kind::nobody;
};

/// One that waits for a permit.
class permit_waiter : public cell<unit> {
 public:
  permit_waiter(stack_host* host, keeper whose) : cell<unit>(host), whose_(std::move(whose)) {}
  const keeper& whose() const noexcept { return whose_; }

 private:
  const keeper whose_;
};

class permits_actor final : public broker {
 public:
  permits_actor(caf::actor_config& config, const char* kind, std::size_t count, std::size_t limit)
      : broker(config, kind), free_(count), limit_(limit) {}

  // -- any thread -------------------------------------------------------------------------------

  bool try_take(const keeper& whose);
  /// True when a permit was taken at once; else `waiting` is in the line.
  bool take_or_wait(stack_host& host, const keeper& whose, cell_ref<permit_waiter>& waiting);
  /// One that came by a message; resolved when it has a permit, perhaps at once. Nothing when its
  /// actor is gone.
  void take_or_wait(const cell_ref<permit_waiter>& waiting);
  /// A waiter gives up; what it was granted goes to the next.
  void withdraw(permit_waiter& waiting);
  /// A request by a message is taken back; nothing when it was answered.
  void take_out(const request_key& request);
  /// A release by `whose`. False when that would be more than the limit.
  bool give(const keeper& whose);
  /// The same for a permit on the broker's record of `who`; nothing when that has none (any more).
  bool give_if_held(const caf::actor_addr& who);
  /// A task ended with `held` permits on its record.
  void task_ended(std::size_t held);
  /// A watched actor ended.
  void actor_ended(const caf::actor_addr& who);
  /// The answer that carried a permit was not taken.
  void come_back(unit, const caf::actor_addr& asker) { give_if_held(asker); }

  std::size_t available() const;
  std::size_t waiter_count() const;

 protected:
  void on_message(caf::mailbox_element_ptr& element) override;

 private:
  struct record {
    std::size_t held = 0;
    std::size_t asking = 0;
    caf::strong_actor_ptr
        proxy;  // of an actor elsewhere: its end is not that of the references here
  };
  using records = std::unordered_map<caf::actor_addr, record>;

  /// Sees to it that there is a record of `whose`, which stays until it asks and holds no more.
  /// Without the lock. False when it has ended.
  bool ask_in_the_name_of(const keeper& whose);

  // -- with the lock held -----------------------------------------------------------------------
  bool take(const keeper& whose);
  void granted(const keeper& whose);
  // These two return the actor that is watched no longer. It may be the last reference, and the end
  // of that actor may lead back here: to be dropped without the lock.
  caf::strong_actor_ptr gives_up(const keeper& whose);
  caf::strong_actor_ptr drop_if_empty(records::iterator at);
  void put_back();
  void put_back_of_the_dead(std::size_t held);

  std::size_t free_;
  const std::size_t limit_;
  waiting_line<permit_waiter> line_;
  records records_;  // of actors other than tasks
  std::size_t unrecorded_ = 0;
  std::size_t released_by_others_ = 0;
};

}  // namespace buskin::detail
