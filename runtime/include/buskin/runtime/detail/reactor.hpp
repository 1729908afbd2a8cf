// The descriptor behind an Asio loop.
#pragma once

namespace asio {
class io_context;
}

namespace buskin::detail {

/// A descriptor that is readable while the system has something to tell `io`: one of its
/// descriptors is ready, or one of its own timers is due. It may be polled by anybody, not read. -1
/// where there is none such.
int reactor_descriptor(asio::io_context& io) noexcept;

}  // namespace buskin::detail
