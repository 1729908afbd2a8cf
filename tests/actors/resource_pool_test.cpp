// The pool of resources: limit, order, who gives up, what fails, the end.
#include <buskin/actors/resource_pool.hpp>

#include <buskin/actors/gather.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include "support/brokers.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::journal;
using buskin::test::kill;
using buskin::test::stage;

/// What a pool lends here: numbered, and counted while it is open. Movable only.
class books {
 public:
  struct session {
    int number;
    std::unique_ptr<books, void (*)(books*)> open;
  };
  session make() {
    most_ = std::max(most_, ++open_);
    return {made_++, {this, [](books* of) { --of->open_; }}};
  }
  int open() const { return open_; }
  int most() const { return most_; }
  int made() const { return made_; }

 private:
  int open_ = 0;
  int most_ = 0;
  int made_ = 0;
};
using session = books::session;
using pool = resource_pool<session>;

task<session> open_at_once(books* of) { co_return of->make(); }
task<session> open_in_a_second(books* of) {
  co_await sleep(1s);
  co_return of->make();
}
std::function<task<session>()> at_once(books& of) {
  return [&of] { return open_at_once(&of); };
}
std::function<task<session>()> in_a_second(books& of) {
  return [&of] { return open_in_a_second(&of); };
}

task<void> use(pool from, journal* said, std::string name, duration length) {
  const auto mine = co_await from.acquire();
  said->push_back(name + " has " + std::to_string(mine->number));
  co_await sleep(length);
}

BOOST_AUTO_TEST_SUITE(resource_pool_)

BOOST_AUTO_TEST_CASE(one_that_was_given_back_is_lent_again) {
  stage s;
  auto main = []() -> task<void> {
    books all;
    pool from(at_once(all), {.limit = 2});
    {
      const auto one = co_await from.acquire();
      const auto other = co_await from.acquire();
      BOOST_TEST(one->number == 0);
      BOOST_TEST((*other).number == 1);
      BOOST_TEST(to_string(from) == "resource pool, 2 of 2 in use, 0 idle");
    }
    BOOST_TEST(to_string(from) == "resource pool, 0 of 2 in use, 2 idle");
    auto again = co_await from.acquire();
    BOOST_TEST(all.made() == 2);
    again.release();
    BOOST_TEST(!again);
    again.release();
    BOOST_TEST(from.idle() == 2U);
    // A lease moves; the one that it replaces ends.
    auto first = co_await from.acquire();
    auto second = co_await from.acquire();
    first = std::move(second);
    BOOST_TEST(from.in_use() == 1U);
    BOOST_TEST(from.idle() == 1U);
  };
  s.run(main());
}

