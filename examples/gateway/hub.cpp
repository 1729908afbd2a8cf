#include "hub.hpp"

#include <numeric>

namespace gateway {

using buskin::io::nmea_status;

std::uint64_t books::rejects() const {
  return std::accumulate(rejected.begin(), rejected.end(), std::uint64_t{0});
}

void books::add(const books& other) {
  received += other.received;
  delivered += other.delivered;
  positions += other.positions;
  for (std::size_t i = 0; i != verdicts; ++i) rejected[i] += other.rejected[i];
}

nlohmann::json books::to_json() const {
  nlohmann::json reasons = nlohmann::json::object();
  for (std::size_t i = 0; i != verdicts; ++i)
    if (rejected[i] != 0)
      reasons[std::string(buskin::io::to_string(static_cast<nmea_status>(i)))] = rejected[i];
  return {{"received", received},
          {"delivered", delivered},
          {"positions", positions},
          {"rejected", reasons}};
}

void hub::publish(std::string device, const nlohmann::json& content) {
  // A sentence is printable text, but a device may say what it likes: nothing that is not UTF-8
  // gets into a line.
  lines_.publish(std::make_shared<const line>(
      line{std::move(device),
           content.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"}));
}

void hub::account(std::uint64_t sent, std::uint64_t missed) {
  sent_ += sent;
  missed_ += missed;
}

nlohmann::json hub::devices_json() const {
  auto list = nlohmann::json::array();
  for (const auto& each : entries_)
    list.push_back({{"device", each->device.name()},
                    {"state", to_string(each->device.state())},
                    {"sessions", each->device.sessions()}});
  return {{"type", "devices"}, {"devices", list}};
}

nlohmann::json hub::stats_json() const {
  auto all = nlohmann::json::object();
  for (const auto& each : entries_) all[each->device.name()] = each->snapshot().to_json();
  return {{"type", "stats"}, {"devices", all}, {"subscribers", subscribers.load()}};
}

}  // namespace gateway
