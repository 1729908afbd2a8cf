// Linux: pidfds tell of the end without SIGCHLD, and signals through them reach nobody else.
#include <buskin/io/detail/child_program.hpp>

#include <fcntl.h>
#include <linux/types.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <stdexcept>

extern char** environ;

namespace buskin::io::detail {

namespace {

// glibc 2.36 has no usable header for these.
constexpr auto by_pidfd = static_cast<idtype_t>(3);        // P_PIDFD
constexpr unsigned to_process_group = 1U << 2;             // Linux 6.9: PIDFD_SIGNAL_PROCESS_GROUP
struct pidfd_information {                                 // Linux 6.13
  __u64 mask;
  __u64 cgroup;
  __u32 ids[11];
  __s32 exit_code;  // Linux 6.15
};
constexpr __u64 exit_information = 1U << 3;

int pidfd_signal(int pidfd, int number, unsigned flags) noexcept {
  return ::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, flags) == 0 ? 0 : errno;
}

std::system_error failed(int error, const std::string& text) {
  return {std::error_code(error, std::system_category()), text};
}

/// The same file under a number of at least `least`, which is not inherited.
unique_descriptor duplicate(int descriptor, int least, const std::string& what) {
  unique_descriptor made(::fcntl(descriptor, F_DUPFD_CLOEXEC, least));
  if (!made) throw failed(errno, "cannot pass " + what + " to a process");
  return made;
}

const char* name_of(int stream) {
  static constexpr const char* names[] = {"input", "output", "error stream"};
  return names[stream];
}

// -- what the process is given ----------------------------------------------------------------

std::vector<std::string> environment_of(const environment& wish) {
  std::map<std::string, std::string> all;
  std::vector<std::string> result;
  auto check = [](const std::string& name, const std::string& value) {
    if (name.empty() || name.find('=') != std::string::npos ||
        name.find('\0') != std::string::npos || value.find('\0') != std::string::npos)
      throw std::invalid_argument("the environment variable \"" + name +
                                  "\" has no proper name, or a NUL in its value");
  };
  if (wish.from == environment::base::inherit)
    for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
      const std::string_view line(*each);
      const auto split = line.find('=');
      if (split != std::string_view::npos)
        all.emplace(line.substr(0, split), line.substr(split + 1));
    }
  for (const auto& name : wish.remove) all.erase(name);
  for (const auto& [name, value] : wish.set) {
    check(name, value);
    all[name] = value;
  }
  for (const auto& [name, value] : all) result.push_back(name + "=" + value);
  return result;
}

std::string path_in(const std::vector<std::string>& env) {
  for (const auto& line : env)
    if (line.starts_with("PATH=")) return line.substr(5);
  return "/usr/local/bin:/usr/bin:/bin";
}

/// As seen from the working directory of the process.
std::filesystem::path seen_from(const std::filesystem::path& cwd, const std::string& file) {
  return cwd.empty() ? std::filesystem::path(file) : cwd / file;
}

/// The file of a program. Throws when there is none.
std::string find_program(const std::string& name, const std::vector<std::string>& env,
                         const std::filesystem::path& cwd) {
  if (name.find('/') != std::string::npos) return name;
  const std::string path = path_in(env);
  int error = ENOENT;
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find(':', at), path.size());
    const std::string folder = path.substr(at, end - at);
    at = end + 1;
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    const auto seen = seen_from(cwd, candidate);
    struct stat about {};
    if (::stat(seen.c_str(), &about) != 0 || S_ISDIR(about.st_mode)) continue;
    if (::access(seen.c_str(), X_OK) == 0) return candidate;
    error = errno;
  }
  throw failed(error, "cannot run " + name +
                          (error == ENOENT ? ": it is not in the PATH (" + path + ")"
                                           : ": the file in the PATH may not be executed"));
}

// -- streams ----------------------------------------------------------------------------------

