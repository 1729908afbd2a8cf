// A server whose clients are actors.
#include <buskin/io/serve.hpp>

#include <buskin/actors/monitor.hpp>
#include <buskin/io/stream_messages.hpp>
#include <buskin/runtime/errors.hpp>

#include "server_actor.hpp"
#include "stream_actor.hpp"

#include <caf/actor_addr.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/send.hpp>

#include <utility>

namespace buskin::io {

namespace detail {

namespace {

/// The session of such a client: it holds the connection until the face has ended.
task<void> show_face(connection client, caf::actor acceptor) {
  const auto face = stream_actor::of(core_of(client));
  const auto handle = face.handle();
  const auto ending = monitor(handle);
  face->enter_or_post([whom = caf::actor_cast<caf::strong_actor_ptr>(acceptor)](lean_actor& self) {
    static_cast<stream_actor&>(self).adopt({}, whom, true);
  });
  caf::anon_send(acceptor, new_connection::value, handle, client.peer().to_string());
  co_await ending;  // why is told to its owner
}

}  // namespace

}  // namespace detail

task<server> serve(std::string where, caf::actor acceptor, serve_options options,
                   std::source_location source) {
  if (!acceptor) throw invalid_state("serve was given an acceptor that refers to nobody");
  auto handler = [acceptor](connection client) {
    return detail::show_face(std::move(client), acceptor);
  };
  auto made = co_await serve(std::move(where), std::move(handler), std::move(options), source);
  // With nobody to take its clients, a server is of no use. The acceptor, who may have many of them
  // one after the other, keeps none.
  caf::actor_cast<caf::abstract_actor*>(acceptor)->attach_functor([where = made.actor().address()] {
    if (const auto alive = caf::actor_cast<caf::strong_actor_ptr>(where)) {
      auto* actor =
          static_cast<detail::server_actor*>(caf::actor_cast<caf::abstract_actor*>(alive));
      server(lean_ref<detail::server_actor>(actor)).close();
    }
  });
  co_return made;
}

}  // namespace buskin::io
