#include <buskin/io/file.hpp>

#include "blocking_call.hpp"
#include "file_actor.hpp"

#include <buskin/actors/detail/broker.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>

#include <unistd.h>

namespace buskin::io {

namespace detail {

file_owner::file_owner(std::unique_ptr<open_file> opened)
    : line_(std::make_shared<file_line>(std::move(opened))),
      actor_(make_broker<file_actor>(system_here("a file"), line_).get()) {}

file_owner::~file_owner() {
  thread_pool* pool = nullptr;
  try {
    // In a thread that is no worker's it may well be closed here.
    if (here.worker != nullptr) pool = &here.worker->owner().owner().default_executor();
  } catch (const invalid_state&) {
    // The runtime was shut down: it is closed with the last reference.
  }
  if (pool == nullptr) {
    if (after) after();
    return;
  }
  try {
    line_->close_behind(*pool, after);
  } catch (const std::exception&) {
    // Refused, which is the same; `after` was called.
  }
}

namespace {

using stop = const std::stop_token&;

void unread(open_file& from, std::string& bytes) { from.unread(bytes); }

int whence_of(seek_from from) noexcept {
  switch (from) {
    case seek_from::beginning:
      return SEEK_SET;
    case seek_from::position:
      return SEEK_CUR;
    case seek_from::end:
      return SEEK_END;
  }
  return SEEK_SET;
}

}  // namespace

}  // namespace detail

using detail::file_wait;
using detail::open_file;
using detail::stop;

task<file> file::open(std::filesystem::path path, open_options options,
                      std::source_location where) {
  auto opened = co_await detail::blocking_call(
      [path = std::move(path), options](const std::stop_token& stop) {
        return std::make_unique<open_file>(path, options, stop);
      },
      where);
  co_return file(std::make_shared<detail::file_owner>(std::move(opened)));
}

task<file> file::open(std::filesystem::path path, std::string_view mode,
                      std::source_location where) {
  return open(std::move(path), open_options::from_mode(mode), where);
}

// -- reading ----------------------------------------------------------------------------------

file_wait<std::string> file::read(std::size_t most, std::source_location where) const {
  return {"file::read", line(), [most](open_file& f, stop s) { return f.read(most, s); }, where,
          detail::unread};
}

file_wait<std::string> file::read_at(std::uint64_t offset, std::size_t most,
                                     std::source_location where) const {
  return {"file::read_at", line(),
          [offset, most](open_file& f, stop s) { return f.read_at(offset, most, s); }, where};
}

file_wait<std::string> file::read_all(std::size_t limit, std::source_location where) const {
  return {"file::read_all", line(), [limit](open_file& f, stop s) { return f.read_all(limit, s); },
          where, detail::unread};
}

line_reader file::lines(line_reader_options options) const { return {line(), options}; }

// -- writing ----------------------------------------------------------------------------------

file_wait<void> file::write(std::string bytes, std::source_location where) const {
  return {"file::write", line(),
          [bytes = std::move(bytes)](open_file& f, stop s) { f.write(bytes, s); }, where};
}

file_wait<void> file::write_at(std::uint64_t offset, std::string bytes,
                               std::source_location where) const {
  return {"file::write_at", line(),
          [offset, bytes = std::move(bytes)](open_file& f, stop) { f.write_at(offset, bytes); },
          where};
}

file_wait<void> file::truncate(std::uint64_t size, std::source_location where) const {
  return {"file::truncate", line(), [size](open_file& f, stop) { f.truncate(size); }, where};
}

file_wait<void> file::sync(sync_what what, std::source_location where) const {
  return {"file::sync", line(),
          [what](open_file& f, stop) {
            if (what == sync_what::data)
              f.sync_data();
            else
              f.sync();
          },
          where};
}

// -- where and what ---------------------------------------------------------------------------

file_wait<std::uint64_t> file::seek(std::int64_t offset, seek_from from,
                                    std::source_location where) const {
  return {"file::seek", line(),
          [offset, from](open_file& f, stop) { return f.seek(offset, detail::whence_of(from)); },
          where};
}

file_wait<file_status> file::stat(std::source_location where) const {
  return {"file::stat", line(), [](open_file& f, stop) { return f.status(); }, where};
}

file_wait<void> file::close(std::source_location where) const {
  return {"file::close", line(), [](open_file& f, stop) { f.close(); }, where};
}

const std::filesystem::path& file::path() const { return line()->file().path(); }

std::string file::describe() const {
  return owner_ ? "file " + detail::quoted(path()) : "a file that was not opened";
}

caf::actor file::actor() const { return owner()->actor(); }

const std::shared_ptr<detail::file_owner>& file::owner() const {
  if (!owner_) throw invalid_state("this file was not opened; it was default-constructed");
  return owner_;
}

}  // namespace buskin::io
