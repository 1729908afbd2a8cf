// Connections with somebody else's programs at the other end: nc, socat, curl, Python's asyncio.
// scripts/setup --test installs them; without one its cases are skipped aloud.
#include <buskin/buskin.hpp>

#include "io/live_stage.hpp"

#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;

using strings = std::vector<std::string>;

constexpr auto python = "/usr/bin/python3";

bool missing(const std::string& program) {
  for (const char* folder : {"", "/usr/bin/", "/bin/"})
    if (::access((folder + program).c_str(), X_OK) == 0) return false;
  BOOST_TEST_MESSAGE("SKIPPED: " << program << " is not installed; scripts/setup --test does it");
  return true;
}

io::process_options piped() {
  io::process_options options;
  options.in = io::redirect::pipe();
  options.out = io::redirect::pipe();
  options.err = io::redirect::pipe();
  return options;
}

/// What a program wrote that was given `input` and its end.
task<std::string> output_of(strings command, std::string input) {
  auto program = co_await io::exec(io::argument_vector(command), piped());
  auto result = co_await program.communicate(std::move(input));
  BOOST_TEST(result.status.success(), command[0] + ": " + result.err.value_or(""));
  co_return *result.out;
}

/// Lines are answered; at the end of them it says how many there were.
task<void> answer_lines(io::connection client) {
  int lines = 0;
  try {
    for (;; ++lines) co_await client.write("you said " + co_await client.read_until("\n"));
  } catch (const incomplete_read&) {
  }
  co_await client.write(std::to_string(lines) + " lines\n");
}

const std::string spoken = "hello\nworld\n";
const std::string answered = "you said hello\nyou said world\n2 lines\n";

/// All that comes until the end.
task<std::string> rest_of(io::connection peer) {
  std::string all;
  for (std::string some = co_await peer.read(); !some.empty(); some = co_await peer.read())
    all += some;
  co_return all;
}

/// Sockets of this host at `port` that the peer closed and we did not (CLOSE_WAIT).
int sockets_in_close_wait(std::uint16_t port) {
  char wanted[8];
  std::snprintf(wanted, sizeof wanted, ":%04X", port);
  int count = 0;
  std::ifstream table("/proc/net/tcp");
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string number, local, remote, state;
    words >> number >> local >> remote >> state;
    const bool concerned = local.ends_with(wanted) || remote.ends_with(wanted);
    if (concerned && state == "08") ++count;
  }
  return count;
}

task<void> is_answered(strings client, std::string input) {
  auto server = co_await io::serve("127.0.0.1:0", answer_lines);
  for (auto& word : client)
    if (const auto at = word.find("PORT"); at != std::string::npos)
      word.replace(at, 4, std::to_string(server.port()));
  BOOST_TEST(co_await output_of(client, std::move(input)) == answered);
  co_await until([&] { return server.connections() == 0; }, "the client to have gone");
  BOOST_TEST(sockets_in_close_wait(server.port()) == 0);
  server.close();
}

BOOST_AUTO_TEST_SUITE(peers_)

BOOST_AUTO_TEST_CASE(netcat_is_served_and_gets_the_rest_after_its_half_of_the_end) {
  if (missing("nc")) return;
  live_stage s;
  s.run(is_answered({"nc", "-N", "127.0.0.1", "PORT"}, spoken));
}

BOOST_AUTO_TEST_CASE(socat_is_served) {
  if (missing("socat")) return;
  live_stage s;
  s.run(is_answered({"socat", "-t", "20", "-", "TCP:127.0.0.1:PORT"}, spoken));
}

BOOST_AUTO_TEST_CASE(curl_speaks_telnet_with_a_server_of_ours) {
  if (missing("curl")) return;
  live_stage s;
  // curl ends when the server does; a server of lines that ends after two.
  const auto two_lines = [](io::connection client) -> task<void> {
    for (int i = 0; i != 2; ++i)
      co_await client.write("you said " + co_await client.read_until("\n"));
  };
  auto main = [&]() -> task<void> {
    auto server = co_await io::serve("127.0.0.1:0", two_lines);
    const auto said = co_await output_of(
        {"curl", "--silent", "--no-buffer", "telnet://127.0.0.1:" + std::to_string(server.port())},
        spoken);
    BOOST_TEST(said == "you said hello\nyou said world\n");
    server.close();
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_client_of_asyncio_is_served) {
  if (missing(python)) return;
  live_stage s;
  static const std::string script = R"(
import asyncio, sys
async def main():
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    writer.write(sys.stdin.buffer.read())
    writer.write_eof()
    sys.stdout.buffer.write(await reader.read())
    writer.close()
    await writer.wait_closed()
asyncio.run(main())
)";
  s.run(is_answered({python, "-c", script, "PORT"}, spoken));
}

