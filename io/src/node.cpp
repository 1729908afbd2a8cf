#include <buskin/io/node.hpp>

#include <buskin/actors/detail/broker.hpp>
#include <buskin/actors/timeout.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/runtime/detail/worker.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>

#include "node_core.hpp"
#include "peer_link.hpp"

#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace buskin::io {

namespace detail {

namespace {

// -- where nodes of this host are ---------------------------------------------------------------

/// Ours alone, made if need be.
std::filesystem::path folder_of_nodes() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const auto folder = runtime != nullptr && *runtime != '\0'
                          ? std::filesystem::path(runtime) / "buskin"
                          : std::filesystem::path("/tmp/buskin-" + std::to_string(::geteuid()));
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    throw std::system_error(errno, std::generic_category(),
                            "cannot make the folder of this user's nodes, " + folder.string());
  struct stat about {};
  if (::lstat(folder.c_str(), &about) != 0 || !S_ISDIR(about.st_mode) ||
      about.st_uid != ::geteuid() || (about.st_mode & 077) != 0)
    throw std::system_error(std::make_error_code(std::errc::permission_denied),
                            folder.string() +
                                " is not a folder of this user alone (mode 0700), so what is in it "
                                "cannot be trusted; remove it, or set XDG_RUNTIME_DIR");
  return folder;
}

bool is_node_name(const std::string& name) {
  return !name.empty() && name.size() <= longest_name && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return c < 0x80 && (std::isalnum(c) || c == '.' || c == '_' || c == '-');
         });
}

bool is_unix(const std::string& where) { return where.starts_with("unix:"); }

/// The name of a node of this host, or an address.
std::string to_address(const std::string& where) {
  if (is_unix(where) || where.find(':') != std::string::npos) return where;
  if (!is_node_name(where))
    throw std::invalid_argument("\"" + where +
                                "\" is neither an address (\"host:port\", \"unix:/path\") nor a "
                                "node's name (letters, digits, '.', '_' and '-')");
  return "unix:" + (folder_of_nodes() / where).string();
}

void check(const node_options& options) {
  if (!is_node_name(options.name))
    throw std::invalid_argument("\"" + options.name +
                                "\" is no name for a node: 1 to 255 letters, digits, '.', '_' and "
                                "'-', the first no '.'");
  if (options.silence < std::chrono::milliseconds(10) || options.silence > std::chrono::hours(24))
    throw std::invalid_argument("node \"" + options.name +
                                "\": silence is how long a peer may say nothing, 10 ms to a day");
  if (options.max_message < longest_hello)
    throw std::invalid_argument("node \"" + options.name + "\": max_message is at least " +
                                std::to_string(longest_hello) + " bytes");
}

// -- who is there -------------------------------------------------------------------------------

tls_context with_1_3(tls_context context) {
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_3_VERSION);
  return context;
}

tls_context server_context(const node_tls& who) {
  return with_1_3(tls_context::server(who.certificate, who.key)
                      .trust(who.authority)
                      .require_client_certificate());
}

tls_context client_context(const node_tls& who) {
  return with_1_3(tls_context::client().trust(who.authority).certificate(who.certificate, who.key));
}

/// The system vouches for a peer at a Unix socket.
void check_user(const connection& peer) {
  const auto who = peer.peer_credentials();
  if (who.uid != ::geteuid() && who.uid != 0)
    throw node_refused("process " + std::to_string(who.pid) + " is of user " +
                       std::to_string(who.uid) + ", and only our own user " +
                       std::to_string(::geteuid()) + " is let in");
}

/// Its certificate vouches for one at TLS.
void check_certificate(const connection& peer, const std::string& name) {
  const auto session = peer.tls();
  if (!session || !session->peer) throw node_refused("\"" + name + "\" has shown no certificate");
  const auto& names = session->peer->names;
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  std::string text;
  for (const auto& each : names) text += (text.empty() ? "" : ", ") + each;
  throw node_refused("it calls itself \"" + name + "\", and its certificate is for " +
                     (text.empty() ? "nobody" : text));
}

