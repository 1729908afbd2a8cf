// The message face of streams: what `stream::actor()` understands, and what it sends.
#pragma once

#include <buskin/actors/atoms.hpp>

#include <caf/atom.hpp>

namespace buskin::io {

// -- writing --------------------------------------------------------------------------------------

/// `(write_stream, std::string bytes)`. As a request it is answered when `stream::write` would
/// return: the bytes were accepted, and once more than the stream's high-water mark was unsent, it
/// is no more than the low one. Who waits for that cannot outrun the peer. As a
/// plain message it is accepted without a word; that it failed is told to the subscriber.
using write_stream = caf::atom_constant<caf::atom("bk.stwrite")>;
/// Nothing more will be written; the peer is told after what is unsent.
using end_stream = caf::atom_constant<caf::atom("bk.steof")>;

// -- reading, in Erlang's three modes -------------------------------------------------------------

/// Passive: `(read_stream, std::uint64_t most)`, a request, is answered with a `std::string` of 1
/// to `most` bytes; an empty one means that the peer sends no more. Several are served in order;
/// none while a subscriber has credit.
using read_stream = caf::atom_constant<caf::atom("bk.stread")>;
// Active: `(subscribe, std::uint32_t credit)` makes the sender the subscriber, who is sent what is
// read, one message a read, as often as it gave credit for: 1 is Erlang's `once`, n its `{active,
// n}`. Without credit nothing is read, which slows the peer down. `(unsubscribe)` ends it, and so
// does the subscriber's end.
/// `(more_reads, std::uint32_t credit)`: so many more for the subscriber.
using more_reads = caf::atom_constant<caf::atom("bk.stmore")>;

/// `(stream_received, std::string bytes)`, of 1 byte to 64 KiB.
using stream_received = caf::atom_constant<caf::atom("bk.strecv")>;
/// A credit of more than one is used up (Erlang's tcp_passive).
using stream_passive = caf::atom_constant<caf::atom("bk.stpass")>;
/// The peer sends no more, or the stream was closed. What is written may still arrive in the first
/// case: who owns the stream closes it. To the subscriber, and to the owner at the close.
using stream_ended = caf::atom_constant<caf::atom("bk.stend")>;
/// `(stream_failed, caf::error why)`. Instead of stream_ended.
using stream_failed = caf::atom_constant<caf::atom("bk.stfail")>;

// -- ending, owning -------------------------------------------------------------------------------

/// Ends reading at once and writing when all is sent, as `stream::close`.
using close_stream = caf::atom_constant<caf::atom("bk.stclose")>;
/// Ends both at once.
using abort_stream = caf::atom_constant<caf::atom("bk.stabort")>;
/// `(own_stream, caf::actor owner)`, from the owner: it is another's from now on (Erlang's
/// controlling_process). Only of streams that an actor owns: a server's clients, and what was given
/// away by `hand_over`.
using own_stream = caf::atom_constant<caf::atom("bk.stown")>;
/// `(new_connection, caf::actor client, std::string peer)`: what a server sends to its acceptor.
using new_connection = caf::atom_constant<caf::atom("bk.newconn")>;

}  // namespace buskin::io
