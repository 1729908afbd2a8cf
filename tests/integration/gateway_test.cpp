// The gateway as its users have it: the real program, fed through pseudo terminals, asked over TCP,
// ended by signals.
#ifdef BUSKIN_GATEWAY

#include "integration/program.hpp"
#include "io/pseudo_terminal.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using buskin::test::deadline_clock;
using buskin::test::left_until;
using buskin::test::program;
using buskin::test::pseudo_terminal;
using nlohmann::json;
using strings = std::vector<std::string>;

strings lines_of(const std::string& text) {
  strings all;
  std::istringstream in(text);
  for (std::string one; std::getline(in, one);) all.push_back(one);
  return all;
}

// -- clients ----------------------------------------------------------------------------------

/// A TCP client of the gateway that keeps the lines it gets.
class client {
 public:
  explicit client(std::uint16_t port, int receive_buffer = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    BOOST_REQUIRE(socket_ >= 0);
    if (receive_buffer != 0)
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BOOST_REQUIRE(::connect(socket_, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0);
  }
  ~client() { ::close(socket_); }
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  int socket() const noexcept { return socket_; }
  void send(const std::string& text) const {
    BOOST_REQUIRE(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) ==
                  static_cast<ssize_t>(text.size()));
  }

  /// Reads once; there is something to read, or the end.
  void read() {
    char buffer[65536];
    const auto got = ::recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got == 0) ended = true;
    if (got <= 0) return;
    rest_.append(buffer, static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (std::size_t end; (end = rest_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      lines.push_back(rest_.substr(begin, end - begin));
      if (lines.back().find("\"type\":\"sentence\"") != std::string::npos) ++sentence_count;
    }
    rest_.erase(0, begin);
  }

  /// The next line that was not looked at yet.
  json next() {
    const auto end = deadline_clock::now() + program::patience;
    while (taken_ == lines.size()) {
      pollfd news{socket_, POLLIN, 0};
      BOOST_REQUIRE_MESSAGE(!ended && ::poll(&news, 1, left_until(end)) == 1,
                            "the gateway says nothing more");
      read();
    }
    return json::parse(lines[taken_++]);
  }
  json next(const std::string& type) {
    for (;;)
      if (auto line = next(); line["type"] == type) return line;
  }
  json ask(const std::string& command, const std::string& type) {
    send(command + "\n");
    return next(type);
  }
  /// Reads to the end of the connection.
  void read_all() {
    const auto end = deadline_clock::now() + program::patience;
    while (!ended) {
      pollfd news{socket_, POLLIN, 0};
      BOOST_REQUIRE_MESSAGE(::poll(&news, 1, left_until(end)) == 1,
                            "the gateway does not close the connection");
      read();
    }
    BOOST_TEST(rest_.empty());
  }

  strings sentences() const {
    strings all;
    for (const auto& line : lines)
      if (const auto content = json::parse(line); content["type"] == "sentence")
        all.push_back(content["sentence"]);
    return all;
  }

  strings lines;
  std::size_t sentence_count = 0;
  bool ended = false;

 private:
  int socket_;
  std::string rest_;
  std::size_t taken_ = 0;
};

// -- the gateway ------------------------------------------------------------------------------

/// Gives this program and the gateways it starts a temporary directory of their own: others may run
/// at the same time.
class own_temporary_directory {
 public:
  own_temporary_directory() {
    path_ = (fs::temp_directory_path() / "buskin-test-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(path_.data()) != nullptr);
    ::setenv("TMPDIR", path_.c_str(), 1);
  }
  ~own_temporary_directory() { fs::remove_all(path_); }

 private:
  std::string path_;
};
BOOST_TEST_GLOBAL_FIXTURE(own_temporary_directory);

/// How many folders of the gateway's demo are left in the temporary directory.
std::size_t folders_left() {
  return static_cast<std::size_t>(std::count_if(
      fs::directory_iterator(fs::temp_directory_path()), fs::directory_iterator(),
      [](const auto& entry) { return entry.path().filename().string().starts_with("gateway-"); }));
}

class gateway : public program {
 public:
  explicit gateway(strings options) : program(with_program(std::move(options))) {}