task<hello> greet(connection peer, hello ours) {
  bare_unit unit(system_here("a greeting"));
  co_await peer.write(to_frame(unit, ours));
  const auto head = co_await peer.read_exactly(frame_head);
  const std::size_t length = length_of_frame(head);
  if (length > longest_hello)
    throw node_refused(
        "the other end is no node that this one can talk to: what it says is not "
        "Buskin's protocol");
  const auto frame = co_await peer.read_exactly(length);
  co_return to_hello(unit, frame);
}

/// They tell each other who they are; then it is a peer.
task<std::shared_ptr<peer_core>> get_acquainted(std::shared_ptr<node_core> core, connection peer,
                                                std::string expected) {
  const bool local = !peer.tls().has_value();
  if (local) check_user(peer);
  auto said = co_await wait_for(greet(peer, core->greeting()), core->options().greeting);
  if (!local) check_certificate(peer, said.name);
  if (!expected.empty() && said.name != expected)
    throw node_refused("it is node \"" + said.name + "\", and \"" + expected + "\" was expected");
  if (said.node == core->system().node())
    throw node_refused("it is this very process; what is published here needs no connection");
  const auto made = std::make_shared<peer_core>(core, std::move(said));
  core->add(made);
  const auto link = make_lean<peer_link>(core->system(), peer, made, core->options().silence);
  link->track(shutdown_phase::ordinary);
  link->launch_here();
  if (core->closed()) made->leave("it was closed meanwhile");
  co_return made;
}

task<void> welcome(std::shared_ptr<node_core> core, connection client) {
  std::shared_ptr<peer_core> peer;
  std::string why;
  try {
    peer = co_await get_acquainted(core, client, {});
  } catch (const cancelled&) {
    throw;
  } catch (const std::exception& error) {
    why = error.what();
  }
  if (!peer) {
    core->report_refusal(why);
    co_return;
  }
  // The connection is its handler's.
  co_await peer->down().wait();
}

/// Ends a node with its runtime.
class node_actor final : public lean_actor {
 public:
  node_actor(caf::actor_config& config, std::shared_ptr<node_core> core)
      : lean_actor(config), core_(std::move(core)) {
    hold();
  }
  const char* name() const override { return "buskin.node"; }
  std::string title() const override { return "node \"" + core_->options().name + "\""; }

 protected:
  void on_message(caf::mailbox_element_ptr& element) override { refuse(*element); }
  void on_end() noexcept override {
    core_->close();
    drop();
  }

 private:
  const std::shared_ptr<node_core> core_;
};

std::shared_ptr<node_core> make_core(node_options options) {
  auto& system = system_here("node");
  auto core = std::make_shared<node_core>(system, std::move(options));
  const auto actor = make_lean<node_actor>(system, core);
  actor->track(shutdown_phase::ordinary);
  core->set_actor(actor);
  actor->launch_here();
  return core;
}

task<server> open(std::shared_ptr<node_core> core, std::string where, std::source_location source) {
  serve_options options{.name = "node " + core->options().name};
  options.tls.reset();
  if (core->options().tls && !is_unix(where)) {
    options.tls = server_context(*core->options().tls);
    options.handshake_timeout = core->options().greeting;
    options.on_handshake_failure = [core](std::exception_ptr why) {
      core->report_refusal(describe(why));
    };
  }
  co_return co_await serve(
      std::move(where), [core](connection client) { return welcome(core, std::move(client)); },
      std::move(options), source);
}

}  // namespace

}  // namespace detail

// -- node ---------------------------------------------------------------------------------------

task<node> node::listen(node_options options, std::source_location where) {
  detail::check(options);
  const std::string address =
      options.address.empty() ? detail::to_address(options.name) : options.address;
  if (detail::is_unix(address)) {
    if (options.tls && !options.address.empty())
      throw std::invalid_argument("node \"" + options.name +
                                  "\": at a Unix socket the system vouches for the user; leave "
                                  "tls out");
  } else if (!options.tls) {
    throw std::invalid_argument(
        "node \"" + options.name + "\" would listen at " + address +
        " for anybody who gets there; give it tls (an authority, a certificate for \"" +
        options.name + "\" and its key: scripts/certificates makes them), or no address");
  }
  node made(detail::make_core(std::move(options)));
  struct undo {
    ~undo() {
      if (core) core->close();
    }
    std::shared_ptr<detail::node_core> core;
  } otherwise{made.core_};
  made.core_->set_server(co_await detail::open(made.core_, address, where));
  otherwise.core = nullptr;
  co_return made;
}

