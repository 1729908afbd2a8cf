#include "table.hpp"

#include <cstdio>
#include <iostream>
#include <map>
#include <sstream>

namespace gateway {

using namespace std::chrono_literals;

namespace {

/// How many messages wait for each device's task, by the task's name.
std::map<std::string, std::size_t> mailbox_depths() {
  std::map<std::string, std::size_t> depths;
  for (const auto& task : buskin::runtime::current().all_tasks()) depths[task.name] = task.queued;
  return depths;
}

std::string row(const char* format, auto... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

/// The first session is no reconnect.
unsigned long long reconnects(std::uint64_t sessions) { return sessions == 0 ? 0 : sessions - 1; }

/// Knows what it showed last, for the rates.
class table {
 public:
  explicit table(const hub& shared) : hub_(shared) {}

  std::string draw(double seconds) {
    const auto depths = mailbox_depths();
    std::string text = row("%-12s %-11s %9s %10s %10s %9s %11s %8s\n", "device", "state", "sent/s",
                           "delivered", "bad sums", "rejected", "reconnects", "mailbox");
    for (const auto& each : hub_.entries()) {
      const auto now = each->snapshot();
      auto& before = shown_[each->device.name()];
      const double rate = seconds > 0 ? static_cast<double>(now.received - before) / seconds : 0;
      before = now.received;
      const auto depth = depths.find("task \"" + each->device.name() + "\"");
      text +=
          row("%-12s %-11s %9.1f %10llu %10llu %9llu %11llu %8zu\n", each->device.name().c_str(),
              to_string(each->device.state()), rate, static_cast<unsigned long long>(now.delivered),
              static_cast<unsigned long long>(
                  now.rejected[static_cast<std::size_t>(buskin::io::nmea_status::bad_checksum)]),
              static_cast<unsigned long long>(now.rejects()), reconnects(each->device.sessions()),
              depth == depths.end() ? std::size_t{0} : depth->second);
    }
    text += row("%d subscribers, %llu lines sent to those that left, %llu missed\n",
                hub_.subscribers.load(), static_cast<unsigned long long>(hub_.lines_sent()),
                static_cast<unsigned long long>(hub_.lines_missed()));
    return text;
  }

 private:
  const hub& hub_;
  std::map<std::string, std::uint64_t> shown_;
};

}  // namespace

buskin::task<void> show_table(std::shared_ptr<hub> shared, bool live) {
  table rows(*shared);
  const auto pause = live ? 500ms : 5000ms;
  std::size_t lines = 0;
  double seconds = 0;
  for (;;) {
    const std::string text = rows.draw(seconds);
    if (live) {
      // Up over the table that is there, and each line anew to its end.
      std::string out = lines == 0 ? "" : "\x1b[" + std::to_string(lines) + "A";
      std::istringstream all(text);
      lines = 0;
      for (std::string one; std::getline(all, one); ++lines) out += one + "\x1b[K\n";
      std::cout << out << std::flush;
    } else if (seconds > 0) {
      std::cout << text << std::flush;
    }
    co_await buskin::sleep(pause);
    seconds = std::chrono::duration<double>(pause).count();
  }
}

std::string summary(const hub& shared) {
  std::string text = "\nsummary\n";
  books all;
  bool balanced = true;
  const auto account = [&](const std::string& name, const books& b) {
    text += row("%-12s received %llu = delivered %llu + rejected %llu", name.c_str(),
                static_cast<unsigned long long>(b.received),
                static_cast<unsigned long long>(b.delivered),
                static_cast<unsigned long long>(b.rejects()));
    const char* separator = " (";
    for (std::size_t i = 0; i != verdicts; ++i) {
      if (b.rejected[i] == 0) continue;
      text += separator + std::string(to_string(static_cast<buskin::io::nmea_status>(i))) + " " +
              std::to_string(b.rejected[i]);
      separator = ", ";
    }
    if (b.rejects() != 0) text += ")";
    text += "; positions " + std::to_string(b.positions);
  };
  for (const auto& each : shared.entries()) {
    const auto b = each->snapshot();
    balanced = balanced && b.balanced();
    all.add(b);
    account(each->device.name(), b);
    text += "; sessions " + std::to_string(each->device.sessions()) + "\n";
  }
  account("all", all);
  text += row("\nsubscribers  lines sent %llu, missed %llu\n",
              static_cast<unsigned long long>(shared.lines_sent()),
              static_cast<unsigned long long>(shared.lines_missed()));
  text += balanced && all.balanced() ? "every sentence is accounted for\n"
                                     : "THE BOOKS DO NOT BALANCE\n";
  return text;
}

}  // namespace gateway
