// Follows a log as `tail -F` does, over its rotation, and keeps what it saw in a file that is
// always whole.
#include <buskin/buskin.hpp>

#include <filesystem>
#include <iostream>
#include <string>

namespace io = buskin::io;
namespace fs = std::filesystem;

namespace {

// [follow]
buskin::task<int> follow(fs::path log) {
  const auto watch = co_await io::directory_watch::open(log.parent_path());
  const io::line_reader_options whole_lines{.unfinished = io::unfinished_line::keep};
  auto file = co_await io::file::open(log);
  auto lines = file.lines(whole_lines);
  for (int count = 0;;) {
    // To the end of the file as it is now.
    while (const auto line = co_await lines.next()) {
      std::cout << "seen: " << *line << "\n";
      ++count;
      if (*line == "end") co_return count;
    }
    const auto event = co_await watch.next();
    using kind = io::directory_event::kind;
    if (event.path != log || (event.what != kind::created && event.what != kind::moved)) continue;
    // Another file has the name now. What is left in the old one comes first.
    while (const auto line = co_await lines.next()) {
      std::cout << "seen in the old one: " << *line << "\n";
      ++count;
    }
    file = co_await io::file::open(log);
    lines = file.lines(whole_lines);
  }
}
// [/follow]

// [write]
buskin::task<void> write_and_rotate(fs::path log) {
  auto file = co_await io::file::open(log, "a");
  co_await file.write("one\ntwo\nthr");
  co_await file.write("ee\n");
  fs::rename(log, log.string() + ".1");
  co_await file.write("four\n");  // by somebody who has not noticed yet
  co_await io::append(log, "five\nend\n");
}
// [/write]

buskin::task<void> co_main() {
  const auto folder = co_await io::temp_directory::create();
  const auto log = folder.path() / "log";
  co_await io::write_all(log, "");

  auto following = buskin::spawn(follow(log), {"follower"});
  co_await write_and_rotate(log);
  const int count = co_await following;

  // [replace]
  // Whoever reads it, even after a power cut, finds the old contents or the new ones.
  co_await io::replace(folder.path() / "state", std::to_string(count) + " lines\n");
  std::cout << co_await io::read_all(folder.path() / "state");
  // [/replace]
}

}  // namespace

int main() { buskin::run(co_main()); }
