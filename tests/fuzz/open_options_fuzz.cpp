#include <buskin/io/open_options.hpp>

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace buskin;
  const std::string mode(reinterpret_cast<const char*>(data), size);
  io::open_options options;
  try {
    options = io::open_options::from_mode(mode);
  } catch (const std::invalid_argument&) {
    return 0;
  }
  fuzz::check(mode.size() <= 3, "a long mode is none");
  fuzz::check(options.read || options.write, "a file is opened for nothing");
  fuzz::check(!options.truncate || (options.write && mode[0] == 'w'), "a file is emptied");
  fuzz::check(!options.exclusive || options.create, "one that must not be there is not made");
  return 0;
}
