#include "subscriber.hpp"

#include <set>
#include <sstream>
#include <string>

namespace gateway {

using buskin::task;
using json = nlohmann::json;

namespace {

/// What one client wants; shared by the task that reads its commands and the one that sends it
/// lines, which run in turn.
struct wishes {
  bool everything = false;
  std::set<std::string> devices;
  bool wants(const line& l) const {
    return everything || l.device.empty() || devices.contains(l.device);
  }
};

/// A complaint repeats what the client said, which may be anything: nothing that is not UTF-8 gets
/// into a line.
std::string to_line(const json& content) {
  return content.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

json complaint(const std::string& what) { return {{"type", "error"}, {"error", what}}; }

/// Sends what the client wants, as fast as it reads. One that is too slow misses lines and is told
/// how many.
task<void> send_lines(std::shared_ptr<hub> shared, std::shared_ptr<wishes> wanted,
                      buskin::io::connection client,
                      buskin::subscription<std::shared_ptr<const line>> lines) {
  std::uint64_t sent = 0;
  std::uint64_t missed = 0;
  std::exception_ptr failure;
  try {
    for (;;) {
      auto item = co_await lines.next();
      if (item.missed != 0) {
        missed += item.missed;
        co_await client.write(to_line({{"type", "missed"}, {"lines", item.missed}}));
      }
      if (!wanted->wants(*item.value)) continue;
      ++sent;
      co_await client.write(item.value->text);
    }
  } catch (const buskin::queue_shutdown&) {
    // The gateway ends, and all was sent.
  } catch (...) {
    failure = std::current_exception();
  }
  shared->account(sent, missed);
  if (failure) std::rethrow_exception(failure);
  co_await client.write(to_line({{"type", "end"}}));
  co_await client.drain();  // the program ends when all clients have their lines
  client.close();
}

class commands {
 public:
  commands(hub& shared, wishes& wanted) : hub_(shared), wishes_(wanted) {}

  /// The answer to a command; "quit" is the caller's.
  json run(const std::string& text) {
    std::istringstream words(text);
    std::string verb, what, more;
    words >> verb >> what >> more;
    if (!more.empty()) return complaint("too many words in \"" + text + "\"");
    if (verb == "subscribe" || verb == "unsubscribe") return change(verb == "subscribe", what);
    if (verb == "devices" && what.empty()) return hub_.devices_json();
    if (verb == "stats" && what.empty()) return hub_.stats_json();
    return complaint("\"" + text +
                     "\" is no command; there are subscribe *, subscribe NAME, unsubscribe [NAME], "
                     "devices, stats, quit");
  }

 private:
  json change(bool add, const std::string& what) {
    if (add && what.empty())
      return complaint("subscribe to what? subscribe * for everything, or a device's name");
    if (what == "*" || what.empty()) {
      wishes_.everything = add;
      if (!add) wishes_.devices.clear();
    } else {
      bool known = false;
      for (const auto& each : hub_.entries()) known = known || each->device.name() == what;
      if (!known)
        return complaint("there is no device \"" + what + "\"; the command devices lists them");
      if (add)
        wishes_.devices.insert(what);
      else
        wishes_.devices.erase(what);
    }
    return {{"type", add ? "subscribed" : "unsubscribed"}, {"to", what.empty() ? "*" : what}};
  }

  hub& hub_;
  wishes& wishes_;
};

task<void> read_commands(std::shared_ptr<hub> shared, std::shared_ptr<wishes> wanted,
                         buskin::io::connection client) {
  commands known(*shared, *wanted);
  buskin::io::framed<buskin::io::line_codec> lines(client,
                                                   buskin::io::line_codec({.max_length = 1024}));
  for (;;) {
    std::optional<std::string> text;
    std::string trouble;
    try {
      text = co_await lines.next();
    } catch (const buskin::limit_overrun&) {
      trouble = "a command is at most 1024 bytes long";
    }
    if (!trouble.empty()) {
      co_await client.write(to_line(complaint(trouble)));
      continue;
    }
    if (!text || *text == "quit") co_return;
    if (text->empty()) continue;
    co_await client.write(to_line(known.run(*text)));
  }
}

}  // namespace

task<void> serve_client(std::shared_ptr<hub> shared, buskin::io::connection client) {
  ++shared->subscribers;
  struct leave {
    hub& shared;
    ~leave() { --shared.subscribers; }
  } at_exit{*shared};
  auto wanted = std::make_shared<wishes>();
  try {
    co_await buskin::task_group().run([&](buskin::task_group& group) -> task<void> {
      group.spawn(send_lines(shared, wanted, client, shared->subscribe()),
                  {"lines for " + client.peer().to_string()});
      co_await read_commands(shared, wanted, client);
      group.cancel();  // the client has said goodbye
    });
  } catch (const buskin::cancelled&) {
    client.abort();  // the gateway ends, and this client had its time to read
    throw;
  } catch (const buskin::exception_group&) {
    // The connection broke; that is the end of this client and nobody else's business.
  }
}

}  // namespace gateway
