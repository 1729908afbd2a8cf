// Asio and Buskin together: tasks await Asio's operations, Asio's code asks actors.
#include <buskin/actors/async_ask.hpp>
#include <buskin/buskin.hpp>
#include <buskin/runtime/use_task.hpp>

#include <asio/bind_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <iostream>

using namespace std::chrono_literals;

// [await]
buskin::task<void> await_asio() {
  auto& loop = buskin::runtime::current().io();
  asio::steady_timer timer(loop, 10ms);  // by the system's clock
  co_await timer.async_wait(buskin::use_task);

  asio::local::stream_protocol::socket ours(loop), theirs(loop);
  asio::local::connect_pair(ours, theirs);
  std::string text(5, ' ');
  co_await asio::async_write(theirs, asio::buffer("hello", 5), buskin::use_task);
  const std::size_t n = co_await asio::async_read(ours, asio::buffer(text), buskin::use_task);
  std::cout << n << " bytes: " << text << '\n';

  theirs.close();
  try {
    co_await ours.async_read_some(asio::buffer(text), buskin::use_task);
  } catch (const std::system_error& error) {
    std::cout << error.what() << '\n';
  }
}
// [/await]

class doubler : public buskin::behavior_actor {
 public:
  using behavior_actor::behavior_actor;

 protected:
  caf::behavior make_behavior() override {
    return buskin::handlers(this, [](int x) { return 2 * x; });
  }
};

// [ask]
buskin::task<void> be_asked(caf::actor calculator) {
  asio::io_context elsewhere;  // somebody's loop, which knows nothing of Buskin
  buskin::async_ask<int>(calculator, 1s, 21,
                         asio::bind_executor(elsewhere, [](std::exception_ptr error, int answer) {
                           if (!error) std::cout << "the answer is " << answer << '\n';
                         }));
  while (elsewhere.run_one_for(1ms) == 0) co_await buskin::yield();
}
// [/ask]

buskin::task<void> co_main() {
  co_await await_asio();
  co_await be_asked(buskin::spawn_actor<doubler>(buskin::runtime::current().system()));
}

int main() { buskin::run(co_main()); }