node node::without_address(node_options options) {
  detail::check(options);
  if (!options.address.empty())
    throw std::invalid_argument("node \"" + options.name +
                                "\" has an address: use node::listen, which listens there");
  return node(detail::make_core(std::move(options)));
}

const std::string& node::name() const noexcept { return core_->options().name; }

std::string node::address() const {
  const auto listening = core_->its_server();
  if (!listening) throw invalid_state("node \"" + name() + "\" listens nowhere");
  return listening->local().to_string();
}

task<peer> node::connect(std::string where, std::string expected,
                         std::source_location source) const {
  const auto core = core_;
  if (core->closed()) throw invalid_state("node \"" + name() + "\" was closed");
  const std::string address = detail::to_address(where);
  connect_options options;
  if (address == where && !detail::is_unix(where)) {
    const auto& tls = core->options().tls;
    if (!tls)
      throw std::invalid_argument("node \"" + name() + "\" cannot connect to " + where +
                                  " without tls: nobody would vouch for who is there");
    if (expected.empty()) expected = where.substr(0, where.rfind(':'));
    options.tls = detail::client_context(*tls);
    options.server_name = expected;
    options.handshake_timeout = core->options().greeting;
  } else if (address != where && expected.empty()) {
    expected = where;
  }
  auto bytes = co_await io::connect(address, std::move(options), source);
  try {
    co_return peer(co_await detail::get_acquainted(core, bytes, expected));
  } catch (const incomplete_read&) {
    throw node_refused(address +
                       " closed the connection without a word: it does not take us, or "
                       "is no node");
  }
}

task<peer> node::reach(std::string where, std::string expected, std::source_location source) const {
  const auto self = *this;
  const auto way = self.core_->way_to(where, expected);
  const auto alone = co_await way->connecting.hold(source);
  if (auto there = way->made.lock(); there && !there->ended()) co_return peer(std::move(there));
  auto made = co_await self.connect(std::move(where), std::move(expected), source);
  way->made = made.core_;
  co_return made;
}

void node::publish(std::string name, caf::actor actor) const { core_->publish(name, actor); }
void node::add_offer(std::string name, detail::offer made) const {
  core_->add_offer(name, std::move(made));
}
bool node::unpublish(const std::string& name) const { return core_->unpublish(name); }
std::vector<std::string> node::published() const { return core_->published(); }

std::vector<peer> node::peers() const {
  std::vector<peer> all;
  for (auto& each : core_->peers()) all.emplace_back(std::move(each));
  return all;
}

void node::close() const { core_->close(); }

// -- peer ---------------------------------------------------------------------------------------

namespace {

/// Asks a peer something; whoever gives up waiting is forgotten.
template <class T, class Ask>
task<T> answer_to(std::shared_ptr<detail::peer_core> core, Ask ask, std::source_location where) {
  struct asked {
    ~asked() { of.forget_question(number); }
    detail::peer_core& of;
    std::uint64_t number;
  };
  promise<T> answer(where);
  auto coming = answer.get_future();
  const asked pending{*core, ask(*core, std::move(answer))};
  co_return co_await coming;
}

}  // namespace

const std::string& peer::name() const noexcept { return core_->peer().name; }

task<caf::actor> peer::lookup(std::string name, std::source_location where) const {
  const auto core = core_;
  auto found = co_await answer_to<caf::actor>(
      core,
      [&](detail::peer_core& of, promise<caf::actor> answer) {
        return of.ask_for(name, std::move(answer));
      },
      where);
  if (!found)
    throw request_failed(core->title() + " publishes nothing under the name \"" + name + "\"");
  co_return found;
}

task<std::vector<std::string>> peer::names(std::source_location where) const {
  return answer_to<std::vector<std::string>>(
      core_,
      [](detail::peer_core& of, promise<std::vector<std::string>> answer) {
        return of.ask_for_names(std::move(answer));
      },
      where);
}

bool peer::up() const { return !core_->ended(); }

task<std::string> peer::down(std::source_location where) const {
  const auto core = core_;
  co_await core->down().wait(where);
  co_return describe(core->why());
}

void peer::close(std::string why) const { core_->leave(why); }

}  // namespace buskin::io
