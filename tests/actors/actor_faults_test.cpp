// Faults that actors have to survive: the rows A of the reliability list that are about actors.
#include "actors/supervised.hpp"

#include <buskin/actors/ask.hpp>
#include <buskin/actors/monitor.hpp>
#include <buskin/actors/receive.hpp>
#include <buskin/actors/send.hpp>
#include <buskin/actors/supervisor.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/dead_letters.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/seeds.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <new>
#include <random>
#include <string>
#include <vector>

/// A type that nobody has a handler for.
struct odd_thing {
  int value = 0;
};
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(odd_thing)

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

using go = caf::atom_constant<caf::atom("go")>;
using crash = caf::atom_constant<caf::atom("crash")>;

[[noreturn]] void fail(int how) {
  if (how == 0) throw std::runtime_error("the wheel came off");
  if (how == 1) throw 42;
  throw std::bad_alloc();
}

/// Fails as it is told, and answers numbers.
class fragile : public behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override {
    return {[](crash, int how) { fail(how); }, [](int x) { return x; }};
  }
};

task<void> fragile_task() {
  for (;;)
    co_await receive([](crash, int how) -> int { fail(how); }, [](int x) -> int { return x; });
}

BOOST_AUTO_TEST_SUITE(actor_faults)

BOOST_AUTO_TEST_CASE(what_a_handler_throws_is_kept_restarts_the_child_and_touches_no_other) {
  // A1. Catches: CAF's own handler of exceptions, which keeps no text; a restart of the neighbours.
  stage s;
  auto main = [&]() -> task<void> {
    auto lean = child("lean", nullptr);
    lean.start_actor = [&] { return spawn_actor<fragile>(s.runtime.system()); };
    auto plain = child("plain", nullptr);
    plain.start_actor = [&] {
      return s.runtime.system().spawn([](caf::event_based_actor*) -> caf::behavior {
        return {[](crash, int how) { fail(how); }, [](int x) { return x; }};
      });
    };
    supervisor sup({lean, plain, child("task", fragile_task), child("bystander", living)},
                   tolerant());
    auto events = sup.events();
    co_await sup.started();
    const char* texts[] = {"the wheel came off", "int", "bad_alloc"};
    for (const char* id : {"lean", "plain", "task"})
      for (int how = 0; how != 3; ++how) {
        const auto victim = status_of(sup, id).actor;
        auto down = monitor(victim);
        told(events);
        send(victim, crash::value, how);
        const auto reason = co_await down;
        BOOST_TEST(describe(reason).find(texts[how]) != std::string::npos,
                   id << " says " << describe(reason));
        co_await sleep(1ms);
        BOOST_TEST(
            told(events) == (journal{std::string("ended ") + id, std::string("started ") + id}),
            boost::test_tools::per_element());
        BOOST_TEST(co_await ask<int>(status_of(sup, id).actor, 1s, 7) == 7);
      }
    BOOST_TEST(status_of(sup, "bystander").restarts == 0U);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_plain_caf_actor_keeps_its_own_handler_of_exceptions) {
  stage s;
  auto main = [&]() -> task<void> {
    const auto actor = s.runtime.system().spawn([](caf::event_based_actor* self) -> caf::behavior {
      self->set_exception_handler(
          [](std::exception_ptr&) -> caf::error { return caf::exit_reason::out_of_workers; });
      return {[](int) { fail(0); }};
    });
    auto down = monitor(actor);
    send(actor, 1);
    BOOST_TEST((co_await down == caf::exit_reason::out_of_workers));
    // One that throws before it has any behavior.
    auto early =
        s.runtime.system().spawn([](caf::event_based_actor*) -> caf::behavior { fail(0); });
    BOOST_TEST(describe(co_await monitor(early)) == "the wheel came off");
  };
  s.run(main());
}

/// Fails before it has any handlers.
class unborn : public behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override { fail(0); }
};

