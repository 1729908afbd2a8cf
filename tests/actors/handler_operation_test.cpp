// Operations of Asio in coroutine handlers of actors.
#include <buskin/runtime/use_task.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/handlers.hpp>
#include <buskin/actors/task_handle.hpp>

#include <support/stage.hpp>

#include <asio.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <string>
#include <thread>

using namespace buskin;
using namespace buskin::test;
using namespace std::chrono_literals;

namespace {

using read_all = caf::atom_constant<caf::atom("read_all")>;
using pause_for = caf::atom_constant<caf::atom("pause")>;

class reader final : public behavior_actor {
 public:
  reader(caf::actor_config& config, asio::io_context* io) : behavior_actor(config), io_(*io) {}

 protected:
  caf::behavior make_behavior() override {
    return handlers(
        this, [&io = io_](read_all) -> task<std::string> { return read_from_pair(io); },
        [&io = io_](pause_for) -> task<int> { return pause(io); });
  }

 private:
  static task<std::string> read_from_pair(asio::io_context& io) {
    asio::local::stream_protocol::socket a(io), b(io);
    asio::local::connect_pair(a, b);
    std::string bytes(100, ' ');
    co_await asio::async_read(a, asio::buffer(bytes), use_task);
    co_return bytes;
  }
  static task<int> pause(asio::io_context& io) {
    asio::steady_timer timer(io, 1ms);
    co_await timer.async_wait(use_task);
    co_return 1;
  }

  asio::io_context& io_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(handler_operation_)

BOOST_AUTO_TEST_CASE(a_coroutine_handler_awaits_an_operation) {
  stage s(manual_clock::mode::by_hand);
  const auto actor = spawn_actor<reader>(s.runtime.system(), &s.runtime.io());
  s.run([](caf::actor actor) -> task<void> {
    BOOST_TEST(co_await ask<int>(actor, infinite, pause_for::value) == 1);
  }(actor));
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
}

BOOST_AUTO_TEST_CASE(an_actor_that_ends_in_the_middle_lets_the_operation_end_before_the_frames_go) {
  stage s(manual_clock::mode::by_hand);
  asio::io_context other;
  auto work = asio::make_work_guard(other);
  std::thread loop([&] { other.run(); });
  for (auto* io : {&s.runtime.io(), &other}) {
    const auto actor = spawn_actor<reader>(s.runtime.system(), io);
    caf::anon_send(actor, read_all::value);
    s.settle();
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    s.settle();
  }
  BOOST_TEST(s.take_incidents().empty());
  work.reset();
  loop.join();
}

namespace {

/// Its coroutines go through a thread pool between the steps in which they touch the actor's state.
class hopper final : public behavior_actor {
 public:
  struct state {
    std::atomic<bool> busy{false};
    std::atomic<bool> overlapped{false};
    int steps = 0;  // of nobody but the actor
  };
  hopper(caf::actor_config& config, asio::thread_pool* pool, state* mine)
      : behavior_actor(config), pool_(*pool), state_(*mine) {}

 protected:
  caf::behavior make_behavior() override {
    return handlers(this, [this](int steps) -> task<int> { return hop(pool_, state_, steps); });
  }

 private:
  static task<int> hop(asio::thread_pool& pool, state& s, int steps) {
    for (int i = 0; i != steps; ++i) {
      if (s.busy.exchange(true)) s.overlapped = true;
      ++s.steps;
      s.busy = false;
      co_await asio::post(pool, use_task);
    }
    co_return steps;
  }

  asio::thread_pool& pool_;
  state& state_;
};

task<void> ask_for_steps(caf::actor actor, std::atomic<int>& answers) {
  if (co_await ask<int>(actor, infinite, 10) == 10) ++answers;
}

}  // namespace

// covers COB-033: an actor is the strand of its coroutines.
BOOST_AUTO_TEST_CASE(coroutines_of_one_actor_never_run_at_the_same_time_wherever_they_have_been) {
  asio::thread_pool pool(3);
  hopper::state mine;
  runtime_options options;
  options.workers = 3;
  stage s(manual_clock::mode::by_hand, std::move(options));
  const auto actor = spawn_actor<hopper>(s.runtime.system(), &pool, &mine);
  std::atomic<int> answers{0};
  for (int i = 0; i != 20; ++i) spawn(s.runtime, ask_for_steps(actor, answers));
  while (answers != 20) s.settle();
  BOOST_TEST(!mine.overlapped);
  BOOST_TEST(mine.steps == 200);
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
}

BOOST_AUTO_TEST_SUITE_END()
