// The lines of a file: read ahead in a thread of the pool here, by std::getline, and by Python's
// aiofiles.
//
// The file is made for it, in the temporary directory, of lines of 20 to 180 bytes; --megabytes
// says how large (100 unless said). It is in the page cache: what is measured is the way from
// there. Every contestant adds up the lengths of the lines. aiofiles has only as many lines as take
// it a second or so.
#include <support/comparison.hpp>
#include <support/peer_program.hpp>

#include <buskin/io/file.hpp>
#include <buskin/runtime/runtime.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t lines_of_aiofiles = 20'000;

/// What is read, and what has to come out.
class text_file {
 public:
  explicit text_file(std::size_t megabytes)
      : path(std::filesystem::temp_directory_path() /
             ("buskin-lines-" + std::to_string(::getpid()))) {
    std::mt19937_64 random(1);
    std::uniform_int_distribution<std::size_t> length(20, 180);
    std::ofstream out(path, std::ios::binary);
    std::string line;
    for (std::size_t left = megabytes * 1'000'000; left > line.size(); ++lines) {
      line.assign(length(random), static_cast<char>('a' + lines % 26));
      bytes += line.size();
      line += '\n';
      out << line;
      left -= line.size();
    }
    if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
  }
  ~text_file() {
    std::error_code ignored;  // a file in the temporary directory
    std::filesystem::remove(path, ignored);
  }
  text_file(const text_file&) = delete;
  text_file& operator=(const text_file&) = delete;

  void check(std::size_t counted, std::uint64_t sum) const {
    if (counted != lines || sum != bytes) throw std::logic_error("not all lines were read");
  }

  const std::filesystem::path path;
  std::size_t lines = 0;
  std::uint64_t bytes = 0;  // without their endings
};

/// Nanoseconds a line.
template <class F>
bench::sample timed(const text_file& file, F read) {
  const auto began = std::chrono::steady_clock::now();
  read();
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
  return {took.count() / static_cast<double>(file.lines)};
}

void read_with_getline(const text_file& file) {
  std::ifstream in(file.path);
  std::size_t count = 0;
  std::uint64_t sum = 0;
  for (std::string line; std::getline(in, line); ++count) sum += line.size();
  file.check(count, sum);
}

buskin::task<void> read_lines(const text_file& file) {
  const auto open = co_await buskin::io::file::open(file.path);
  auto lines = open.lines();
  std::size_t count = 0;
  std::uint64_t sum = 0;
  while (const auto line = co_await lines.next()) {
    ++count;
    sum += line->size();
  }
  file.check(count, sum);
}

void read_with_buskin(const text_file& file) {
  buskin::runtime_options options;
  options.signals = buskin::signal_handling::none;
  buskin::run(read_lines(file), options);
}

/// Takes `--megabytes N` out of the command line.
std::size_t megabytes(int& argc, char** argv) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string_view(argv[i]) != "--megabytes") continue;
    const int given = std::atoi(argv[i + 1]);
    for (int rest = i + 2; rest <= argc; ++rest) argv[rest - 2] = argv[rest];
    argc -= 2;
    if (given < 1) throw std::invalid_argument("--megabytes takes a number above 0");
    return static_cast<std::size_t>(given);
  }
  return 100;
}

}  // namespace

int main(int argc, char** argv) {
  const text_file file(megabytes(argc, argv));
  bench::suite all("files", argc, argv);
  all.add({"lines of a file against std::getline, a line",
           {{"line_reader", [&] { return timed(file, [&] { read_with_buskin(file); }); }, {0.7}}},
           {{"std::getline", [&] { return timed(file, [&] { read_with_getline(file); }); }}}});

  bench::comparison python{
      "lines of a file against aiofiles, a line",
      {{"line_reader", [&] { return timed(file, [&] { read_with_buskin(file); }); }, {20}}},
      {}};
  if (const auto aiofiles = bench::peer_program::aiofiles()) {
    ::setenv("BENCH_FILE", file.path.c_str(), 1);
    python.peers.push_back(aiofiles->doing("aiofiles", "file_lines", lines_of_aiofiles));
  }
  all.add(std::move(python));
  return all.run();
}
