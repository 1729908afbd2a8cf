// asyncio's subprocess example: a program with arguments as they are, an input and both outputs.
#include <buskin/buskin.hpp>
#include <buskin/io/process.hpp>

#include <iostream>

// [exec]
buskin::task<void> sort_words(std::string words) {
  buskin::io::process_options options;
  options.in = buskin::io::redirect::pipe();
  auto sort = co_await buskin::io::exec({"sort", "-u"}, options);
  const auto result = co_await sort.communicate(words);
  std::cout << "sort " << to_string(result.status) << "\n" << *result.out;
}
// [/exec]

// [lines]
buskin::task<void> count() {
  auto seq = co_await buskin::io::exec({"seq", "3"});
  auto out = seq.out();
  for (int i = 0; i != 3; ++i) std::cout << "line: " << co_await out.read_until("\n");
  std::cout << "seq " << to_string(co_await seq.wait()) << "\n";
}
// [/lines]

// [run]
buskin::task<void> count_lines() {
  buskin::io::run_process_options options;
  options.input = "pear\napple\n";
  const auto result = co_await buskin::io::run_process({"wc", "-l"}, options);
  std::cout << "lines: " << *result.out;
  try {
    co_await buskin::io::run_process({"/bin/sh", "-c", "echo nothing there >&2; exit 2"});
  } catch (const buskin::io::process_failed& error) {
    std::cout << to_string(error.status()) << ", having said: " << *error.output().err;
  }
}
// [/run]

// [missing]
buskin::task<void> run_what_is_missing() {
  try {
    co_await buskin::io::exec({"/no/such/program"});
  } catch (const std::system_error& error) {
    std::cout << error.what() << "\n";
  }
}
// [/missing]

buskin::task<void> co_main() {
  co_await sort_words("pear\napple\npear\nfig\n");
  co_await count();
  co_await count_lines();
  co_await run_what_is_missing();
}

int main() { buskin::run(co_main()); }
