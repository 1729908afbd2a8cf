#include "tls_peer_name.hpp"

#include "fuzz/fuzz.hpp"

#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace buskin;
  using io::detail::tls_peer_name;
  const std::string given(reinterpret_cast<const char*>(data), size);
  tls_peer_name name;
  try {
    name = tls_peer_name::parse(given);
  } catch (const std::invalid_argument&) {
    return 0;
  }
  fuzz::check(!name.text.empty() && name.text.size() <= 253, "a name has a strange length");
  fuzz::check(std::all_of(name.text.begin(), name.text.end(),
                          [](unsigned char c) { return c > ' ' && c < 0x7f; }),
              "a name has characters that no name has");
  fuzz::check(name.is_address || name.text.find(':') == std::string::npos,
              "a host name looks like an address");
  const auto again = tls_peer_name::parse(name.text);
  fuzz::check(again.text == name.text && again.is_address == name.is_address,
              "what was read is read otherwise");
  return 0;
}
