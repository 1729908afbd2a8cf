// Linux: inotify.
#include <buskin/io/directory_watch.hpp>

#include "blocking_call.hpp"

#include <buskin/io/detail/open_file.hpp>
#include <buskin/io/fd_watch.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/use_task.hpp>

#include <asio/steady_timer.hpp>

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <utility>

namespace buskin::io {

namespace fs = std::filesystem;

namespace {

using kind = directory_event::kind;

constexpr std::uint32_t wanted = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB |
                                 IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF |
                                 IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;
// The kernel tells of the two halves of a move one right after the other, but not in one step.
constexpr auto second_half = std::chrono::milliseconds(5);
constexpr int reads_a_turn = 16;

/// Watches another directory; in a thread that may block.
int add_to(int inotify, const fs::path& directory) {
  const int number = ::inotify_add_watch(inotify, directory.c_str(), wanted);
  if (number < 0)
    throw std::system_error(detail::last_error(), "cannot watch " + detail::quoted(directory));
  return number;
}

struct entry {
  directory_event event;
  std::uint32_t cookie = 0;
  bool half = false;  // a move whose other half may still come
};

}  // namespace

struct directory_watch::state {
  explicit state(detail::unique_descriptor made)
      : home(*detail::here.worker), inotify(std::move(made)), readiness(inotify.get()) {}
  ~state();
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  /// Takes what the kernel has.
  void read();
  void take(const inotify_event& event);
  void take_move(const inotify_event& event, directory_event told);

  const detail::worker_ref home;
  detail::unique_descriptor inotify;
  const fd_watch readiness;
  std::map<int, fs::path> directories;
  std::deque<entry> entries;
};

/// To close the last descriptor of an inotify can take the kernel a second, so a thread of the pool
/// does that, behind the watch that has another one.
directory_watch::state::~state() {
  auto close = [watch = readiness,
                last = std::make_shared<detail::unique_descriptor>(std::move(inotify))]() mutable {
    watch.close();
    detail::run_aside([last = std::move(last)] { *last = detail::unique_descriptor(); });
  };
  if (home.is_here())
    close();
  else
    home.post(std::move(close));
}

void directory_watch::state::read() {
  alignas(inotify_event) std::array<char, 64 * 1024> buffer;
  for (int i = 0; i != reads_a_turn; ++i) {
    const ssize_t got = ::read(inotify.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != EAGAIN)
      throw std::system_error(detail::last_error(), "cannot read what happened in directories");
    if (got <= 0) return;
    for (const char *at = buffer.data(), *end = at + got; at < end;) {
      const auto& event = *reinterpret_cast<const inotify_event*>(at);
      take(event);
      at += sizeof event + event.len;
    }
  }
}

void directory_watch::state::take(const inotify_event& event) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    entries.push_back({{kind::overflow, {}, {}, false}});
    return;
  }
  const auto directory = directories.find(event.wd);
  if (directory == directories.end()) return;
  directory_event told;
  told.path = directory->second;
  told.is_directory = (event.mask & IN_ISDIR) != 0;
  if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) != 0) {
    told.what = kind::gone;
    told.is_directory = true;
    entries.push_back({std::move(told)});
    if ((event.mask & IN_MOVE_SELF) != 0) ::inotify_rm_watch(inotify.get(), event.wd);
    directories.erase(directory);
    return;
  }
  if (event.len == 0) return;  // of the directory itself: its permissions, say
  told.path /= event.name;
  if ((event.mask & (IN_MOVED_FROM | IN_MOVED_TO)) != 0) return take_move(event, std::move(told));
  static constexpr std::pair<std::uint32_t, kind> kinds[] = {{IN_CREATE, kind::created},
                                                             {IN_MODIFY, kind::modified},
                                                             {IN_CLOSE_WRITE, kind::written},
                                                             {IN_ATTRIB, kind::changed},
                                                             {IN_DELETE, kind::deleted}};
  for (const auto& [bit, what] : kinds)
    if ((event.mask & bit) != 0) told.what = what;
  entries.push_back({std::move(told)});
}

void directory_watch::state::take_move(const inotify_event& event, directory_event told) {
  told.what = kind::moved;
  if ((event.mask & IN_MOVED_FROM) != 0) {
    told.from = std::exchange(told.path, {});
    entries.push_back({std::move(told), event.cookie, true});
    return;
  }
  const auto first = std::find_if(entries.begin(), entries.end(), [&](const entry& each) {
    return each.half && each.cookie == event.cookie;
  });
  if (first == entries.end()) {
    entries.push_back({std::move(told)});
  } else {
    first->event.path = std::move(told.path);
    first->half = false;
  }
}

task<directory_watch> directory_watch::open(fs::path directory, std::source_location where) {
  detail::unique_descriptor inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify)
    throw std::system_error(detail::last_error(), "cannot watch " + detail::quoted(directory));
  const directory_watch made(std::make_shared<state>(std::move(inotify)));
  co_await made.add(std::move(directory), where);
  co_return made;
}

task<void> directory_watch::add(fs::path directory, std::source_location where) const {
  const auto self = this->self();
  // A cancelled call is finished by its thread: the descriptor has to be there until then.
  const int number = co_await detail::blocking_call(
      [self, directory] { return add_to(self->inotify.get(), directory); }, where);
  self->directories[number] = std::move(directory);
}

task<directory_event> directory_watch::next(std::source_location where) const {
  const auto self = this->self();
  for (;;) {
    if (self->entries.empty()) self->read();
    if (self->entries.empty()) {
      if (self->directories.empty())
        throw invalid_state(
            "this directory_watch watches nothing any more: its directories are gone");
      co_await self->readiness.readable(where);
      continue;
    }
    if (self->entries.front().half) {
      asio::steady_timer pause(runtime::current().io(), second_half);
      co_await pause.async_wait(use_task);
      self->read();
      if (!self->entries.empty()) self->entries.front().half = false;
    }
    auto event = std::move(self->entries.front().event);
    self->entries.pop_front();
    co_return event;
  }
}

const std::shared_ptr<directory_watch::state>& directory_watch::self() const {
  if (!state_)
    throw invalid_state("this directory_watch watches nothing; it was default-constructed");
  return state_;
}

}  // namespace buskin::io
