#include <buskin/io/resolve.hpp>

#include <buskin/io/detail/lookup.hpp>
#include <buskin/runtime/errors.hpp>

#include "resolver_pool.hpp"

#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace buskin::io {

namespace detail {

namespace {

/// The codes of getaddrinfo.
class lookup_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "getaddrinfo"; }
  std::string message(int code) const override { return ::gai_strerror(code); }
  std::error_condition default_error_condition(int) const noexcept override {
    return std::errc::address_not_available;
  }
};

std::error_code code_of(const lookup_answer& found) {
  static const lookup_category codes;
  if (found.code == EAI_SYSTEM) return {found.system_code, std::system_category()};
  return {found.code != 0 ? found.code : EAI_NONAME, codes};
}

const char* null_if_empty(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

}  // namespace

lookup_answer ask_system(const lookup_key& what, bool numeric) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = (numeric ? AI_NUMERICHOST : AI_ADDRCONFIG) |
                   (what.purpose == resolve_for::listening ? AI_PASSIVE : 0);
  if (what.service.empty()) hints.ai_flags |= AI_NUMERICSERV;
  const char* service = what.service.empty() ? "0" : what.service.c_str();
  addrinfo* found = nullptr;
  lookup_answer result;
  result.code = ::getaddrinfo(null_if_empty(what.host), service, &hints, &found);
  result.system_code = errno;
  for (const addrinfo* at = found; result.code == 0 && at != nullptr; at = at->ai_next) {
    if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
    const address each(at->ai_addr, at->ai_addrlen);
    auto& all = result.addresses;
    if (all.size() == most_addresses) break;
    if (std::find(all.begin(), all.end(), each) == all.end()) all.push_back(each);
  }
  if (found != nullptr) ::freeaddrinfo(found);
  return result;
}

}  // namespace detail

task<std::vector<address>> resolve(host_port where, resolve_options options,
                                   std::source_location source) {
  const detail::lookup_key what{where.host, where.service, options.purpose};
  auto found = detail::ask_system(what, true);
  if (found.code == EAI_NONAME && !where.host.empty()) {
    const bool keep = options.cache > duration::zero();
    auto known =
        keep ? detail::resolver_pool::instance().remembered(what, options.cache) : std::nullopt;
    found = known ? std::move(*known) : co_await detail::lookup_wait(what, keep, source);
  }
  if (found.code == EAI_SERVICE)
    throw std::system_error(detail::code_of(found), "cannot find the port of \"" + where.service +
                                                        "\" for \"" + where.host + "\"");
  if (found.code != 0 || found.addresses.empty())
    throw std::system_error(detail::code_of(found),
                            "cannot find the address of \"" + where.host + "\"");
  if (where.service.empty())
    for (auto& each : found.addresses) each.set_port(where.port);
  co_return std::move(found.addresses);
}

task<std::vector<address>> resolve(host_port where, resolve_for purpose,
                                   std::source_location source) {
  return resolve(std::move(where), resolve_options{.purpose = purpose}, source);
}

void clear_resolve_cache() { detail::resolver_pool::instance().clear(); }

}  // namespace buskin::io
