// asyncio's subprocess_shell example: commands for the shell, several at a time.
#include <buskin/buskin.hpp>
#include <buskin/io/process.hpp>

#include <iostream>

namespace io = buskin::io;

// [shell]
buskin::task<std::string> run(io::process command) {
  const auto result = co_await command.communicate();
  co_return to_string(result.status) + "\n[stdout] " + *result.out + "[stderr] " + *result.err;
}

buskin::task<void> co_main() {
  // An argument stays one argument, whatever is in it.
  const std::string odd = "two words; $(exit 9)";
  auto [first, second] = co_await buskin::gather(
      run(co_await io::shell("echo {} | tr a-z A-Z; echo a problem >&2", {odd})),
      run(co_await io::shell_raw("echo $((6 * 7)); echo none >&2; exit 3")));
  std::cout << first << second;
}
// [/shell]

int main() { buskin::run(co_main()); }
