#include "datagram_actor.hpp"

#include <buskin/actors/atoms.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>

#include <caf/actor_cast.hpp>

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace buskin::io::detail {

namespace {

std::optional<io::address> peer_of(int descriptor) {
  const auto peer = io::address::peer_of(descriptor);
  return peer.size() == 0 ? std::nullopt : std::optional(peer);
}

/// What the network says of a destination, and not what is wrong with the datagram.
bool is_of_the_peer(int error) noexcept {
  return error == ECONNREFUSED || error == EHOSTUNREACH || error == EHOSTDOWN || error == ENONET ||
         error == ECONNRESET;
}

}  // namespace

std::span<char> landing() {
  static thread_local std::string buffer(64 * 1024, '\0');
  return buffer;
}

datagram_actor::datagram_actor(caf::actor_config& config, unique_descriptor socket)
    : lean_actor(config),
      socket_(std::move(socket)),
      local_(io::address::local_of(socket_.get())),
      peer_(peer_of(socket_.get())) {
  readiness_set::of(here.worker->io()).add(*this, socket_.get());
}

datagram_actor::~datagram_actor() { readiness_set::remove(*this); }

std::string datagram_actor::describe() const {
  const bool inet = local_.family() == AF_INET || local_.family() == AF_INET6;
  if (!inet) return "datagram socket";
  return "udp " + local_.to_string() + (peer_ ? " to " + peer_->to_string() : "");
}

void datagram_actor::fail(const char* what, const std::error_code& error) const {
  throw std::system_error(error, std::string("cannot ") + what + " " + describe());
}

// -- news ---------------------------------------------------------------------------------------

void datagram_actor::on_readiness(readiness what) {
  const lean_ref<datagram_actor> keep(this);  // whoever is told may drop the last handle
  calls_ = 0;
  if (what.readable) {
    readable_ = true;
    receivers_.tell();
    feed_subscriber();
  }
  if (what.writable) flush();
}

/// Goes on when others have had their turn.
void datagram_actor::next_turn() {
  if (std::exchange(turn_asked_, true)) return;
  post_function(*home(), [keep = lean_ref<datagram_actor>(this)] {
    keep->turn_asked_ = false;
    keep->on_readiness({.readable = keep->readable_, .writable = true, .ended = false});
  });
}

// -- receiving ----------------------------------------------------------------------------------

bool datagram_actor::try_receive(std::span<char> target, datagram_size& got) {
  if (closed_) fail("receive from", std::make_error_code(std::errc::operation_canceled));
  if (noted_) fail("send from", std::exchange(noted_, {}));
  if (!readable_) return false;
  if (++calls_ > calls_a_turn) {
    next_turn();
    return false;
  }
  sockaddr_storage from{};
  for (;;) {
    socklen_t size = sizeof from;
    const ssize_t count = ::recvfrom(socket_.get(), target.data(), target.size(), MSG_TRUNC,
                                     reinterpret_cast<sockaddr*>(&from), &size);
    if (count >= 0) {
      got = {static_cast<std::size_t>(count),
             io::address(reinterpret_cast<const sockaddr*>(&from), size)};
      return true;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      readable_ = false;
      return false;
    }
    fail("receive from", last_error());
  }
}

void datagram_actor::feed_subscriber() {
  const auto buffer = landing();
  while (credit_ != 0 && !closed_) {
    const auto whom = caf::actor_cast<caf::strong_actor_ptr>(subscriber_);
    if (!whom || whom->get()->getf(caf::abstract_actor::is_terminated_flag)) {
      credit_ = 0;
      subscriber_ = {};
      return;
    }
    const auto tell = [&](auto&&... values) {
      whom->enqueue(make_element(caf::strong_actor_ptr(ctrl()), caf::make_message_id(),
                                 std::forward<decltype(values)>(values)...),
                    here.worker);
    };
    try {
      datagram_size got;
      if (!try_receive(buffer, got)) return;
      --credit_;
      tell(datagram_received::value, std::string(buffer.data(), got.size), got.from.to_string());
    } catch (...) {
      tell(datagram_failed::value, to_error(std::current_exception()));
    }
  }
}

// -- sending ------------------------------------------------------------------------------------

void datagram_actor::check_destination(const std::optional<io::address>& to) const {
  if (!to && !peer_)
    throw invalid_state(describe() + " has no peer; use send_to, or open it with a remote address");
  if (to && peer_ && *to != *peer_)
    throw std::invalid_argument("cannot send to " + to->to_string() + " from " + describe() +
                                ", which has a peer; use a socket without one");
}

bool datagram_actor::offer(std::string_view bytes, const std::optional<io::address>& to) {
  const auto* whom = to && !peer_ ? to->data() : nullptr;
  const socklen_t size = whom != nullptr ? to->size() : 0;
  bool told = false;
  for (;;) {
    if (::sendto(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL, whom, size) >= 0)
      return true;
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
    const auto error = last_error();
    if (!is_of_the_peer(error.value())) {
      if (error.value() == EACCES)
        throw std::system_error(error, "cannot send to " + (to ? to->to_string() : "the peer") +
                                           " from " + describe() +
                                           "; for a broadcast set datagram_options::broadcast");
      fail("send from", error);
    }
    // What an earlier datagram met. This one was not sent.
    noted_ = error;
    if (std::exchange(told, true)) return true;
  }
}

void datagram_actor::send(std::string_view bytes, const std::optional<io::address>& to) {
  if (closed_) fail("send from", std::make_error_code(std::errc::not_connected));
  if (out_.empty() && offer(bytes, to)) {
    if (noted_) receivers_.tell();
    return;
  }
  out_.push_back({std::string(bytes), to});
  unsent_ += bytes.size() + header;
}

void datagram_actor::flush() {
  const bool any = !out_.empty();
  while (!out_.empty()) {
    try {
      if (!offer(out_.front().bytes, out_.front().to)) break;
    } catch (const std::system_error& error) {
      noted_ = error.code();  // its sender has gone on
    }
    unsent_ -= out_.front().bytes.size() + header;
    out_.pop_front();
  }
  if (!any) return;
  if (noted_) receivers_.tell();
  senders_.tell();
  drainers_.tell();
}

// -- options ------------------------------------------------------------------------------------

void datagram_actor::set_option(int level, int name, const void* value, socklen_t size,
                                const std::string& what) {
  if (closed_) fail("change", std::make_error_code(std::errc::bad_file_descriptor));
  if (::setsockopt(socket_.get(), level, name, value, size) != 0)
    throw std::system_error(last_error(), "cannot " + what + " of " + describe());
}

unsigned datagram_actor::interface_index(const std::string& interface) const {
  if (interface.empty()) return 0;
  const unsigned index = ::if_nametoindex(interface.c_str());
  if (index == 0)
    throw std::system_error(last_error(), "there is no interface \"" + interface + "\"");
  return index;
}

void datagram_actor::change_group(bool join, const std::string& group,
                                  const std::string& interface) {
  const bool v6 = local_.family() == AF_INET6;
  const auto where = io::address::parse(group, 0);
  if (where.family() != local_.family())
    throw std::invalid_argument(group + " is no group for " + describe() + ", which is IPv" +
                                (v6 ? "6" : "4"));
  group_req request{};
  request.gr_interface = interface_index(interface);
  std::memcpy(&request.gr_group, where.data(), where.size());
  set_option(v6 ? IPPROTO_IPV6 : IPPROTO_IP, join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, &request,
             sizeof request, (join ? "join " : "leave ") + group + " as a group");
}

// -- messages -----------------------------------------------------------------------------------

void datagram_actor::send_for(caf::mailbox_element& element, const std::string& bytes,
                              std::optional<io::address> to) {
  if (unsent_ > high_water_)
    throw std::system_error(std::make_error_code(std::errc::no_buffer_space),
                            describe() + " keeps " + std::to_string(unsent_) +
                                " bytes that the system does not take; send less, or await send");
  check_destination(to);
  send(bytes, to);
  respond(element, caf::message());
}

void datagram_actor::on_message(caf::mailbox_element_ptr& element) {
  auto& content = element->content();
  try {
    if (content.match_elements<send_datagram, std::string>()) {
      send_for(*element, content.get_as<std::string>(1), std::nullopt);
    } else if (content.match_elements<send_datagram, std::string, std::string>()) {
      const auto to = host_port::parse(content.get_as<std::string>(2));
      send_for(*element, content.get_as<std::string>(1), io::address::parse(to.host, to.port));
    } else if (content.match_elements<buskin::subscribe, std::uint32_t>() && element->sender) {
      if (caf::actor_cast<caf::strong_actor_ptr>(subscriber_) &&
          subscriber_ != element->sender->address())
        throw invalid_state(describe() + " has a subscriber already");
      subscriber_ = element->sender->address();
      credit_ = content.get_as<std::uint32_t>(1);
      respond(*element, caf::message());
      feed_subscriber();
    } else if (content.match_elements<more_datagrams, std::uint32_t>() && element->sender &&
               element->sender->address() == subscriber_) {
      credit_ += content.get_as<std::uint32_t>(1);
      respond(*element, caf::message());
      feed_subscriber();
    } else if (content.match_elements<buskin::unsubscribe>() && element->sender) {
      if (element->sender->address() == subscriber_) {
        subscriber_ = {};
        credit_ = 0;
      }
      respond(*element, caf::message());
    } else if (content.match_elements<close_datagram>()) {
      respond(*element, caf::message());
      quit();
    } else {
      refuse(*element);
    }
  } catch (...) {
    respond(*element, caf::make_message(to_error(std::current_exception())));
  }
}

// -- ending -------------------------------------------------------------------------------------

void datagram_actor::close() {
  enter_or_post([](lean_actor& self) { self.quit(); });
}

void datagram_actor::on_end() noexcept {
  try {
    flush();
  } catch (...) {  // no memory to say so: what is kept is lost anyway
  }
  shut();
  drop();
}

void datagram_actor::shut() noexcept {
  closed_ = true;
  readiness_set::remove(*this);
  socket_ = unique_descriptor();
  out_.clear();
  unsent_ = 0;
  credit_ = 0;
  receivers_.tell();
  senders_.tell();
  drainers_.tell();
}

}  // namespace buskin::io::detail
