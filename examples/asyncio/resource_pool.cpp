// Four questions, and two sessions to ask them in.
#include <buskin/buskin.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [pool]
struct session {
  int number;
};

buskin::task<session> open_session() {
  static int opened = 0;
  co_await buskin::sleep(10ms);  // a handshake, say
  co_return session{++opened};
}

buskin::task<void> ask(std::string question, buskin::resource_pool<session> sessions) {
  const auto mine = co_await sessions.acquire();
  std::cout << question << " in session " << mine->number << '\n';
  co_await buskin::sleep(1s);
}

buskin::task<void> co_main() {
  buskin::resource_pool<session> sessions(open_session, {.limit = 2});
  co_await buskin::gather(ask("who", sessions), ask("what", sessions));
  co_await buskin::gather(ask("when", sessions), ask("why", sessions));
  std::cout << to_string(sessions) << '\n';
}
// [/pool]

int main() { buskin::run(co_main()); }