BOOST_AUTO_TEST_CASE(a_server_of_asyncio_is_spoken_to) {
  if (missing(python)) return;
  live_stage s;
  static const std::string script = R"(
import asyncio
async def answer(reader, writer):
    lines = 0
    while line := await reader.readline():
        writer.write(b"you said " + line)
        lines += 1
    writer.write(b"%d lines\n" % lines)
    writer.close()
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
)";
  auto main = [&]() -> task<void> {
    auto program = co_await io::exec({python, "-c", script}, piped());
    std::string port = co_await program.out().read_until("\n");
    port.pop_back();
    const auto peer = co_await io::connect("127.0.0.1:" + port);
    co_await peer.write(spoken);
    peer.write_eof();
    BOOST_TEST(co_await rest_of(peer) == answered);
    co_await program.stop();
  };
  s.run(main());
}

/// A socat that listens, and the port it chose.
struct listener {
  io::process program;
  std::uint16_t port = 0;
};

task<listener> socat_listens(strings how) {
  strings command{"socat", "-d", "-d"};
  command.insert(command.end(), how.begin(), how.end());
  listener made{co_await io::exec(io::argument_vector(command), piped())};
  const auto log = made.program.err();
  while (made.port == 0) {
    const std::string line = co_await log.read_until("\n");
    if (const auto at = line.find("listening on"); at != std::string::npos)
      made.port = static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)));
  }
  co_return made;
}

BOOST_AUTO_TEST_CASE(a_server_of_socat_is_spoken_to) {
  if (missing("socat")) return;
  live_stage s;
  auto main = [&]() -> task<void> {
    const auto peer = co_await socat_listens({"TCP-LISTEN:0,bind=127.0.0.1", "EXEC:cat"});
    const auto there = co_await io::connect("127.0.0.1:" + std::to_string(peer.port));
    co_await there.write(spoken);
    there.write_eof();
    BOOST_TEST(co_await rest_of(there) == spoken);
    BOOST_TEST((co_await peer.program.wait()).success());
  };
  s.run(main());
}

// Reliability row T6: one half of the connection ends while the other is still busy.
BOOST_AUTO_TEST_CASE(a_peer_that_only_listens_on_gets_all_that_we_still_send) {
  if (missing("socat")) return;
  live_stage s;
  static constexpr std::size_t much = 8'000'000;
  auto main = [&]() -> task<void> {
    // It ends its sending side at once and reads on.
    const auto peer = co_await socat_listens(
        {"-u", "TCP-LISTEN:0,bind=127.0.0.1,shut-down", "SYSTEM:sleep 0.2; wc -c >&2"});
    const auto there = co_await io::connect("127.0.0.1:" + std::to_string(peer.port));
    co_await there.write(std::string(much, 'x'));
    there.write_eof();
    std::string told = co_await peer.program.err().read_until(std::to_string(much));
    BOOST_TEST(co_await rest_of(there) == "");
    co_await peer.program.wait();
    there.close();
    co_await until([&] { return sockets_in_close_wait(peer.port) == 0; }, "the sockets to go");
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(a_peer_that_only_sends_on_is_read_to_its_end) {
  if (missing("socat")) return;
  live_stage s;
  static constexpr std::size_t much = 8'000'000;
  auto main = [&]() -> task<void> {
    const auto peer = co_await socat_listens(
        {"-U", "TCP-LISTEN:0,bind=127.0.0.1", "SYSTEM:sleep 0.1; head -c 8000000 /dev/zero"});
    const auto there = co_await io::connect("127.0.0.1:" + std::to_string(peer.port));
    there.write_eof();
    BOOST_TEST((co_await rest_of(there)).size() == much);
    there.close();
    co_await peer.program.wait();
    co_await until([&] { return sockets_in_close_wait(peer.port) == 0; }, "the sockets to go");
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
