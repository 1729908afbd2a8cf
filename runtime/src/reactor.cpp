// Asio keeps its epoll descriptor to itself, and a host loop cannot be told of readable descriptors
// without it. An explicit instantiation may name a private member; should Asio rename it, this does
// not compile, rather than misbehave.
#include <buskin/runtime/detail/reactor.hpp>

#include <asio/io_context.hpp>

#if defined(ASIO_HAS_EPOLL)
#include <asio/detail/epoll_reactor.hpp>
#endif

namespace buskin::detail {

#if defined(ASIO_HAS_EPOLL)

namespace {

int asio::detail::epoll_reactor::*epoll_member() noexcept;

template <int asio::detail::epoll_reactor::*Member>
struct opened {
  friend int asio::detail::epoll_reactor::*epoll_member() noexcept { return Member; }
};
template struct opened<&asio::detail::epoll_reactor::epoll_fd_>;

}  // namespace

int reactor_descriptor(asio::io_context& io) noexcept {
  return asio::use_service<asio::detail::epoll_reactor>(io).*epoll_member();
}

#else

int reactor_descriptor(asio::io_context&) noexcept { return -1; }

#endif

}  // namespace buskin::detail
