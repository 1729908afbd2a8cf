// Peers in other languages: the programs under benchmarks/peers.
//
// Each does the work that its command line names in a process of its own, warms up, and prints one
// number, the cost of an operation; so neither the start of the process nor that of its language
// counts. They are compiled into the build folder when first needed. A peer whose tool is not
// installed is left out, which is said once.
#pragma once

#include <support/comparison.hpp>
#include <support/name_server.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace bench {

using command = std::vector<std::string>;

/// What a program left behind.
struct process_end {
  int status = 0;  ///< 0: success
  std::string output;
};

enum class complaints { shown, hidden };

/// Runs a program, which is looked for in PATH, to its end.
inline process_end run_program(const command& words, complaints stderr_is = complaints::shown) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::system_category(), "pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  if (stderr_is == complaints::hidden)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int failure =
      posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  process_end result{failure, {}};
  char bytes[256];
  for (ssize_t count = 0; (count = read(ends[0], bytes, sizeof bytes)) > 0;)
    result.output.append(bytes, static_cast<std::size_t>(count));
  close(ends[0]);
  if (failure == 0) waitpid(child, &result.status, 0);
  return result;
}

/// The output of a program that has to succeed.
inline std::string output_of(const command& words) {
  auto result = run_program(words);
  if (result.status == 0) return std::move(result.output);
  std::string line = "this failed:";
  for (const auto& word : words) line += " " + word;
  throw std::runtime_error(line);
}

/// A program of benchmarks/peers: what its command line begins with.
class peer_program {
 public:
  /// Erlang with so many schedulers.
  static std::optional<peer_program> erlang(int schedulers) {
    static const bool ready =
        installed("erl", {"erl", "-noshell", "-eval", "halt(0)."}, "erlang-base") &&
        compiled("erlang/bench_peer.erl", "bench_peer.beam", {"erlc", "-o", build});
    if (!ready) return std::nullopt;
    const auto count = std::to_string(schedulers);
    return peer_program(
        {"erl", "+S", count + ":" + count, "-noshell", "-pa", build, "-run", "bench_peer", "main"});
  }
  /// Go with so many threads.
  static std::optional<peer_program> go(int threads) {
    static const auto binary = std::string(build) + "/go_peer";
    static const bool ready = installed("go", {"go", "version"}, "golang-go") &&
                              compiled("go/peer.go", "go_peer", {"go", "build", "-o", binary});
    if (!ready) return std::nullopt;
    return peer_program({binary, std::to_string(threads)});
  }
  /// Python on the loop "asyncio" or "uvloop". Debian's own Python is the one that finds Debian's
  /// uvloop.
  static std::optional<peer_program> python(const std::string& loop) {
    static const std::string interpreter = "/usr/bin/python3";
    static const bool asyncio =
        installed(interpreter, {interpreter, "-c", "import asyncio"}, "python3");
    static const bool uvloop =
        asyncio && installed("uvloop", {interpreter, "-c", "import uvloop"}, "python3-uvloop");
    if (!(loop == "uvloop" ? uvloop : asyncio)) return std::nullopt;
    return peer_program({interpreter, std::string(sources) + "/asyncio/peer.py", loop});
  }

  /// Python with aiofiles, on asyncio's own loop.
  static std::optional<peer_program> aiofiles() {
    const auto peer = python("asyncio");
    if (!peer ||
        !installed("aiofiles", {peer->words_.front(), "-c", "import aiofiles"}, "python3-aiofiles"))
      return std::nullopt;
    return peer;
  }

  /// Queues between two processes of Python.
  static std::optional<peer_program> python_queues() {
    const auto peer = python("asyncio");
    if (!peer) return std::nullopt;
    return peer_program({peer->words_.front(), std::string(sources) + "/multiprocessing/peer.py"});
  }