  /// Waits until it serves; its port.
  std::uint16_t port() {
    await_output("gateway: serving");
    await_output("\n");
    const auto line = output().substr(output().find("gateway: serving"));
    const auto end = line.find('\n');
    BOOST_REQUIRE(end != std::string::npos);
    return static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':', end) + 1)));
  }

  static strings with_program(strings options) {
    options.insert(options.begin(), BUSKIN_GATEWAY);
    return options;
  }
};

/// A gateway with one device on a pseudo terminal that is up.
struct one_device {
  one_device() : gateway({"--device", "gps0=" + port.path() + "@4800", "--serve", "127.0.0.1:0"}) {
    gateway.await_output("gps0: up\n");
  }
  pseudo_terminal port;
  ::gateway gateway;
};

/// Sends `bytes` into the port as fast as it takes them while `clients` read, until `done()`.
void feed(
    const pseudo_terminal& port, std::string_view bytes, const std::vector<client*>& clients,
    const std::function<bool()>& done,
    const std::function<bool()>& may_send = [] { return true; }) {
  const auto end = deadline_clock::now() + program::patience;
  while (!bytes.empty() || !done()) {
    BOOST_REQUIRE_MESSAGE(deadline_clock::now() < end, bytes.size() << " bytes were not taken, "
                                                                    << clients[0]->sentence_count
                                                                    << " sentences came");
    std::vector<pollfd> all;
    for (const auto* each : clients) all.push_back({each->socket(), POLLIN, 0});
    const bool sending = !bytes.empty() && may_send();
    all.push_back({sending ? port.master() : -1, POLLOUT, 0});
    ::poll(all.data(), all.size(), 20);
    for (std::size_t i = 0; i != clients.size(); ++i)
      if (all[i].revents != 0) clients[i]->read();
    if (all.back().revents != 0) bytes.remove_prefix(port.send(bytes.substr(0, 16384)));
  }
}

// -- recordings -------------------------------------------------------------------------------

/// What stands in a recording, counted by a program that shares nothing with ours.
struct counted {
  strings valid;  // the sentences whose checksum is right, in order
  std::size_t starts = 0;
};

counted count_with_awk(const fs::path& recording) {
  static const char* const script = R"awk(
function exclusive_or(a, b,   bit, result) {
  result = 0
  for (bit = 1; bit < 256; bit *= 2)
    if (int(a / bit) % 2 != int(b / bit) % 2) result += bit
  return result
}
function look_at(sentence,   star, sum, i) {
  starts++
  star = index(sentence, "*")
  if (star == 0) return
  sum = 0
  for (i = 2; i < star; i++) sum = exclusive_or(sum, code[substr(sentence, i, 1)])
  if (toupper(substr(sentence, star + 1, 2)) == sprintf("%02X", sum)) print "valid " substr(sentence, 1, star + 2)
}
BEGIN { for (i = 1; i < 256; i++) code[sprintf("%c", i)] = i }
/^#/ { next }
{
  line = $0
  sub(/\r$/, "", line)
  while (match(line, /[$!]/)) {
    line = substr(line, RSTART)
    following = match(substr(line, 2), /[$!]/)
    look_at(following ? substr(line, 1, following) : line)
    line = following ? substr(line, following + 1) : ""
  }
}
END { print "starts " starts + 0 }
)awk";
  program awk({"env", "LC_ALL=C", "awk", script, recording.string()});
  BOOST_REQUIRE_MESSAGE(awk.await_end() == 0, awk.errors());
  counted result;
  for (const auto& line : lines_of(awk.output())) {
    if (line.starts_with("valid ")) result.valid.push_back(line.substr(6));
    if (line.starts_with("starts ")) result.starts = std::stoul(line.substr(7));
  }
  return result;
}

/// What the device sent: the recording without its notes.
std::string bytes_of(const fs::path& recording) {
  std::ifstream file(recording, std::ios::binary);
  BOOST_REQUIRE(file.is_open());
  std::string all;
  for (std::string line; std::getline(file, line);)
    if (!line.starts_with("#")) all += line + "\n";
  return all;
}