// covers AIO-016
BOOST_AUTO_TEST_CASE(waiters_are_served_in_the_order_of_asking_and_one_that_gives_up_is_passed_by) {
  stage s;
  auto main = []() -> task<void> {
    books all;
    journal said;
    pool from(at_once(all), {.limit = 1});
    auto first = co_await from.acquire();
    auto a = spawn(use(from, &said, "a", 1s));
    auto b = spawn(use(from, &said, "b", 1s));
    auto c = spawn(use(from, &said, "c", 1s));
    auto d = spawn(use(from, &said, "d", 1s));
    co_await yield();
    BOOST_TEST(to_string(from) == "resource pool, 1 of 1 in use, 0 idle, 4 wait");
    b.cancel();
    BOOST_CHECK_THROW(co_await b, cancelled);
    BOOST_TEST(from.waiter_count() == 3U);
    // The wake-up of one that is cancelled in the moment of the release goes to the next.
    first.release();
    a.cancel();
    BOOST_CHECK_THROW(co_await a, cancelled);
    co_await gather(c, d);
    BOOST_TEST((said == journal{"c has 0", "d has 0"}));
    BOOST_TEST(to_string(from) == "resource pool, 0 of 1 in use, 1 idle");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_newcomer_does_not_overtake_those_who_wait) {
  stage s;
  auto main = []() -> task<void> {
    books all;
    journal said;
    pool from(at_once(all), {.limit = 1});
    auto first = co_await from.acquire();
    auto waiting = spawn(use(from, &said, "waiting", 1s));
    co_await yield();
    first.release();
    co_await use(from, &said, "newcomer", 1s);
    BOOST_TEST((said == journal{"waiting has 0", "newcomer has 0"}));
    co_await waiting;
  };
  s.run(main());
}

// covers AIO-017
BOOST_AUTO_TEST_CASE(who_is_cancelled_or_fails_while_it_opens_leaves_its_place_to_the_next) {
  stage s;
  auto main = []() -> task<void> {
    books all;
    journal said;
    bool fails = false;
    auto open = [&]() -> task<session> {
      co_await sleep(1s);
      if (fails) throw std::runtime_error("nobody answers");
      co_return all.make();
    };
    pool from(open, {.limit = 1});
    auto opening = spawn(use(from, &said, "opening", 1s));
    auto next = spawn(use(from, &said, "next", 1s));
    co_await sleep(500ms);
    BOOST_TEST(from.in_use() == 1U);
    BOOST_TEST(from.waiter_count() == 1U);
    opening.cancel();
    BOOST_CHECK_THROW(co_await opening, cancelled);
    co_await next;
    BOOST_TEST((said == journal{"next has 0"}));

    auto broken = co_await from.acquire();
    broken.discard();
    BOOST_TEST(all.open() == 0);
    fails = true;
    BOOST_CHECK_THROW((void)co_await from.acquire(), std::runtime_error);
    auto killed = spawn(use(from, &said, "killed", 1s));
    co_await sleep(500ms);
    kill(killed.actor());
    co_await sleep(1s);
    BOOST_TEST(from.in_use() == 0U);
    fails = false;
    co_await use(from, &said, "last", 1s);
    BOOST_TEST((said == journal{"next has 0", "last has 1"}));
  };
  s.run(main());
}

// covers AIO-018
BOOST_AUTO_TEST_CASE(a_close_refuses_who_waits_and_closes_what_comes_late) {
  stage s;
  auto main = []() -> task<void> {
    books all;
    journal said;
    pool from(in_a_second(all), {.limit = 2, .name = "pool of sessions"});
    auto refused = [&]() -> task<void> {
      BOOST_CHECK_EXCEPTION(
          (void)co_await from.acquire(), invalid_state, [](const invalid_state& refusal) {
            return std::string(refusal.what()).find("pool of sessions is closed") !=
                   std::string::npos;
          });
    };
    auto used = co_await from.acquire();
    auto late = spawn(use(from, &said, "late", 1s));
    auto waiting = spawn(refused());
    co_await sleep(500ms);
    BOOST_TEST(to_string(from) == "pool of sessions, 2 of 2 in use, 0 idle, 1 waits");
    from.close();
    BOOST_TEST(from.closed());
    co_await waiting;
    co_await refused();
    BOOST_TEST(all.made() == 1);
    BOOST_CHECK_THROW(co_await late, invalid_state);
    BOOST_TEST(all.made() == 2);
    BOOST_TEST(all.open() == 1);
    used.release();
    BOOST_TEST(all.open() == 0);
    from.close();
    BOOST_TEST(to_string(from) == "pool of sessions, closed, 0 of 2 in use, 0 idle");
    BOOST_TEST(said.empty());
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_close_closes_the_idle_ones_at_once_and_so_does_the_end_of_the_pool) {
  stage s;
  auto main = []() -> task<void> {
    books all;
    journal closed;
    resource_pool_options<session> options;
    options.limit = 3;
    options.close = [&](session& which) {
      BOOST_TEST(all.open() > 0);
      closed.push_back(std::to_string(which.number));
    };
    std::optional<pool> from(std::in_place, at_once(all), options);
    std::optional<pool::lease> one(co_await from->acquire());
    { const auto idle = co_await from->acquire(); }
    from->close();
    BOOST_TEST((closed == journal{"1"}));
    BOOST_TEST(all.open() == 1);
    one.reset();
    BOOST_TEST((closed == journal{"1", "0"}));
    from.emplace(at_once(all), options);
    { const auto idle = co_await from->acquire(); }
    from.reset();
    BOOST_TEST((closed == journal{"1", "0", "2"}));
    BOOST_TEST(all.open() == 0);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(idle_ones_are_kept_up_to_a_limit_and_looked_at_before_they_are_lent) {
  stage s;
  auto main = []() -> task<void> {
    books all;
    int broken = -1;
    pool from(at_once(all), {.limit = 3, .idle_limit = 2, .usable = [&](session& which) {
                               return which.number != broken;
                             }});
    {
      const auto one = co_await from.acquire();
      const auto two = co_await from.acquire();
      const auto three = co_await from.acquire();
    }
    BOOST_TEST(from.idle() == 2U);
    BOOST_TEST(all.open() == 2);
    broken = 1;  // the one that was used last
    const auto lent = co_await from.acquire();
    BOOST_TEST(lent->number == 2);
    const auto fresh = co_await from.acquire();
    BOOST_TEST(fresh->number == 3);
    BOOST_TEST(all.open() == 2);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(one_that_cannot_even_be_asked_whether_it_is_usable_is_closed) {
  stage s;
  auto main = []() -> task<void> {
    books all;
    std::vector<int> closed;
    pool from(at_once(all), {.limit = 1,
                             .usable = [](session&) -> bool { throw std::runtime_error("deaf"); },
                             .close = [&](session& which) { closed.push_back(which.number); }});
    { const auto first = co_await from.acquire(); }
    BOOST_CHECK_THROW((void)co_await from.acquire(), std::runtime_error);
    BOOST_TEST((closed == std::vector{0}));
    BOOST_TEST(to_string(from) == "resource pool, 0 of 1 in use, 0 idle");
    const auto fresh = co_await from.acquire();
    BOOST_TEST(fresh->number == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(the_death_of_its_holder_gives_a_lease_back_and_one_that_moved_stays) {
  stage s;
  auto main = []() -> task<void> {
    books all;
    journal said;
    pool from(at_once(all), {.limit = 1});
    auto holder = spawn(use(from, &said, "holder", 1h));
    auto next = spawn(use(from, &said, "next", 1s));
    co_await sleep(1ms);
    kill(holder.actor());
    co_await next;
    BOOST_TEST((said == journal{"holder has 0", "next has 0"}));
    auto fetch = [](pool source) -> task<pool::lease> { co_return co_await source.acquire(); };
    {
      auto mine = co_await spawn(fetch(from));
      BOOST_TEST(from.in_use() == 1U);
      auto waiting = spawn(use(from, &said, "third", 1s));
      co_await sleep(1s);
      BOOST_TEST(from.waiter_count() == 1U);
      mine.release();
      co_await waiting;
    }
    BOOST_TEST(from.in_use() == 0U);
    BOOST_TEST(all.made() == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_refused) {
  stage s;
  auto main = []() -> task<void> {
    books all;
    BOOST_CHECK_THROW(pool(at_once(all), {.limit = 0}), std::invalid_argument);
    BOOST_CHECK_THROW(pool(nullptr), std::invalid_argument);
    co_return;
  };
  s.run(main());
  books all;
  BOOST_CHECK_THROW(pool{at_once(all)}, invalid_state);  // outside of a runtime
}

// covers AIO-017
BOOST_AUTO_TEST_CASE(between_workers_no_place_is_lost_whoever_gives_up_fails_or_dies) {
  runtime_options options;
  options.workers = 3;
  options.signals = signal_handling::none;
  auto main = []() -> task<void> {
    std::atomic<int> open = 0;
    std::atomic<int> most = 0;
    std::atomic<int> asked = 0;
    struct counted {
      explicit counted(std::atomic<int>& of) : of_(&of, [](std::atomic<int>* at) { --*at; }) {}
      std::unique_ptr<std::atomic<int>, void (*)(std::atomic<int>*)> of_;
    };
    auto opening = [&]() -> task<counted> {
      co_await yield();
      if (++asked % 7 == 0) throw std::runtime_error("not this time");
      const int now = ++open;
      for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
      }
      co_return counted(open);
    };
    resource_pool<counted> few(opening, {.limit = 3});
    auto using_one = [&](int i) -> task<void> {
      auto mine = co_await few.acquire();
      co_await yield();
      if (i % 5 == 0) mine.discard();
    };
    auto client = [&](unsigned seed) -> task<void> {
      std::minstd_rand random(seed);
      for (int i = 0; i != 300; ++i) {
        auto one = spawn(using_one(i));
        for (auto turns = random() % 4; turns != 0; --turns) co_await yield();
        if (const auto fate = random() % 4; fate == 0)
          one.cancel();
        else if (fate == 1)
          kill(one.actor());
        try {
          co_await one;
        } catch (const std::exception&) {
        }
      }
    };
    co_await gather(client(1), client(2), client(3), client(4), client(5), client(6));
    while (few.in_use() != 0) co_await yield();  // a killed one's frame goes with its actor
    BOOST_TEST(few.waiter_count() == 0U);
    BOOST_TEST(most <= 3);
    std::vector<resource_pool<counted>::lease> all;
    while (all.size() != 3) {
      try {
        all.push_back(co_await few.acquire());
      } catch (const std::runtime_error&) {
      }
    }
    BOOST_TEST(open == 3);
    all.clear();
    few.close();
    BOOST_TEST(open == 0);
  };
  run(main(), options);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
