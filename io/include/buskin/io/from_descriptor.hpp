// A stream over a descriptor that comes from elsewhere: a pipe, a socket, a terminal.
#pragma once

#include <buskin/io/stream.hpp>

#include <string>

namespace buskin::io {

/// Makes a stream of an open descriptor: asyncio's connect_read_pipe, connect_write_pipe and
/// connect_accepted_socket in one. From the call on it is the stream's, which closes it, also when
/// this throws; it becomes non-blocking and close-on-exec. (Who else shares the open file, as a
/// shell does its terminal, gets that non-blocking as well: then hand over one of your own.) Inside
/// a running runtime.
///
/// To end writing (`write_eof`) shuts a socket's sending side down, closes a pipe, and types Ctrl-D
/// on the master's side of a pseudo terminal. Of a pipe that is only written to, a read waits until
/// nobody reads it any more and yields the end; the stream is closed then, and further writes fail
/// with EPIPE.
///
/// `name` is what the stream is called in texts; "descriptor 7" if it is empty. Throws
/// std::system_error for what is no open descriptor, or cannot be waited for;
/// std::invalid_argument for a regular file or directory (io::file is for those), a listening
/// socket, and a datagram socket.
stream from_descriptor(int descriptor, std::string name = {});

}  // namespace buskin::io
