// The programs of aiofiles' README: a file is read as a whole, line by line, and written; a
// temporary one goes by itself.
#include <buskin/buskin.hpp>

#include <filesystem>
#include <iostream>

namespace io = buskin::io;

// [read]
buskin::task<void> read_contents(std::filesystem::path path) {
  auto file = co_await io::file::open(path, "r");
  std::cout << co_await file.read_all();
}
// [/read]

// [lines]
buskin::task<void> read_lines(std::filesystem::path path) {
  auto file = co_await io::file::open(path);
  auto lines = file.lines();
  int number = 0;
  while (const auto line = co_await lines.next()) std::cout << ++number << ": " << *line << "\n";
}
// [/lines]

// [temporary]
buskin::task<void> use_temporary_file() {
  auto file = co_await io::temp_file::create();
  co_await file.write("Hello, World!");
  co_await file.seek(0);
  std::cout << co_await file.read(5) << ", at " << co_await file.tell() << "\n";
}
// [/temporary]

buskin::task<void> co_main() {
  const auto folder = co_await io::temp_directory::create();
  const auto path = folder.path() / "filename";
  {
    auto file = co_await io::file::open(path, "w");
    co_await file.write("My file contents\n");
    co_await file.write("in two lines\n");
    co_await file.close();
  }
  co_await read_contents(path);
  co_await read_lines(path);
  co_await use_temporary_file();
  try {
    co_await io::file::open("/no/such/file");
  } catch (const std::system_error& error) {
    std::cout << error.what() << "\n";
  }
}

int main() { buskin::run(co_main()); }
