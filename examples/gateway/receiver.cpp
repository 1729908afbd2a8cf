#include "receiver.hpp"

#include <iostream>
#include <optional>
#include <system_error>

namespace gateway {

using buskin::task;
using buskin::io::nmea_sentence;
using buskin::io::nmea_status;

namespace {

nlohmann::json to_json(const std::string& device, const position& p) {
  nlohmann::json json{{"type", "position"},
                      {"device", device},
                      {"source", p.source},
                      {"lat", p.latitude},
                      {"lon", p.longitude}};
  const auto add = [&](const char* name, const auto& value) {
    if (value) json[name] = *value;
  };
  add("altitude_m", p.altitude_m);
  add("speed_knots", p.speed_knots);
  add("course_deg", p.course_deg);
  add("mmsi", p.mmsi);
  add("quality", p.quality);
  add("satellites", p.satellites);
  if (!p.time_utc.empty()) json["time_utc"] = p.time_utc;
  return json;
}

/// One session of a device: from its coming up to its going down.
class session {
 public:
  session(hub& shared, entry& whose) : hub_(shared), entry_(whose) {}

  void take(const nmea_sentence& sentence) {
    std::optional<position> found;
    if (sentence.status == nmea_status::valid) {
      hub_.publish(
          entry_.device.name(),
          {{"type", "sentence"}, {"device", entry_.device.name()}, {"sentence", sentence.text}});
      found = decode_position(sentence);
      if (!found) found = ais_.decode(sentence);
      if (found) hub_.publish(entry_.device.name(), to_json(entry_.device.name(), *found));
    }
    std::lock_guard guard(entry_.mutex);
    auto& books = entry_.books;
    ++books.received;
    if (sentence.status == nmea_status::valid)
      ++books.delivered;
    else
      ++books.rejected[static_cast<std::size_t>(sentence.status)];
    if (found) ++books.positions;
  }

 private:
  hub& hub_;
  entry& entry_;
  ais_decoder ais_;
};

task<void> read_sentences(std::shared_ptr<hub> shared, entry& whose, buskin::io::stream bytes) {
  session books(*shared, whose);
  buskin::io::framed<buskin::io::nmea0183_codec> sentences(std::move(bytes));
  std::exception_ptr failure;
  int burst = 0;
  try {
    while (auto sentence = co_await sentences.next()) {
      books.take(*sentence);
      // A device that sends faster than a wire could still leaves the others their turns.
      if (++burst % 16 == 0) co_await buskin::yield();
    }
  } catch (...) {
    failure = std::current_exception();
  }
  // Unplugged or told to end in the middle of a sentence: what had arrived is accounted for, too.
  sentences.end();
  while (auto sentence = sentences.next_buffered()) books.take(*sentence);
  if (failure) std::rethrow_exception(failure);
}

task<buskin::io::stream> open_port(device_settings settings) {
  co_return buskin::io::serial_device::open(settings.path, {.baud = settings.baud});
}

task<buskin::io::stream> open_tcp(device_settings settings) {
  co_return co_await buskin::io::connect(settings.tcp);
}

}  // namespace

void add_receiver(const std::shared_ptr<hub>& shared, const device_settings& settings) {
  // The entry exists only after the device does, which runs later: the session finds it by its
  // place. The hub owns the device, so the device must not own the hub.
  const std::size_t place = shared->entries().size();
  shared->add(buskin::io::device(
      settings.name,
      [settings] { return settings.tcp.empty() ? open_port(settings) : open_tcp(settings); },
      [weak = std::weak_ptr(shared), place](buskin::io::stream bytes) {
        auto hub = weak.lock();
        if (!hub) throw buskin::invalid_state("the gateway has ended");
        auto& whose = *hub->entries()[place];
        return read_sentences(std::move(hub), whose, std::move(bytes));
      }));
}

task<void> report_states(std::shared_ptr<hub> shared, std::shared_ptr<entry> whose, bool log) {
  auto events = whose->device.events();
  for (;;) {
    const auto event = (co_await events.next()).value;
    nlohmann::json json{
        {"type", "state"}, {"device", event.device}, {"state", to_string(event.state)}};
    if (!event.reason.empty()) json["reason"] = event.reason;
    shared->publish(event.device, json);
    if (log)
      std::cout << event.device << ": " << to_string(event.state)
                << (event.reason.empty() ? "" : ", " + event.reason) << std::endl;
  }
}

}  // namespace gateway
