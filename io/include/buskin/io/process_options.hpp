// How a process is to be started and ended.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace buskin::io {

/// Where one of a process's standard streams leads.
class redirect {
 public:
  enum class target : std::uint8_t { pipe, null, inherit, file, append, descriptor, merge, pty };

  /// A pipe to us: `process::in()`, `out()`, `err()`.
  static redirect pipe() { return redirect(target::pipe); }
  /// /dev/null.
  static redirect null() { return redirect(target::null); }
  /// The same as ours.
  static redirect inherit() { return redirect(target::inherit); }
  /// A file: read as input; made or emptied as output. Relative to our own working directory.
  static redirect file(std::filesystem::path path) { return {target::file, std::move(path)}; }
  /// A file that output is added to.
  static redirect append(std::filesystem::path path) { return {target::append, std::move(path)}; }
  /// A descriptor that is open here, and stays the caller's.
  static redirect descriptor(int number) {
    redirect to(target::descriptor);
    to.number_ = number;
    return to;
  }
  /// Only for the error stream: where the output goes.
  static redirect merge() { return redirect(target::merge); }
  /// A pseudo terminal, one for all streams that ask for it; it is the process's controlling
  /// terminal.
  static redirect pty() { return redirect(target::pty); }

  target where() const noexcept { return where_; }
  const std::filesystem::path& path() const noexcept { return path_; }
  int number() const noexcept { return number_; }

 private:
  redirect(target where, std::filesystem::path path = {}) : where_(where), path_(std::move(path)) {}
  target where_;
  std::filesystem::path path_;
  int number_ = -1;
};

/// What of the environment a process gets: ours or nothing, then without `remove`, then with `set`.
struct environment {
  enum class base : std::uint8_t { inherit, empty };
  base from = base::inherit;
  std::map<std::string, std::string> set;
  std::vector<std::string> remove;
};

struct process_options {
  std::string name;  ///< for reports; the program's name when empty

  redirect in = redirect::null();
  redirect out = redirect::pipe();
  redirect err = redirect::pipe();
  /// Further descriptors (which stay the caller's): they are 3, 4, … in the process. It gets no
  /// others.
  std::vector<int> pass;

  std::filesystem::path cwd;  ///< empty: ours
  environment env;

  enum class group : std::uint8_t {
    own,      ///< a process group of its own: signals reach all of it
    session,  ///< also a session of its own, without our terminal. A pty implies it.
    ours      ///< our group: Ctrl-C reaches it; signals we send reach only the process
  };
  group membership = group::own;
  std::optional<int> nice;  ///< -20 (first) to 19 (last), set just after the start

  /// How many rows and columns a pty has.
  std::pair<unsigned short, unsigned short> terminal_size{24, 80};

  /// How long it may take to end after SIGTERM, before SIGKILL. Real time.
  std::chrono::milliseconds grace{3000};
  /// How long output is still awaited when the process has ended but another one (a grandchild)
  /// holds it open. Real time; `max()` for ever.
  std::chrono::milliseconds drain{1000};
  /// What becomes of the rest of its own group when the process has ended and its output too.
  enum class leftovers : std::uint8_t { kill, leave };
  leftovers rest = leftovers::kill;
  /// What becomes of the process when the last handle to it goes.
  enum class dropped : std::uint8_t {
    end,     ///< SIGTERM, grace, SIGKILL
    keep_on  ///< it runs on, until the runtime's shutdown
  };
  dropped on_drop = dropped::end;
  /// How much output of a stream that nobody reads is kept, in bytes. The oldest goes first.
  std::size_t keep_unread = 64 * 1024;
};

}  // namespace buskin::io
