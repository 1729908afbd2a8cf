// A folder for the files of a test, and what a test wants to know of files without the code that it
// tests.
#pragma once

#include <boost/test/unit_test.hpp>

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

namespace buskin::test {

class scratch {
 public:
  scratch() {
    auto pattern = (std::filesystem::temp_directory_path() / "buskin-test-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~scratch() {
    std::error_code ignored;  // whoever runs the tests is root or not
    std::filesystem::remove_all(path_, ignored);
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  std::filesystem::path with(const std::string& name, std::string_view bytes,
                             mode_t mode = 0644) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    BOOST_REQUIRE(::chmod((path_ / name).c_str(), mode) == 0);
    return path_ / name;
  }
  std::filesystem::path fifo(const std::string& name) const {
    BOOST_REQUIRE(::mkfifo((path_ / name).c_str(), 0600) == 0);
    return path_ / name;
  }
  /// How many names there are in it.
  std::ptrdiff_t count() const {
    return std::distance(std::filesystem::directory_iterator(path_),
                         std::filesystem::directory_iterator());
  }

 private:
  std::filesystem::path path_;
};

inline std::string contents_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Of an exception.
inline bool mentions(const std::exception& error, const std::string& what) {
  return std::string(error.what()).find(what) != std::string::npos;
}

/// Whether an error has this code, and the text in what it says.
inline auto failing(std::errc wanted, std::string text) {
  return [=](const std::system_error& error) {
    BOOST_TEST_MESSAGE(error.what());
    return error.code() == wanted && mentions(error, text);
  };
}

}  // namespace buskin::test