/// The child's ends of its streams, with what must stay open until it runs.
struct wiring {
  std::array<unique_descriptor, 3> child;  // none: from `terminal`, or merged
  std::array<unique_descriptor, 3> ours;
  std::string terminal;  // the path of a pty, when there is one
  unique_descriptor terminal_held;
};

unique_descriptor open_for(int stream, const char* path, int flags) {
  flags |= (stream == 0 ? O_RDONLY : O_WRONLY | O_CREAT) | O_CLOEXEC | O_NOCTTY;
  unique_descriptor made(::open(path, flags, 0666));
  if (!made)
    throw failed(errno, std::string("cannot open ") + path + " as the " + name_of(stream) +
                            " of a process");
  return made;
}

void make_pipe(wiring& w, int stream) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw failed(errno, "cannot make a pipe to a process");
  unique_descriptor reading(ends[0]);
  unique_descriptor writing(ends[1]);
  auto& ours = stream == 0 ? writing : reading;
  // Only our end: the process expects a file that waits.
  ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  w.child[static_cast<std::size_t>(stream)] = std::move(stream == 0 ? reading : writing);
  w.ours[static_cast<std::size_t>(stream)] = std::move(ours);
}

void make_terminal(wiring& w, const process_options& options) {
  if (!w.terminal.empty()) return;
  unique_descriptor master(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  char path[128];
  if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
      ::ptsname_r(master.get(), path, sizeof path) != 0)
    throw failed(errno, "cannot make a pseudo terminal for a process");
  winsize size{};
  size.ws_row = options.terminal_size.first;
  size.ws_col = options.terminal_size.second;
  ::ioctl(master.get(), TIOCSWINSZ, &size);
  w.terminal = path;
  // Held open until the process has it: a terminal that nobody has reads as ended.
  w.terminal_held = unique_descriptor(::open(path, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!w.terminal_held) throw failed(errno, std::string("cannot open the terminal ") + path);
  bool output = false;
  for (std::size_t i = 0; i != 3; ++i) {
    const auto& to = i == 0 ? options.in : i == 1 ? options.out : options.err;
    // Output and errors come mixed out of one terminal.
    if (to.where() != redirect::target::pty || (i == 2 && output)) continue;
    w.ours[i] = duplicate(master.get(), 3, "a terminal");
    if (i == 1) output = true;
  }
}

void wire(wiring& w, int stream, const redirect& to, const process_options& options) {
  auto& child = w.child[static_cast<std::size_t>(stream)];
  switch (to.where()) {
    case redirect::target::pipe:
      return make_pipe(w, stream);
    case redirect::target::null:
      child = open_for(stream, "/dev/null", 0);
      return;
    case redirect::target::inherit:
      child = duplicate(stream, 3, std::string("our ") + name_of(stream));
      return;
    case redirect::target::file:
      child = open_for(stream, to.path().c_str(), stream == 0 ? 0 : O_TRUNC);
      return;
    case redirect::target::append:
      if (stream == 0) throw std::invalid_argument("an input is no file to be added to");
      child = open_for(stream, to.path().c_str(), O_APPEND);
      return;
    case redirect::target::descriptor:
      child = duplicate(to.number(), 3, "descriptor " + std::to_string(to.number()));
      return;
    case redirect::target::merge:
      if (stream != 2) throw std::invalid_argument("only the error stream can be merged");
      return;
    case redirect::target::pty:
      return make_terminal(w, options);
  }
}

// -- posix_spawn ------------------------------------------------------------------------------

class spawning {
 public:
  spawning() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  ~spawning() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  spawning(const spawning&) = delete;
  spawning& operator=(const spawning&) = delete;

  void attributes(bool group, bool session) {
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    // What this program ignores or blocks is no business of the other.
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    if (session) flags |= POSIX_SPAWN_SETSID;
    if (group && !session) flags |= POSIX_SPAWN_SETPGROUP;
    ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
    ::posix_spawnattr_setpgroup(&attributes_, 0);
  }
  void put(int ours, int theirs) {
    ok(::posix_spawn_file_actions_adddup2(&actions_, ours, theirs));
  }
  void open(int theirs, const std::string& path) {
    ok(::posix_spawn_file_actions_addopen(&actions_, theirs, path.c_str(), O_RDWR, 0));
  }
  void work_in(const std::filesystem::path& folder) {
    ok(::posix_spawn_file_actions_addchdir_np(&actions_, folder.c_str()));
  }
  void close_from(int first) {
    ok(::posix_spawn_file_actions_addclosefrom_np(&actions_, first));
  }
  int run(pid_t& pid, const std::string& file, std::vector<char*>& argv, std::vector<char*>& env) {
    return ::posix_spawn(&pid, file.c_str(), &actions_, &attributes_, argv.data(), env.data());
  }

 private:
  static void ok(int error) {
    if (error != 0) throw failed(error, "cannot prepare a process");
  }
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (const auto& each : texts) all.push_back(const_cast<char*>(each.c_str()));
  all.push_back(nullptr);
  return all;
}

std::size_t bytes_of(const std::vector<std::string>& texts) {
  std::size_t sum = 0;
  for (const auto& each : texts) sum += each.size() + 1;
  return sum;
}

/// Why a program could not be executed, as far as it can be told.
std::system_error cannot_run(int error, const std::string& file,
                             const std::vector<std::string>& argv,
                             const std::vector<std::string>& env, const process_options& options) {
  const std::string text = "cannot run " + file;
  struct stat about {};
  if (!options.cwd.empty()) {
    if (::stat(options.cwd.c_str(), &about) != 0)
      return failed(error, text + " in " + options.cwd.string() + ", which cannot be entered");
    if (!S_ISDIR(about.st_mode) || ::access(options.cwd.c_str(), X_OK) != 0)
      return failed(error, text + " in " + options.cwd.string() + ", which cannot be entered");
  }
  const auto seen = seen_from(options.cwd, file);
  if (error == ENOENT && ::stat(seen.c_str(), &about) == 0)
    return failed(error, text + ": it exists, but the interpreter that it names does not");
  if (error == ENOEXEC)
    return failed(error, text + ": it is no program, and its first line names no interpreter");
  if (error == E2BIG)
    return failed(error, text + ": its arguments (" + std::to_string(bytes_of(argv)) +
                             " bytes) and environment (" + std::to_string(bytes_of(env)) +
                             " bytes) are too long");
  return failed(error, text);
}

void check_arguments(const std::vector<std::string>& argv) {
  if (argv.empty() || argv.front().empty())
    throw std::invalid_argument("exec needs the name of a program");
  for (const auto& each : argv)
    if (each.find('\0') != std::string::npos)
      throw std::invalid_argument("an argument of " + argv.front() +
                                  " has a NUL in it, which no program can be given");
}

}  // namespace

