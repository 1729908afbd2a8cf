// A protocol of one's own on memory of one's own: records of a fixed size, received where they are
// used, with a writer that stops while the peer is slow.
#include <buskin/buskin.hpp>

#include <array>
#include <iostream>
#include <memory>

// [records]
/// Counts up from what it is sent: one byte asks for so many numbers of two digits.
struct counter : buskin::io::buffered_protocol {
  void connection_made(buskin::io::transport link) override {
    transport = link;
    transport.set_write_buffer_limits({.high = 20, .low = 0});
  }
  std::span<char> get_buffer(std::size_t) override { return request; }
  void buffer_updated(std::size_t) override {
    left += request.front();
    send();
  }
  void pause_writing() override {
    ++pauses;
    paused = true;
  }
  void resume_writing() override {
    paused = false;
    send();
  }
  void send() {
    for (; left > 0 && !paused; --left, ++number)
      transport.write({number < 10 ? "0" : "", std::to_string(number), " "});
  }

  buskin::io::transport transport;
  std::array<char, 1> request{};
  int left = 0;
  int number = 0;
  int pauses = 0;
  bool paused = false;
};
// [/records]

buskin::task<void> co_main() {
  // [attach]
  auto [here, there] = buskin::io::memory_stream(16);
  auto numbers = std::make_shared<counter>();
  const auto link = buskin::io::attach(there, numbers);
  // [/attach]
  co_await here.write("\x3c");  // sixty
  const auto all = co_await here.read_exactly(180);
  std::cout << all.substr(0, 12) << "... " << all.substr(168, 11) << '\n';
  std::cout << "paused " << (numbers->pauses > 1 ? "more than once" : "too seldom") << '\n';
  link.close();
  std::cout << "then the end: '" << co_await here.read() << "'\n";
}

int main() { buskin::run(co_main()); }