BOOST_AUTO_TEST_CASE(an_actor_whose_first_turn_fails_ends_with_that_failure) {
  stage s;
  auto main = [&]() -> task<void> {
    BOOST_TEST(describe(co_await monitor(spawn_actor<unborn>(s.runtime.system()))) ==
               "the wheel came off");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_child_that_ignores_the_request_to_end_is_killed_and_named_with_its_place) {
  // A7. Catches: a supervisor that waits for ever, or that kills without a word.
  stage s;
  auto main = [&]() -> task<void> {
    auto slow = child("slow", [] {
      auto body = []() -> task<void> {
        try {
          co_await sleep(1h);
        } catch (const cancelled&) {
        }
        co_await sleep(60s);
      };
      return body();
    });
    slow.shutdown = child_shutdown::within(1s);
    supervisor sup({child("a", living), slow});
    auto events = sup.events();
    co_await sup.started();
    co_await sleep(1ms);
    const auto begun = s.clock.elapsed();
    co_await sup.terminate_child("slow");
    BOOST_CHECK(s.clock.elapsed() - begun == 1s);
    std::string killed;
    while (auto event = events.next_nowait())
      if (event->value.what == supervisor_event::kind::killed) killed = event->value.reason;
    BOOST_TEST(killed.starts_with("did not end within 1000 ms; it waits for a point in time"),
               killed);
    BOOST_TEST(killed.find("actor_faults_test.cpp:") != std::string::npos, killed);
    BOOST_TEST(status_of(sup, "a").restarts == 0U);
  };
  s.run(main());
}

/// Blocks its thread until it is released, or for ten seconds.
struct blockade {
  std::mutex mutex;
  std::condition_variable changed;
  bool inside = false;
  bool released = false;

  void block() {
    std::unique_lock lock(mutex);
    inside = true;
    changed.wait_for(lock, 10s, [this] { return released; });
  }
  bool entered() {
    std::lock_guard lock(mutex);
    return inside;
  }
  void release() {
    std::lock_guard lock(mutex);
    released = true;
    changed.notify_all();
  }
};

class blocker : public behavior_actor {
 public:
  blocker(caf::actor_config& config, blockade* where) : behavior_actor(config), where_(where) {}

 protected:
  caf::behavior make_behavior() override {
    return {[this](go) { where_->block(); }};
  }

 private:
  blockade* where_;
};

BOOST_AUTO_TEST_CASE(a_child_whose_handler_does_not_return_is_reported_and_the_tree_goes_on) {
  // A7, a real run. Catches: a supervisor that waits for the end of what cannot be interrupted.
  std::mutex mutex;
  journal incidents;  // guarded by mutex
  runtime_options options;
  options.workers = 2;
  options.signals = signal_handling::none;
  options.on_incident = [&](const incident& what) {
    std::lock_guard lock(mutex);
    incidents.push_back(what.code);
  };
  runtime r(options);
  blockade gate;
  bool released_in_time = false;
  auto main = [&]() -> task<void> {
    child_spec spec;
    spec.id = "blocker";
    spec.start_actor = [&] { return spawn_actor<blocker>(r.system(), &gate); };
    spec.shutdown = child_shutdown::within(20ms);
    auto how = tolerant();
    how.kill_patience = 20ms;
    supervisor sup({child("a", living), spec}, how);
    auto events = sup.events();
    co_await sup.started();
    send(status_of(sup, "blocker").actor, go::value);
    while (!gate.entered()) co_await yield();
    sup.stop();
    BOOST_TEST(!co_await monitor(sup.actor()));
    released_in_time = true;
    gate.release();
    const auto log = told(events);
    BOOST_TEST(log == (journal{"started a", "started blocker", "killed blocker",
                               "abandoned blocker", "ended a"}),
               boost::test_tools::per_element());
  };
  r.run(main());
  BOOST_TEST(released_in_time);
  BOOST_TEST(incidents == (journal{"BK040"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(requests_to_the_dead_the_dying_and_the_restarted_all_end) {
  // A8. Catches: a request that hangs, or a late answer that is given to the next request.
  stage s;
  auto main = [&]() -> task<void> {
    auto spec = child("x", nullptr);
    spec.start_actor = [&] { return spawn_actor<fragile>(s.runtime.system()); };
    spec.backoff = {.initial = 1s, .jitter = 0};
    supervisor sup({spec}, tolerant());
    co_await sup.started();
    const auto first = status_of(sup, "x").actor;
    auto asking = [](caf::actor whom) -> task<int> { co_return co_await ask<int>(whom, 1s, 3); };
    send(first, crash::value, 0);
    auto dying = spawn(asking(first), {.eager = true});  // its request is behind the crash
    BOOST_CHECK_THROW(co_await dying, request_failed);
    BOOST_CHECK_THROW(co_await ask<int>(first, 1s, 3), request_failed);
    co_await sleep(2s);
    BOOST_CHECK_THROW(co_await ask<int>(first, 1s, 3), request_failed);
    BOOST_TEST(co_await ask<int>(status_of(sup, "x").actor, 1s, 3) == 3);

    auto late = []() -> task<void> {
      for (int i = 0; i != 2; ++i) co_await receive([](int x) { return x; });
    };
    auto answering = [&]() -> task<void> {
      co_await sleep(2s);
      co_await late();
    };
    auto slow = spawn(answering());
    const auto before = dead_letters(s.runtime.system());
    BOOST_CHECK_THROW(co_await ask<int>(slow.actor(), 1s, 111), timeout_error);
    BOOST_TEST(co_await ask<int>(slow.actor(), 5s, 222) == 222);
    BOOST_TEST(dead_letters(s.runtime.system()).late_answers == before.late_answers + 1);
    co_await slow;
  };
  s.run(main());
}

// -- A10 ------------------------------------------------------------------------------------------

using say = caf::atom_constant<caf::atom("say")>;
using hear = caf::atom_constant<caf::atom("hear")>;
using watch_it = caf::atom_constant<caf::atom("watch")>;
using tie = caf::atom_constant<caf::atom("tie")>;
using leave = caf::atom_constant<caf::atom("leave")>;

/// What one actor saw of each other.
struct witness {
  std::map<int, int> last;     // the number of the last message
  std::map<int, int> watches;  // monitors set
  std::map<int, int> downs;
  bool in_order = true;
  bool after_down = false;
};

class player : public behavior_actor {
 public:
  player(caf::actor_config& config, int name, std::vector<caf::actor>* cast,
         std::vector<witness>* all)
      : behavior_actor(config),
        name_(name),
        cast_(cast),
        seen_((*all)[static_cast<std::size_t>(name)]) {}

 protected:
  caf::behavior make_behavior() override {
    return {[this](say, int to) {
              if (alive(to)) send(at(to), hear::value, name_, ++sent_[to]);
            },
            [this](hear, int from, int number) {
              seen_.in_order = seen_.in_order && number == ++seen_.last[from];
              seen_.after_down = seen_.after_down || seen_.downs[from] != 0;
            },
            [this](watch_it, int whom) {
              ++seen_.watches[whom];
              this->monitor(at(whom));
            },
            [this](tie, int whom) { link(at(whom)); },
            [this](leave, bool abnormal) {
              quit(abnormal ? caf::make_error(caf::exit_reason::remote_link_unreachable)
                            : caf::error());
            },
            [this](const caf::down_msg& down) {
              for (int i = 0; i != static_cast<int>(cast_->size()); ++i)
                if (down.source == at(i)) ++seen_.downs[i];
            }};
  }

 private:
  const caf::actor& at(int i) const { return (*cast_)[static_cast<std::size_t>(i)]; }
  bool alive(int i) const { return i != name_; }

  int name_;
  std::vector<caf::actor>* cast_;
  witness& seen_;
  std::map<int, int> sent_;
};

BOOST_AUTO_TEST_CASE(messages_keep_their_order_and_each_monitor_tells_once_and_last) {
  // A10. Catches: a mailbox that reorders, a down that is lost or doubled, one that overtakes.
  constexpr int size = 5;
  for (const auto seed : seeds(1500)) {
    stage s;
    std::mt19937_64 random(seed);
    std::vector<caf::actor> cast;
    std::vector<witness> seen(size);
    cast.reserve(size);
    for (int i = 0; i != size; ++i)
      cast.push_back(spawn_actor<player>(s.runtime.system(), i, &cast, &seen));
    for (int step = 0; step != 60; ++step) {
      const auto who = static_cast<std::size_t>(random() % size);
      const int other = static_cast<int>((who + 1 + random() % (size - 1)) % size);
      switch (random() % 16) {
        case 0:
          caf::anon_send(cast[who], leave::value, random() % 2 == 0);
          break;
        case 1:
          caf::anon_send_exit(cast[who], caf::exit_reason::kill);
          break;
        case 2:
          caf::anon_send(cast[who], tie::value, other);
          break;
        case 3:
        case 4:
        case 5:
          caf::anon_send(cast[who], watch_it::value, other);
          break;
        default:
          caf::anon_send(cast[who], say::value, other);
          break;
      }
      for (auto turns = random() % 4; turns != 0; --turns) s.runtime.step();
    }
    s.settle();
    const auto dead = [&](int i) {
      return caf::actor_cast<caf::abstract_actor*>(cast[static_cast<std::size_t>(i)])
          ->getf(caf::abstract_actor::is_terminated_flag);
    };
    for (int i = 0; i != size; ++i) {
      auto& mine = seen[static_cast<std::size_t>(i)];
      BOOST_REQUIRE_MESSAGE(mine.in_order, replay(seed));
      BOOST_REQUIRE_MESSAGE(!mine.after_down, replay(seed));
      for (int j = 0; j != size; ++j) {
        BOOST_REQUIRE_MESSAGE(mine.downs[j] <= mine.watches[j], replay(seed));
        if (!dead(i) && dead(j))
          BOOST_REQUIRE_MESSAGE(mine.downs[j] == mine.watches[j], replay(seed));
        if (!dead(j)) BOOST_REQUIRE_MESSAGE(mine.downs[j] == 0, replay(seed));
      }
    }
    for (const auto& each : cast) caf::anon_send_exit(each, caf::exit_reason::kill);
    s.settle();
    cast.clear();
  }
}

// -- A11 ------------------------------------------------------------------------------------------

/// Two actors of CAF's that send to themselves without end (until `limit` messages) on two
/// workers: whether both were still at it when a third one answered.
bool third_is_answered_meanwhile(std::size_t throughput, std::uint64_t limit) {
  runtime_options options;
  options.workers = 2;
  options.max_throughput = throughput;
  options.signals = signal_handling::none;
  runtime r(options);
  std::atomic<bool> stop{false};
  std::atomic<int> running{0};
  std::atomic<int> begun{0};
  bool meanwhile = false;
  auto main = [&]() -> task<void> {
    const auto third = spawn_actor<fragile>(r.system());
    std::vector<caf::actor> selfish;
    for (int i = 0; i != 2; ++i) {
      ++running;
      selfish.push_back(r.system().spawn([&, limit](caf::event_based_actor* self) -> caf::behavior {
        return {[&, self, limit](std::uint64_t n) {
          if (n == 1) ++begun;
          if (n == limit || stop) {
            --running;
            self->quit();
          } else {
            self->send(self, n + 1);
          }
        }};
      }));
      send(selfish.back(), std::uint64_t{1});
    }
    while (begun != 2) co_await yield();
    BOOST_TEST(co_await ask<int>(third, infinite, 5) == 5);
    meanwhile = running == 2;
    stop = true;
    caf::anon_send_exit(third, caf::exit_reason::user_shutdown);
  };
  r.run(main());
  return meanwhile;
}

BOOST_AUTO_TEST_CASE(two_actors_that_send_to_themselves_without_end_starve_nobody) {
  // A11. Catches: an unlimited throughput, with which the answer comes when the others are through.
  BOOST_TEST(third_is_answered_meanwhile(runtime_options().max_throughput, 1'000'000'000));
  BOOST_TEST(!third_is_answered_meanwhile(std::numeric_limits<std::size_t>::max(), 200'000));
}

// -- A13 ------------------------------------------------------------------------------------------

task<int> deep(int depth) {
  if (depth == 0) co_return 0;
  co_return co_await deep(depth - 1) + 1;
}

BOOST_AUTO_TEST_CASE(odd_messages_are_taken_or_refused_with_their_type) {
  // A13. Catches: a message that vanishes without a trace, one that harms the actor.
  stage s;
  auto main = [&]() -> task<void> {
    journal letters;
    observe_dead_letters(s.runtime.system(), [&](const dead_letter& letter) {
      letters.push_back(letter.receiver + ": " + letter.types);
    });
    const auto actor = spawn_actor<fragile>(s.runtime.system());
    BOOST_TEST(co_await ask<int>(actor, 1s, 1) == 1);
    send(actor, odd_thing{}, 2);
    send(actor, std::string(1 << 20, 'x'));
    caf::anon_send(actor, caf::message());
    BOOST_CHECK_THROW(co_await ask<int>(actor, 1s, odd_thing{}), request_failed);
    BOOST_TEST(co_await ask<int>(actor, 1s, 2) == 2);
    const std::string who = "buskin.lean " + std::to_string(actor.id()) + ": ";
    BOOST_REQUIRE(letters.size() == 4U);
    BOOST_TEST(letters[0].starts_with(who), letters[0]);
    BOOST_TEST(letters[0].find("odd_thing, @i32") != std::string::npos, letters[0]);
    BOOST_TEST(letters[1] == who + "@str");
    BOOST_TEST(letters[2] == who);
    BOOST_TEST(letters[3].find("odd_thing") != std::string::npos, letters[3]);
    BOOST_TEST(dead_letters(s.runtime.system()).unknown == 4U);
    observe_dead_letters(s.runtime.system(), nullptr);

    auto echoing = []() -> task<void> {
      co_await receive([](const std::string& text) { return text.size(); });
    };
    auto reader = spawn(echoing());
    BOOST_TEST(co_await ask<std::size_t>(reader.actor(), 1s, std::string(1 << 20, 'x')) ==
               std::size_t{1} << 20);
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_deep_recursion_of_coroutines_leaves_the_threads_stack_alone) {
  stage s;
  BOOST_TEST(s.run(deep(100'000)) == 100'000);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
