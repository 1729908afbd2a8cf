#include "demo.hpp"

#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <system_error>

namespace gateway {

using namespace std::chrono_literals;
using buskin::task;

namespace {

using chance = std::mt19937_64;

bool happens(chance& random, double probability) {
  return std::bernoulli_distribution(probability)(random);
}

buskin::duration between(chance& random, buskin::duration least, buskin::duration most) {
  return buskin::duration(
      std::uniform_int_distribution<buskin::duration::rep>(least.count(), most.count())(random));
}

/// A sentence as a noisy wire delivers it: now and then a wrong byte, or noise in front.
std::string as_received(std::string sentence, chance& random) {
  if (happens(random, 0.02)) sentence[sentence.size() / 2] ^= 0x01;
  if (happens(random, 0.01)) sentence = std::string("\x00\xff~noise~", 9) + sentence;
  return sentence;
}

/// Sends sentences at `baud` (ten bits a byte) until it has been long enough, or the stream breaks.
task<void> play(buskin::io::stream bytes, const std::vector<std::string>& sentences,
                std::size_t& next, unsigned baud, buskin::duration length, chance& random) {
  const auto end = buskin::runtime::current().now() + length;
  while (buskin::runtime::current().now() < end) {
    const std::string sentence = as_received(sentences[next++ % sentences.size()], random);
    co_await bytes.write(sentence);
    co_await buskin::sleep(std::chrono::microseconds(sentence.size() * 10'000'000ULL / baud));
  }
}

}  // namespace

std::vector<std::string> read_recording(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read the recording " + path);
  std::vector<std::string> sentences;
  for (std::string text; std::getline(file, text);) {
    if (!text.empty() && text.back() == '\r') text.pop_back();
    if (!text.empty() && text.front() != '#') sentences.push_back(text + "\r\n");
  }
  if (sentences.empty()) throw std::runtime_error("the recording " + path + " has no sentences");
  return sentences;
}

std::vector<simulated> simulated_receivers(const settings& given, const device_folder& folder,
                                           std::uint16_t tcp_port) {
  const std::string own = GATEWAY_RECORDINGS;
  const auto recordings =
      given.recordings.empty()
          ? std::vector<std::string>{own + "/gps-walk.nmea", own + "/gps-buoy.nmea"}
          : given.recordings;
  std::vector<simulated> all;
  for (std::size_t i = 0; i != recordings.size(); ++i) {
    const std::string name = "gps" + std::to_string(i);
    all.push_back({{name, folder.path(name), i == 0 ? 4800U : 38400U, {}}, recordings[i]});
  }
  all.push_back(
      {{"ais", {}, 38400, "127.0.0.1:" + std::to_string(tcp_port)}, own + "/ais-harbour.nmea"});
  return all;
}

task<void> play_on_port(simulated which, std::uint64_t seed) {
  const auto sentences = read_recording(which.recording);
  chance random(seed);
  std::size_t next = 0;
  for (;;) {
    {
      pseudo_terminal port(which.device.path);
      try {
        co_await play(port.bytes(), sentences, next, which.device.baud, between(random, 3s, 7s),
                      random);
      } catch (const std::system_error&) {
        // Nobody has the port open yet, or any more: the receiver goes on talking to nobody, like a
        // real one.
      }
    }
    co_await buskin::sleep(between(random, 300ms, 2000ms));  // unplugged
  }
}

task<void> play_to_client(std::vector<std::string> sentences, std::uint64_t seed,
                          buskin::io::connection client) {
  chance random(seed);
  std::size_t next = 0;
  co_await play(client, sentences, next, 38400, between(random, 4s, 9s), random);
  client.abort();  // the cable is pulled
}

task<void> subscribe_and_count(std::string where, std::shared_ptr<counted> into) {
  auto server = co_await buskin::io::connect(where);
  co_await server.write("subscribe *\n");
  buskin::io::framed<buskin::io::line_codec> lines(server);
  while (auto text = co_await lines.next()) {
    ++into->lines;
    const auto json = nlohmann::json::parse(*text);
    if (json["type"] == "position") {
      ++into->positions;
      into->last_position = *text;
    }
    if (json["type"] == "end") co_return;
  }
}

}  // namespace gateway