std::vector<fs::path> recordings() {
  std::vector<fs::path> all;
  const auto add = [&](const fs::path& folder) {
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.path().extension() == ".nmea" || entry.path().extension() == ".log")
        all.push_back(entry.path());
  };
  add(BUSKIN_GATEWAY_RECORDINGS);
  if (const char* more = std::getenv("BUSKIN_RECORDINGS"); more != nullptr) add(more);
  std::sort(all.begin(), all.end());
  return all;
}

/// The number behind `name` in the summary's line of `who`.
std::size_t summed(const std::string& summary, const std::string& who, const std::string& name) {
  for (const auto& line : lines_of(summary.substr(summary.find("\nsummary\n") + 1)))
    if (line.starts_with(who + " "))
      if (const auto at = line.find(" " + name + " "); at != std::string::npos)
        return std::stoul(line.substr(at + name.size() + 2));
  BOOST_ERROR("no " << name << " of " << who << " in\n" << summary);
  return 0;
}

void check_summary(const std::string& output) {
  const auto received = summed(output, "all", "received");
  BOOST_TEST(received == summed(output, "all", "delivered") + summed(output, "all", "rejected"));
  BOOST_TEST(output.find("every sentence is accounted for\n") != std::string::npos, output);
}

BOOST_AUTO_TEST_SUITE(gateway_)

BOOST_AUTO_TEST_CASE(
    every_sentence_of_every_recording_arrives_at_both_subscribers_once_and_in_order) {
  for (const auto& recording : recordings()) {
    BOOST_TEST_CONTEXT(recording.filename().string()) {
      const auto expected = count_with_awk(recording);
      BOOST_REQUIRE(!expected.valid.empty());
      one_device g;
      client first(g.gateway.port());
      client second(g.gateway.port());
      for (auto* each : {&first, &second})
        BOOST_TEST(each->ask("subscribe *", "subscribed")["to"] == "*");
      feed(g.port, bytes_of(recording), {&first, &second}, [&] {
        return first.sentence_count >= expected.valid.size() &&
               second.sentence_count >= expected.valid.size();
      });
      // What follows the last good one is looked at, too.
      client observer(g.gateway.port());
      const auto end = deadline_clock::now() + program::patience;
      for (;;) {
        const json books = observer.ask("stats", "stats")["devices"]["gps0"];
        std::size_t sentences = books["delivered"];
        for (const auto& [reason, count] : books["rejected"].items())
          if (reason != "garbage") sentences += count.get<std::size_t>();
        if (sentences == expected.starts) break;
        BOOST_REQUIRE(deadline_clock::now() < end);
      }
      g.gateway.send(SIGINT);
      first.read_all();
      second.read_all();
      BOOST_TEST(g.gateway.await_end() == 0);
      for (auto* each : {&first, &second}) {
        const auto got = each->sentences();
        BOOST_TEST(got.size() == expected.valid.size());
        BOOST_TEST((got == expected.valid));
        BOOST_TEST(json::parse(each->lines.back())["type"] == "end");
      }
      check_summary(g.gateway.output());
      BOOST_TEST(summed(g.gateway.output(), "gps0", "delivered") == expected.valid.size());
      BOOST_TEST_MESSAGE(
          recording.filename().string()
          << ": " << expected.starts << " sentences, " << expected.valid.size() << " valid by awk, "
          << first.sentence_count << " and " << second.sentence_count << " at the subscribers; "
          << lines_of(g.gateway.output().substr(g.gateway.output().find("\nsummary\n")))[2]);
    }
  }
}

// -- signals ----------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_signal_ends_it_with_the_summary_and_status_0) {
  for (const int signal : {SIGINT, SIGTERM}) {
    one_device g;
    client subscriber(g.gateway.port());
    subscriber.ask("subscribe *", "subscribed");
    g.port.send_all("$GPGLL,1*4D\r\n$GPGLL,1*00\r\n");
    BOOST_TEST(subscriber.next("sentence")["sentence"] == "$GPGLL,1*4D");
    g.gateway.send(signal);
    subscriber.read_all();
    BOOST_TEST(g.gateway.await_end() == 0);
    BOOST_TEST(g.gateway.errors() == "");
    check_summary(g.gateway.output());
    BOOST_TEST(json::parse(subscriber.lines.back())["type"] == "end");
  }
}

