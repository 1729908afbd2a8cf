#include <buskin/io/exit_status.hpp>

#include "fuzz/fuzz.hpp"

#include <sys/wait.h>

#include <cstring>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace buskin;
  using how = io::exit_status::how;
  int raw = 0;
  std::memcpy(&raw, data, size < sizeof raw ? size : sizeof raw);
  const auto status = io::exit_status::from_wait(raw);
  fuzz::check((status.ended == how::signalled) == WIFSIGNALED(raw), "how it ended is wrong");
  if (status.ended == how::exited)
    fuzz::check(status.code >= 0 && status.code <= 255 && !status.core_dumped, "a code is wrong");
  else
    fuzz::check(status.code >= 1 && status.code <= 127, "a signal's number is wrong");
  fuzz::check(status.success() == (status.return_code() == 0), "a success is none");
  fuzz::check(!io::to_string(status).empty(), "there are no words for it");
  return 0;
}