// -- child_program ----------------------------------------------------------------------------

child_program child_program::start(const std::vector<std::string>& argv,
                                   const process_options& options) {
  check_arguments(argv);
  const auto env = environment_of(options.env);
  const std::string file = find_program(argv.front(), env, options.cwd);

  wiring w;
  wire(w, 0, options.in, options);
  wire(w, 1, options.out, options);
  wire(w, 2, options.err, options);
  // Where they are they must not be overwritten on their way to 0, 1, 2, 3, …
  const int first_free = 3 + static_cast<int>(options.pass.size());
  std::vector<unique_descriptor> passed;
  for (const int each : options.pass)
    passed.push_back(duplicate(each, first_free, "descriptor " + std::to_string(each)));
  for (auto& each : w.child)
    if (each && each.get() < first_free) each = duplicate(each.get(), first_free, "a stream");

  child_program child;
  const bool session =
      options.membership == process_options::group::session || !w.terminal.empty();
  child.own_group = options.membership != process_options::group::ours || session;
  spawning spawn;
  spawn.attributes(child.own_group, session);
  for (int i = 0; i != 3; ++i) {
    const auto& to = i == 0 ? options.in : i == 1 ? options.out : options.err;
    if (to.where() == redirect::target::pty)
      spawn.open(i, w.terminal);
    else if (to.where() == redirect::target::merge)
      spawn.put(1, 2);
    else
      spawn.put(w.child[static_cast<std::size_t>(i)].get(), i);
  }
  for (std::size_t i = 0; i != passed.size(); ++i)
    spawn.put(passed[i].get(), 3 + static_cast<int>(i));
  spawn.close_from(first_free);
  if (!options.cwd.empty()) spawn.work_in(options.cwd);

  auto arguments = pointers(argv);
  auto variables = pointers(env);
  if (const int error = spawn.run(child.pid, file, arguments, variables); error != 0)
    throw cannot_run(error, file, argv, env, options);
  child.watch =
      unique_descriptor(static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0)));
  if (!child.watch && errno != ESRCH) {
    // Without descriptors left it could not be watched.
    const int error = errno;
    ::kill(child.own_group ? -child.pid : child.pid, SIGKILL);
    ::waitpid(child.pid, nullptr, 0);
    throw failed(error, "cannot watch " + file + ", which was ended");
  }
  if (options.nice &&
      ::setpriority(PRIO_PROCESS, static_cast<id_t>(child.pid), *options.nice) != 0 &&
      errno != ESRCH) {
    const int error = errno;
    throw failed(error, "cannot run " + file + " with the niceness " +
                            std::to_string(*options.nice));
  }
  child.streams = std::move(w.ours);
  return child;
}