BOOST_AUTO_TEST_CASE(a_subscriber_is_told_of_the_states_of_devices) {
  one_device g;
  client subscriber(g.gateway.port());
  subscriber.ask("subscribe gps0", "subscribed");
  g.port.unplug();
  const auto down = subscriber.next("state");
  BOOST_TEST(down["device"] == "gps0");
  BOOST_TEST(down["state"] == "down");
  BOOST_TEST(!down["reason"].get<std::string>().empty());
  BOOST_TEST(subscriber.next("state")["state"] == "connecting");
  const auto again = subscriber.next("state");
  BOOST_TEST(again["state"] == "down");
  BOOST_TEST(again["reason"].get<std::string>().find(g.port.path()) != std::string::npos);
  const auto devices = subscriber.ask("devices", "devices")["devices"];
  BOOST_TEST(devices[0]["device"] == "gps0");
  BOOST_TEST(devices[0]["sessions"] == 1);
  g.gateway.send(SIGINT);
  BOOST_TEST(g.gateway.await_end() == 0);
}

// -- a slow subscriber ------------------------------------------------------------------------

std::string many_sentences(std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i != count; ++i) {
    const std::string body =
        "GPTXT,01,01,02," + std::to_string(i) + " of very many, to fill the buffers";
    unsigned sum = 0;
    for (const char c : body) sum ^= static_cast<unsigned char>(c);
    char tail[8];
    std::snprintf(tail, sizeof tail, "*%02X\r\n", sum);
    all += "$" + body + tail;
  }
  return all;
}

BOOST_AUTO_TEST_CASE(
    a_subscriber_that_does_not_read_costs_bounded_memory_slows_nobody_and_is_told_what_it_missed) {
  one_device g;
  client quick(g.gateway.port());
  client slow(g.gateway.port(), 4096);
  for (auto* each : {&quick, &slow}) each->ask("subscribe *", "subscribed");
  constexpr std::size_t count = 60'000;
  const auto bytes = many_sentences(count);
  std::size_t sent = 0;
  // The wire is kept busy, but no further ahead of the quick one than the gateway's backlog
  // permits.
  const auto pass = [&](std::size_t from, std::size_t to) {
    const std::size_t line = bytes.size() / count;
    for (std::size_t at = from; at < to; at += 2000) {
      const std::size_t begin = bytes.find("\n", at * line) + 1;
      const std::size_t end = bytes.find("\n", std::min((at + 2000) * line, bytes.size() - 1)) + 1;
      const auto part =
          std::string_view(bytes).substr(sent == 0 ? 0 : begin, sent == 0 ? end : end - begin);
      sent += static_cast<std::size_t>(std::count(part.begin(), part.end(), '\n'));
      feed(g.port, part, {&quick}, [&] { return quick.sentence_count >= sent; });
    }
  };
  pass(0, count / 4);
  const auto before = g.gateway.resident_bytes();
  pass(count / 4, count);
  const auto after = g.gateway.resident_bytes();
  BOOST_TEST(quick.sentence_count == sent);
  BOOST_TEST(before != 0U);
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  const auto kept_back = std::size_t{256} * 1024 *
                         1024;  // freed memory, which the sanitizer does not give back at once
#else
  const auto kept_back = std::size_t{0};
#endif
#else
  const auto kept_back = std::size_t{0};
#endif
  BOOST_TEST(after < before + kept_back + 8 * 1024 * 1024, "from " << before << " to " << after);
  BOOST_TEST_MESSAGE("VmRSS " << before / 1024 << " kB after " << sent / 4 << " lines, "
                              << after / 1024 << " kB after " << sent);

  g.gateway.send(SIGINT);
  quick.read_all();
  slow.read_all();
  BOOST_TEST(g.gateway.await_end() == 0);
  std::size_t missed = 0;
  std::size_t notes = 0;
  std::size_t others = 0;  // answers and goodbyes
  for (const auto& text : slow.lines) {
    const auto line = json::parse(text);
    if (line["type"] == "missed") {
      missed += line["lines"].get<std::size_t>();
      ++notes;
    }
    others += line["type"] == "subscribed" || line["type"] == "end" ? 1 : 0;
  }
  BOOST_TEST(notes > 0U);
  BOOST_TEST(missed > 0U);
  BOOST_TEST(json::parse(slow.lines.back())["type"] == "end");
  // What it got and what it missed is what the other one got.
  BOOST_TEST(slow.lines.size() - notes - others + missed == quick.lines.size() - 2);
  for (const auto& text : quick.lines) BOOST_REQUIRE(text.find("\"missed\"") == std::string::npos);
  BOOST_TEST_MESSAGE("the slow one got " << slow.lines.size() << " lines and missed " << missed
                                         << " of " << quick.lines.size());
  check_summary(g.gateway.output());
}

