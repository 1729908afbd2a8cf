#include <buskin/io/address.hpp>

#include "fuzz/fuzz.hpp"

#include <stdexcept>
#include <system_error>

namespace {

using namespace buskin;

void read_host_and_port(const std::string& text) {
  io::host_port read;
  try {
    read = io::host_port::parse(text);
  } catch (const std::invalid_argument&) {
    return;
  }
  fuzz::check(read.host.find('\0') == std::string::npos, "the system would read half of a host");
  fuzz::check(read.service.empty() || read.port == 0, "a port has a name and a number");
  const auto again = io::host_port::parse(read.to_string());
  fuzz::check(again.host == read.host && again.port == read.port && again.service == read.service,
              "what was read is read otherwise");
}

void read_number(const std::string& text) {
  try {
    const auto read = io::address::parse(text, 80);
    const auto both = io::host_port::parse(read.to_string());
    fuzz::check(io::address::parse(both.host, both.port) == read,
                "what was read is read otherwise");
  } catch (const std::invalid_argument&) {
  }
}

void read_path(const std::string& text) {
  try {
    const auto read = io::address::of_path(text);
    fuzz::check(read.path() == text, "a path was changed");
    fuzz::check(io::address::of_path(read.path()) == read, "the same path is another");
  } catch (const std::invalid_argument&) {
  } catch (const std::system_error& error) {
    fuzz::check(error.code() == std::errc::filename_too_long, "a path is refused without reason");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  read_host_and_port(text);
  read_number(text);
  read_path(text);
  return 0;
}
