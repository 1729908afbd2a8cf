// What all parts of the gateway share: the stream of lines that goes to subscribers, and the books
// that account for every sentence.
#pragma once

#include "position.hpp"

#include <buskin/buskin.hpp>
#include <nlohmann/json.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace gateway {

inline constexpr std::size_t verdicts = 7;  // of buskin::io::nmea_status

/// The books of one device. received = delivered + the sum of rejected.
struct books {
  std::uint64_t received = 0;
  std::uint64_t delivered = 0;
  std::uint64_t positions = 0;
  std::array<std::uint64_t, verdicts> rejected{};  // by nmea_status

  std::uint64_t rejects() const;
  bool balanced() const { return received == delivered + rejects(); }
  void add(const books& other);
  nlohmann::json to_json() const;
};

/// A line for subscribers; shared by all of them.
struct line {
  std::string device;  // empty: for everybody
  std::string text;    // JSON, with its newline
};

/// A device and its books.
struct entry {
  explicit entry(buskin::io::device d) : device(std::move(d)) {}
  buskin::io::device device;
  mutable std::mutex mutex;  // with several workers the device's actor may not be on the reader's
  gateway::books books;      // guarded by mutex
  gateway::books snapshot() const {
    std::lock_guard guard(mutex);
    return books;
  }
};

class hub {
 public:
  /// How many lines a slow subscriber may fall behind before it misses some.
  static constexpr std::size_t backlog = 8192;

  hub() : lines_(backlog) {}

  void publish(std::string device, const nlohmann::json& content);
  buskin::subscription<std::shared_ptr<const line>> subscribe() const { return lines_.subscribe(); }
  void close() { lines_.close(); }

  entry& add(buskin::io::device device) {
    return *entries_.emplace_back(std::make_shared<entry>(std::move(device)));
  }
  const std::vector<std::shared_ptr<entry>>& entries() const noexcept { return entries_; }

  /// One subscriber has gone: what it was sent and what it missed.
  void account(std::uint64_t sent, std::uint64_t missed);
  std::uint64_t lines_sent() const noexcept { return sent_; }
  std::uint64_t lines_missed() const noexcept { return missed_; }
  std::atomic<int> subscribers{0};

  nlohmann::json devices_json() const;
  nlohmann::json stats_json() const;

 private:
  buskin::broadcast<std::shared_ptr<const line>> lines_;
  std::vector<std::shared_ptr<entry>> entries_;  // complete before anything runs
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> missed_{0};
};

}  // namespace gateway