child_program::~child_program() {
  if (!watch || reaped) return;
  signal(SIGKILL);
  ended_within(1000);
  reap();
}

std::optional<exit_status> child_program::reap() noexcept {
  static constexpr exit_status lost{exit_status::how::unknown, 0, false};
  if (!watch) return lost;
  siginfo_t about{};
  int result = 0;
  do {
    result = ::waitid(by_pidfd, static_cast<id_t>(watch.get()), &about, WEXITED | WNOHANG);
  } while (result != 0 && errno == EINTR);
  if (result == 0) {
    if (about.si_pid == 0) return std::nullopt;
    reaped = true;
    if (about.si_code == CLD_EXITED)
      return exit_status{exit_status::how::exited, about.si_status & 0xff, false};
    return exit_status{exit_status::how::signalled, about.si_status,
                       about.si_code == CLD_DUMPED};
  }
  // Reaped by the kernel (SIGCHLD is ignored) or by somebody else in this program.
  reaped = true;
  pidfd_information left{};
  left.mask = exit_information;
  if (::ioctl(watch.get(), _IOWR(0xFF, 11, pidfd_information), &left) == 0 &&
      (left.mask & exit_information) != 0)
    return exit_status::from_wait(left.exit_code);
  return lost;
}

int child_program::signal(int number) const noexcept {
  if (!watch) return ESRCH;
  if (own_group) {
    const int error = pidfd_signal(watch.get(), number, to_process_group);
    if (error != EINVAL) return error;
    // Before Linux 6.9 by number, which is the process's until it is reaped.
    if (pidfd_signal(watch.get(), 0, 0) == 0) return ::kill(-pid, number) == 0 ? 0 : errno;
    return ESRCH;
  }
  return pidfd_signal(watch.get(), number, 0);
}

void child_program::kill_rest() const noexcept {
  if (watch && own_group) pidfd_signal(watch.get(), SIGKILL, to_process_group);
}

bool child_program::ended_within(int milliseconds) const noexcept {
  if (!watch) return true;
  pollfd what{watch.get(), POLLIN, 0};
  int result = 0;
  do {
    result = ::poll(&what, 1, milliseconds);
  } while (result < 0 && errno == EINTR);
  return result == 1;
}

}  // namespace buskin::io::detail