  /// A contestant: two connected nodes of Erlang, each with so many schedulers, do `work`. They
  /// need no name service but their own.
  static std::optional<contestant> erlang_nodes(std::string name, int schedulers,
                                                const std::string& work, std::size_t operations) {
    const auto peer = erlang(schedulers);
    if (!peer) return std::nullopt;
    compiled("erlang/remote_peer.erl", "remote_peer.beam", {"erlc", "-o", build});
    command words(peer->words_.begin(), peer->words_.end() - 3);
    words.insert(words.end(), {"-name", "client@127.0.0.1", "-setcookie", "bench"});
    words.insert(words.end(), {"-start_epmd", "false"});
    words.insert(words.end(), {"-kernel", "inet_dist_use_interface", "{127,0,0,1}"});
    words.insert(words.end(), {"-run", "remote_peer", "main", work, std::to_string(operations)});
    return contestant{std::move(name), [words] {
                        const name_server names;
                        command whole{"env", "ERL_EPMD_PORT=" + std::to_string(names.port())};
                        whole.insert(whole.end(), words.begin(), words.end());
                        return sample{std::stod(output_of(whole))};
                      }};
  }

  // Echo servers, which print their port and serve until they are killed: command lines. None when
  // the language is not installed.

  /// On asyncio's streams; over TLS with a certificate's chain and key.
  static std::optional<command> python_echo(const std::string& loop, const command& tls = {}) {
    const auto peer = python(loop);
    if (!peer) return std::nullopt;
    command words{peer->words_.front(), std::string(sources) + "/asyncio/echo_server.py", loop};
    words.insert(words.end(), tls.begin(), tls.end());
    return words;
  }
  static std::optional<command> go_echo(int threads) {
    static const auto binary = std::string(build) + "/go_echo_server";
    if (!go(threads)) return std::nullopt;
    compiled("go/echo_server.go", "go_echo_server", {"go", "build", "-o", binary});
    return command{binary, std::to_string(threads)};
  }
  /// `mode`: passive, once or active.
  static std::optional<command> erlang_echo(int schedulers, const std::string& mode) {
    const auto peer = erlang(schedulers);
    if (!peer) return std::nullopt;
    compiled("erlang/echo_server.erl", "echo_server.beam", {"erlc", "-o", build});
    command words(peer->words_.begin(), peer->words_.end() - 3);
    words.insert(words.end(), {"-run", "echo_server", "main", mode});
    return words;
  }

  /// A contestant that has it do `work` so many times.
  contestant doing(std::string name, const std::string& work, std::size_t operations) const {
    command whole = words_;
    whole.insert(whole.end(), {work, std::to_string(operations)});
    return {std::move(name), [whole] { return sample{std::stod(output_of(whole))}; }};
  }

 private:
  static constexpr auto sources = BENCH_PEERS_SOURCES;
  static constexpr auto build = BENCH_PEERS_BUILD;

  explicit peer_program(command words) : words_(std::move(words)) {}

  static bool installed(const std::string& tool, const command& probe, const char* package) {
    if (run_program(probe, complaints::hidden).status == 0) return true;
    std::printf("%s not found: apt-get install %s (its side is left out)\n", tool.c_str(), package);
    return false;
  }

  /// Brings the product up to date with the source, which becomes the compiler's last word.
  static bool compiled(const char* source, const char* product, command compiler) {
    namespace fs = std::filesystem;
    const auto from = fs::path(sources) / source;
    const auto to = fs::path(build) / product;
    if (fs::exists(to) && fs::last_write_time(to) > fs::last_write_time(from)) return true;
    fs::create_directories(build);
    compiler.push_back(from);
    output_of(compiler);
    return true;
  }

  command words_;
};

/// Go doing `work` with one thread and with two; nobody if it is not installed.
inline void add_go(std::vector<contestant>& peers, const std::string& name, const std::string& work,
                   std::size_t operations) {
  for (const int threads : {1, 2})
    if (const auto go = peer_program::go(threads))
      peers.push_back(
          go->doing(name + (threads == 1 ? ", 1 thread" : ", 2 threads"), work, operations));
}

/// Erlang doing `work` with one scheduler and with two; nobody if it is not installed.
inline void add_erlang(std::vector<contestant>& peers, const std::string& name,
                       const std::string& work, std::size_t operations) {
  for (const int schedulers : {1, 2})
    if (const auto erlang = peer_program::erlang(schedulers))
      peers.push_back(erlang->doing(name + (schedulers == 1 ? ", 1 scheduler" : ", 2 schedulers"),
                                    work, operations));
}

/// The same of peers that print nanoseconds, in microseconds.
inline std::vector<contestant> in_microseconds(std::vector<contestant> peers) {
  for (auto& each : peers)
    each.run = [run = std::move(each.run)] { return sample{run().front() / 1000}; };
  return peers;
}

}  // namespace bench
