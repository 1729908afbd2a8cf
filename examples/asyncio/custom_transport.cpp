// A transport of one's own: a line that answers in capitals. A full stream stands on it.
#include <buskin/buskin.hpp>

#include <algorithm>
#include <cctype>
#include <iostream>
#include <memory>

// [transport]
class shouting_line final : public buskin::io::byte_transport {
  using transfer = buskin::io::transfer;

 public:
  transfer read_some(std::span<char> target) override {
    if (answers_.empty()) return over_ ? transfer::ended() : transfer::blocked();
    const auto count = std::min(target.size(), answers_.size());
    std::copy_n(answers_.begin(), count, target.begin());
    answers_.erase(0, count);
    return transfer::moved(count);
  }
  transfer write_some(std::string_view bytes) override {
    for (const char each : bytes) answers_ += static_cast<char>(std::toupper(each));
    readable();
    return transfer::moved(bytes.size());
  }
  void end_of_writing() override {
    over_ = true;
    readable();
  }
  void close() noexcept override { std::cout << "the line is closed\n"; }
  std::string describe() const override { return "shouting line"; }

 private:
  std::string answers_;
  bool over_ = false;
};
// [/transport]

buskin::task<void> co_main() {
  // [use]
  auto line = buskin::io::from_transport(std::make_unique<shouting_line>());
  co_await line.write("hello\nworld\n");
  line.write_eof();
  buskin::io::framed<buskin::io::line_codec> answers(line);
  while (auto answer = co_await answers.next()) std::cout << *answer << '\n';
  // [/use]
  line.close();
}

int main() { buskin::run(co_main()); }
