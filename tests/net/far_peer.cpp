// What two hosts say to each other over a bad network; two_hosts makes the network.
//
//     far_peer serve ADDRESS
//     far_peer ordered ADDRESS BYTES     both ways at once; all has to arrive, in order
//     far_peer paced ADDRESS BYTES       one way, with a deadline for progress and a forecast
//     far_peer cut ADDRESS BYTES         the same, until nothing comes any more
//     far_peer stuck ADDRESS BYTES       sends until the system gives the peer up
//     far_peer unanswered ADDRESS        asks, and gets no answer
#include <buskin/actors/gather.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/io/serve.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/sleep.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace {

using namespace std::chrono_literals;
using namespace buskin;
using steady = std::chrono::steady_clock;

void say(const std::string& text) {
  std::puts(text.c_str());
  std::fflush(stdout);
}

void demand(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

/// Bytes that show where they belong: eight digits each time.
std::string numbered(std::size_t size) {
  std::string all;
  for (std::size_t i = 0; all.size() < size; ++i) {
    const std::string digits = std::to_string(i);
    all += std::string(7 - digits.size(), '0') + digits + " ";
  }
  all.resize(size);
  return all;
}

constexpr auto silence = 3s;  // of a peer that is given up

// -- the server -----------------------------------------------------------------------------------

/// "echo": everything comes back. "pour N": so many bytes are sent.
task<void> answer(io::connection client) {
  const std::string wish = co_await client.read_until("\n");
  if (wish == "echo\n") {
    for (std::string some = co_await client.read(); !some.empty(); some = co_await client.read())
      co_await client.write(some);
  } else {
    co_await client.write(numbered(std::stoul(wish.substr(wish.find(' ')))));
  }
}

/// Says when a client is given up.
task<void> watch_over(io::connection client) {
  try {
    co_await answer(client);
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::timed_out) say("gave a client up");
    throw;
  }
}

task<void> serve(std::string where) {
  const auto server = co_await io::serve(where, watch_over, {.peer_timeout = silence});
  say("listening");
  co_await sleep(1h);
}

// -- the clients ----------------------------------------------------------------------------------

task<void> send_all(io::connection peer, std::string bytes) {
  co_await peer.write(bytes);
  peer.write_eof();
}

task<std::string> receive_all(io::connection peer) {
  std::string all;
  for (std::string some = co_await peer.read(); !some.empty(); some = co_await peer.read())
    all += some;
  co_return all;
}

task<void> ordered(std::string where, std::size_t size) {
  const auto peer = co_await io::connect(where);
  co_await peer.write("echo\n");
  const std::string sent = numbered(size);
  const auto [nothing, came] = co_await gather(send_all(peer, sent), receive_all(peer));
  demand(came == sent, "what came back is not what was sent");
  say("all " + std::to_string(came.size()) + " bytes came back in order");
}

constexpr auto patience = 2s;  // for some progress

/// Reads until `size` bytes are there; each that comes gives it more time.
task<void> read_with_progress(io::connection peer, std::size_t size, std::string& got) {
  const auto began = steady::now();
  double forecast = 0;
  bool told = false;
  co_await timeout(patience, [&](timeout_scope& scope) -> task<void> {
    while (got.size() < size) {
      got += co_await peer.read();
      scope.reschedule(runtime::current().now() + patience);
      const std::chrono::duration<double> passed = steady::now() - began;
      if (got.size() >= 4000 && !std::exchange(told, true)) say("flowing");
      if (forecast == 0 && got.size() >= size / 2)
        forecast = passed.count() * static_cast<double>(size) / static_cast<double>(got.size());
    }
  });
  const std::chrono::duration<double> took = steady::now() - began;
  say("took " + std::to_string(took.count()) +
      " s, forecast at half time: " + std::to_string(forecast) + " s");
  demand(took > patience, "the wire was not slow");
  demand(forecast > took.count() * 0.6 && forecast < took.count() * 1.7, "the forecast was wrong");
}

task<void> paced(std::string where, std::size_t size) {
  const auto peer = co_await io::connect(where);
  co_await peer.write("pour " + std::to_string(size) + "\n");
  std::string got;
  co_await read_with_progress(peer, size, got);
  demand(got == numbered(size), "something else came");
}

task<void> cut(std::string where, std::size_t size) {
  const auto peer = co_await io::connect(where);
  co_await peer.write("pour " + std::to_string(size) + "\n");
  std::string got;
  try {
    co_await read_with_progress(peer, size, got);
  } catch (const timeout_error&) {
    demand(numbered(size).starts_with(got), "something else came");
    say("nothing came any more after " + std::to_string(got.size()) + " bytes");
    co_return;
  }
  demand(false, "all came although the wire was cut");
}

/// `use` has to fail because the peer was given up, in time, and with a hint.
template <class Use>
task<void> is_given_up(io::connection peer, Use use) {
  const auto began = steady::now();
  try {
    co_await use();
  } catch (const std::system_error& error) {
    const std::chrono::duration<double> took = steady::now() - began;
    demand(error.code() == std::errc::timed_out, error.what());
    demand(std::string_view(error.what()).find("large") != std::string_view::npos, error.what());
    demand(took < 5 * silence, "it took " + std::to_string(took.count()) + " s");
    say(error.what());
    co_return;
  }
  demand(false, "nothing was noticed");
}

task<void> stuck(std::string where, std::size_t size) {
  const auto peer = co_await io::connect(where, {.peer_timeout = silence});
  co_await peer.write("echo\nsmall");
  demand(co_await peer.read_exactly(5) == "small", "the small one did not come back");
  const auto use = [&]() -> task<void> {
    co_await peer.write(numbered(size));
    co_await peer.read();
  };
  co_await is_given_up(peer, use);
}

task<void> unanswered(std::string where) {
  const auto peer = co_await io::connect(where, {.peer_timeout = silence});
  co_await peer.write("echo\nsmall");
  demand(co_await peer.read_exactly(5) == "small", "the small one did not come back");
  say("flowing");
  // The wire is cut now, in one direction.
  const auto use = [&]() -> task<void> {
    for (;;) {
      co_await peer.write("more");
      co_await peer.read_exactly(4);
      co_await sleep(10ms);
    }
  };
  co_await is_given_up(peer, use);
}

task<int> co_main(std::string what, std::string where, std::size_t size) {
  if (what == "serve") co_await serve(where);
  if (what == "ordered") co_await ordered(where, size);
  if (what == "paced") co_await paced(where, size);
  if (what == "cut") co_await cut(where, size);
  if (what == "stuck") co_await stuck(where, size);
  if (what == "unanswered") co_await unanswered(where);
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: far_peer serve|ordered|paced|cut|stuck|unanswered ADDRESS [BYTES]\n",
               stderr);
    return 2;
  }
  return run(co_main(argv[1], argv[2], argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 0));
}
