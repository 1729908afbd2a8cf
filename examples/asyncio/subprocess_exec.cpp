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
  co_await run_what_is_missing();
}

int main() { buskin::run(co_main()); }
