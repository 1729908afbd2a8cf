#include <buskin/io/detail/connect_race.hpp>

#include <buskin/runtime/errors.hpp>

#include <algorithm>
#include <cstddef>
#include <system_error>

namespace buskin::io::detail {

namespace {

/// How much a failure says of the host: one that answered most of all.
int weight_of(const std::error_code& code) {
  if (code == std::errc::connection_refused || code == std::errc::permission_denied) return 3;
  if (code == std::errc::timed_out || code == std::errc::connection_reset) return 2;
  if (code == std::errc::host_unreachable || code == std::errc::network_unreachable) return 1;
  return 0;
}

}  // namespace

std::vector<address> interleave(const std::vector<address>& addresses) {
  std::vector<address> firsts;
  std::vector<address> others;
  for (const auto& each : addresses)
    (each.family() == addresses.front().family() ? firsts : others).push_back(each);
  std::vector<address> all;
  for (std::size_t i = 0; i != std::max(firsts.size(), others.size()); ++i) {
    if (i < firsts.size()) all.push_back(firsts[i]);
    if (i < others.size()) all.push_back(others[i]);
  }
  return all;
}

void throw_unreachable(const std::string& host, const std::vector<address>& addresses,
                       const std::vector<std::exception_ptr>& errors) {
  std::error_code code;
  std::string text;
  std::exception_ptr only;
  for (std::size_t i = 0; i != errors.size(); ++i) {
    try {
      std::rethrow_exception(errors[i]);
    } catch (const std::system_error& error) {
      only = text.empty() ? errors[i] : nullptr;
      text += (text.empty() ? " at " : ", at ") + addresses[i].to_string() + " (" +
              error.code().message() + ")";
      if (!code || weight_of(error.code()) > weight_of(code)) code = error.code();
    } catch (const cancelled&) {
      // Not by us: somebody else ended the attempt, which says nothing of the address.
    }
  }
  if (only) std::rethrow_exception(only);
  const std::string what = "cannot connect to " + host;
  if (code) throw std::system_error(code, what + text);
  if (errors.empty())
    throw std::system_error(std::make_error_code(std::errc::address_not_available),
                            what + ": it has no address");
  throw timeout_error(what + ": all attempts were given up");
}

}  // namespace buskin::io::detail