BOOST_AUTO_TEST_CASE(a_subscriber_that_never_reads_does_not_keep_the_gateway_from_ending) {
  one_device g;
  client quick(g.gateway.port());
  client slow(g.gateway.port(), 4096);
  for (auto* each : {&quick, &slow}) each->ask("subscribe *", "subscribed");
  const auto bytes = many_sentences(30'000);
  std::size_t sent = 0;
  for (std::size_t begin = 0; begin < bytes.size();) {
    const auto end = bytes.find("\n", std::min(begin + 200'000, bytes.size() - 1)) + 1;
    const auto part = std::string_view(bytes).substr(begin, end - begin);
    begin = end;
    sent += static_cast<std::size_t>(std::count(part.begin(), part.end(), '\n'));
    feed(g.port, part, {&quick}, [&] { return quick.sentence_count >= sent; });
  }
  const auto began = deadline_clock::now();
  g.gateway.send(SIGINT);
  quick.read_all();
  BOOST_TEST(g.gateway.await_end() == 0);
  BOOST_TEST((deadline_clock::now() - began < std::chrono::seconds(6)));
  BOOST_TEST_MESSAGE("ended after " << std::chrono::duration_cast<std::chrono::milliseconds>(
                                           deadline_clock::now() - began)
                                           .count()
                                    << " ms");
  check_summary(g.gateway.output());
}

// -- commands ---------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_client_can_ask_and_is_told_what_it_got_wrong) {
  pseudo_terminal first;
  pseudo_terminal second;
  gateway g({"--device", "gps0=" + first.path(), "--device", "gps1=" + second.path(), "--serve",
             "127.0.0.1:0", "--plain"});
  g.await_output("gps0: up\n");
  g.await_output("gps1: up\n");
  client c(g.port());
  const auto devices = c.ask("devices", "devices")["devices"];
  BOOST_REQUIRE(devices.size() == 2U);
  BOOST_TEST(devices[0] == (json{{"device", "gps0"}, {"state", "up"}, {"sessions", 1}}));
  BOOST_TEST(devices[1]["device"] == "gps1");

  BOOST_TEST(c.ask("subscribe gps1", "subscribed")["to"] == "gps1");
  first.send_all("$GPGLL,1*4D\r\n");
  second.send_all("$GPGLL,2*4E\r\n");
  const auto line = c.next("sentence");
  BOOST_TEST(line["device"] == "gps1");
  BOOST_TEST(line["sentence"] == "$GPGLL,2*4E");

  const auto stats = c.ask("stats\r", "stats");  // as telnet ends its lines
  BOOST_TEST(stats["devices"]["gps1"]["received"] == 1);
  BOOST_TEST(stats["devices"]["gps1"]["delivered"] == 1);
  BOOST_TEST(stats["subscribers"] == 1);

  for (const auto& [command, complaint] : std::vector<std::pair<std::string, std::string>>{
           {"help", "is no command"},
           {"subscribe", "subscribe to what"},
           {"subscribe nobody", "there is no device \"nobody\""},
           {"subscribe a b", "too many words"},
           {"devices now", "is no command"},
           {std::string(5000, 'x'), "at most 1024 bytes"},
           {"\xff\xfe", "is no command"}}) {
    const auto error = c.ask(command, "error")["error"].get<std::string>();
    BOOST_TEST(error.find(complaint) != std::string::npos, error);
  }
  BOOST_TEST(c.ask("unsubscribe gps1", "unsubscribed")["to"] == "gps1");
  c.send("quit\n");
  c.read_all();
  client other(g.port());
  BOOST_TEST(other.ask("stats", "stats")["subscribers"] == 1);
  g.send(SIGTERM);
  BOOST_TEST(g.await_end() == 0);
}

BOOST_AUTO_TEST_CASE(clients_that_go_without_a_word_do_no_harm) {
  one_device g;
  for (int i = 0; i != 20; ++i) {
    client c(g.gateway.port());
    c.ask("subscribe *", "subscribed");
    const linger at_once{1, 0};
    if (i % 2 == 0) ::setsockopt(c.socket(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  client last(g.gateway.port());
  const auto end = deadline_clock::now() + program::patience;
  while (last.ask("stats", "stats")["subscribers"] != 1) BOOST_REQUIRE(deadline_clock::now() < end);
  g.gateway.send(SIGINT);
  BOOST_TEST(g.gateway.await_end() == 0);
  BOOST_TEST(g.gateway.errors() == "");
}

// -- what it refuses --------------------------------------------------------------------------

/// It ends at once with one clear sentence on its standard error, which holds each of `hints`.
void refuses(const strings& options, const strings& hints) {
  BOOST_TEST_CONTEXT("gateway " << options.front()) {
    const auto before = folders_left();
    gateway g(options);
    const int status = g.await_end();
    BOOST_TEST((status == 1 || status == 2), "status " << status);
    const auto said = lines_of(g.errors());
    BOOST_TEST(said.size() == 1U, g.errors());
    BOOST_TEST(g.errors().starts_with("gateway: "), g.errors());
    for (const auto& hint : hints)
      BOOST_TEST(g.errors().find(hint) != std::string::npos, g.errors());
    BOOST_TEST(g.output() == "");
    BOOST_TEST(folders_left() == before);
  }
}

/// A file that goes at the end of the scope.
class temporary_file {
 public:
  explicit temporary_file(const std::string& content) {
    auto name = (fs::temp_directory_path() / "buskin-test-XXXXXX").string();
    const int file = ::mkstemp(name.data());
    BOOST_REQUIRE(file >= 0);
    BOOST_REQUIRE(::write(file, content.data(), content.size()) ==
                  static_cast<ssize_t>(content.size()));
    ::close(file);
    path_ = name;
  }
  ~temporary_file() { fs::remove(path_); }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_command_line_is_said_in_one_sentence) {
  refuses({"--no-such-option"}, {"--no-such-option"});
  refuses({"--plain"}, {"there is nothing to read from"});
  refuses({"--device", "gps0"}, {"device \"gps0\"", "it has no name"});
  refuses({"--device", "gps0=/dev/ttyS0@fast"}, {"gps0=/dev/ttyS0@fast", "baud"});
  refuses({"--device", "gps0="}, {"the port's path is missing"});
  refuses({"--device", "a=tcp://nowhere"}, {"the port is missing"});
  refuses({"--device", "gps0=/dev/null", "--device", "gps0=/dev/zero"},
          {"two devices are called \"gps0\""});
  refuses({"--device", "gps0=/dev/no-such-port"}, {"gps0", "/dev/no-such-port"});
  refuses({"--device", "gps0=/dev/null", "--for", "soon"}, {"--for", "soon"});
  refuses({"--device", "gps0=/dev/null", "--workers", "0"}, {"--workers"});
  refuses({"--device", "gps0=/dev/null", "--serve", "nonsense"}, {"nonsense"});
  refuses({"--device", "gps0=/dev/null", "--recording", "x.nmea"}, {"--recording needs --demo"});
  refuses({"--demo", "--recording", "/no/such/recording"}, {"/no/such/recording"});
  refuses({"--config", "/no/such/file"}, {"/no/such/file"});
}

BOOST_AUTO_TEST_CASE(a_busy_port_is_named) {
  one_device g;
  const auto where = "127.0.0.1:" + std::to_string(g.gateway.port());
  pseudo_terminal other;
  refuses({"--device", "gps1=" + other.path(), "--serve", where},
          {where, "Address already in use"});
  refuses({"--demo", "--serve", where}, {where, "Address already in use"});
  g.gateway.send(SIGINT);
  BOOST_TEST(g.gateway.await_end() == 0);
}

BOOST_AUTO_TEST_CASE(a_broken_configuration_file_is_named) {
  const auto refuses_file = [](const std::string& content, strings hints,
                               bool names_the_file = true) {
    temporary_file file(content);
    if (names_the_file) hints.push_back(file.path());
    refuses({"--config", file.path()}, hints);
  };
  refuses_file("no_such_option = 1\n", {"no_such_option"});
  refuses_file("[[[[\n", {"[[[["});
  refuses_file("[devices]\ndevice = [\"a=/dev/null\"]\n", {});
  refuses_file("gps0 is at /dev/ttyUSB0\n", {});
  refuses_file("workers = many\ndevice = [\"a=/dev/null\"]\n", {"--workers", "many"}, false);
  refuses_file("device = [\"gps0\"]\n", {"device \"gps0\"", "it has no name"}, false);
  refuses_file("device = \"gps0=/dev/null\nserve = x\n", {"quotation marks"}, false);
  refuses_file("", {"there is nothing to read from"}, false);
}

BOOST_AUTO_TEST_CASE(a_configuration_file_says_the_same_as_options) {
  pseudo_terminal first;
  pseudo_terminal second;
  temporary_file file("# two receivers\ndevice = [\"gps0=" + first.path() + "@4800\", \"gps1=" +
                      second.path() + "\"]\nserve = \"127.0.0.1:0\"\nplain = true\n");
  gateway g({"--config", file.path()});
  g.await_output("gps0: up\n");
  g.await_output("gps1: up\n");
  client c(g.port());
  BOOST_TEST(c.ask("devices", "devices")["devices"].size() == 2U);
  g.send(SIGINT);
  BOOST_TEST(g.await_end() == 0);
}

// -- other ways to run it ---------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_device_that_is_missing_can_be_waited_for) {
  const auto name = fs::temp_directory_path() / ("buskin-test-port-" + std::to_string(::getpid()));
  gateway g({"--device", "gps0=" + name.string(), "--serve", "127.0.0.1:0", "--wait"});
  g.await_output("gps0: down");
  pseudo_terminal port;
  fs::create_symlink(port.path(), name);
  g.await_output("gps0: up\n");
  fs::remove(name);
  g.send(SIGINT);
  BOOST_TEST(g.await_end() == 0);
}

BOOST_AUTO_TEST_CASE(a_receiver_over_tcp_is_a_device_too) {
  // One gateway serves JSON lines, of which the other makes garbage: nothing of it is lost in its
  // books.
  one_device g;
  gateway second({"--device", "net=tcp://127.0.0.1:" + std::to_string(g.gateway.port()), "--serve",
                  "127.0.0.1:0"});
  second.await_output("net: up\n");
  g.gateway.send(SIGINT);
  BOOST_TEST(g.gateway.await_end() == 0);
  second.await_output("net: down");
  second.send(SIGINT);
  BOOST_TEST(second.await_end() == 0);
  check_summary(second.output());
}

BOOST_AUTO_TEST_CASE(the_demo_runs_without_a_terminal_and_its_books_balance) {
  for (const char* const workers : {"1", "2"}) {
    const auto before = folders_left();
    gateway g({"--demo", "--for", "3s", "--serve", "127.0.0.1:0", "--workers", workers});
    BOOST_TEST(g.await_end() == 0);
    BOOST_TEST(g.errors() == "");
    check_summary(g.output());
    BOOST_TEST(summed(g.output(), "all", "delivered") > 0U);
    BOOST_TEST(g.output().find("demo subscriber: ") != std::string::npos);
    BOOST_TEST(g.output().find('\x1b') == std::string::npos);
    BOOST_TEST(folders_left() == before);
  }
}

BOOST_AUTO_TEST_CASE(help_is_no_failure) {
  gateway g({"--help"});
  BOOST_TEST(g.await_end() == 0);
  BOOST_TEST(g.output().find("--device") != std::string::npos);
  BOOST_TEST(g.errors() == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace

#endif
