// A server that answers lines, also one whose line does not end where it should.
#include <buskin/buskin.hpp>

#include <algorithm>
#include <cctype>
#include <iostream>

namespace io = buskin::io;

// [server]
buskin::task<void> answer_lines(io::connection client) {
  for (;;) {
    std::string line;
    bool too_long = false;
    try {
      line = co_await client.read_line(40);
    } catch (const buskin::limit_overrun&) {
      too_long = true;
    }
    if (too_long) {  // nothing was consumed: it could be read on, with a higher limit
      co_await client.write("that is too long\n");
      co_return;
    }
    if (line.empty()) co_return;  // the client sends no more
    if (line.back() == '\n') line.pop_back();
    std::transform(line.begin(), line.end(), line.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    co_await client.write({"> ", line, "\n"});
  }
}
// [/server]

buskin::task<void> talk(std::string where, std::string name, std::string text) {
  auto server = co_await io::connect(where);
  co_await server.write(text);
  server.write_eof();
  for (std::string line; !(line = co_await server.read_line()).empty();)
    std::cout << name << ' ' << line;
}

buskin::task<void> co_main() {
  auto server = co_await io::serve("127.0.0.1:0", answer_lines);
  const auto where = server.local().to_string();
  co_await talk(where, "one", "hello\nworld\nthe last line has no end");
  co_await talk(where, "two", "fine\n" + std::string(100, 'x') + "\nnot read any more\n");
  server.close();
}

int main() { buskin::run(co_main()); }
