#include <buskin/io/whole_file.hpp>

#include "blocking_call.hpp"

#include <buskin/io/detail/open_file.hpp>
#include <buskin/io/detail/replace_file.hpp>

#include <utility>

namespace buskin::io {

using detail::blocking_call;
using detail::open_file;

namespace {

void write_to(const std::filesystem::path& path, const char* mode, const std::string& bytes,
              const std::stop_token& stop) {
  open_file to(path, open_options::from_mode(mode), stop);
  to.write(bytes, stop);
  to.close();
}

}  // namespace

task<std::string> read_all(std::filesystem::path path, std::size_t limit,
                           std::source_location where) {
  co_return co_await blocking_call(
      [path = std::move(path), limit](const std::stop_token& stop) {
        return open_file(path, {}, stop).read_all(limit, stop);
      },
      where);
}

task<void> write_all(std::filesystem::path path, std::string bytes, std::source_location where) {
  co_await blocking_call([path = std::move(path), bytes = std::move(bytes)](
                             const std::stop_token& stop) { write_to(path, "w", bytes, stop); },
                         where);
}

task<void> append(std::filesystem::path path, std::string bytes, std::source_location where) {
  co_await blocking_call([path = std::move(path), bytes = std::move(bytes)](
                             const std::stop_token& stop) { write_to(path, "a", bytes, stop); },
                         where);
}

task<void> replace(std::filesystem::path path, std::string bytes, std::source_location where) {
  co_await blocking_call(
      [path = std::move(path), bytes = std::move(bytes)] { detail::replace_file(path, bytes); },
      where);
}

task<file_status> stat(std::filesystem::path path, std::source_location where) {
  co_return co_await blocking_call([path = std::move(path)] { return detail::status_of(path); },
                                   where);
}

task<bool> remove(std::filesystem::path path, std::source_location where) {
  co_return co_await blocking_call(
      [path = std::move(path)] {
        std::error_code failure;
        const bool was_there = std::filesystem::remove(path, failure);
        if (failure) throw std::system_error(failure, "cannot remove " + detail::quoted(path));
        return was_there;
      },
      where);
}

}  // namespace buskin::io
