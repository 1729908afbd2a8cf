// A stream for an actor that has messages only.
#pragma once

#include <buskin/io/stream.hpp>
#include <buskin/io/stream_messages.hpp>

#include <caf/actor.hpp>

namespace buskin::io {

/// Gives `bytes` to `owner`, who uses it by the messages of the actor that is returned
/// (stream_messages.hpp); that actor keeps the stream open until it is closed by message, by the
/// owner's end (what is unsent is still sent), or by the runtime's shutdown. The owner is told how
/// it ended, by stream_ended or stream_failed; who links to or monitors the actor gets the reason.
/// Any thread of the runtime's.
///
/// Throws invalid_state for a stream or owner that refers to nothing.
caf::actor hand_over(stream bytes, const caf::actor& owner);

}  // namespace buskin::io
