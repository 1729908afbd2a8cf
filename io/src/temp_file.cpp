#include <buskin/io/temp_file.hpp>

#include "blocking_call.hpp"

#include <buskin/io/temp_directory.hpp>
#include <buskin/runtime/errors.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace buskin::io {

namespace fs = std::filesystem;

namespace {

/// What mkstemp and mkdtemp fill in.
std::string pattern_of(const temp_options& options) {
  for (const auto* part : {&options.prefix, &options.suffix})
    if (part->find_first_of(std::string_view("/\0", 2)) != std::string::npos)
      throw std::invalid_argument("\"" + *part +
                                  "\" cannot be part of a temporary name: it has a '/' or a NUL");
  const fs::path folder = options.directory.empty() ? fs::temp_directory_path() : options.directory;
  return (folder / (options.prefix + "XXXXXX" + options.suffix)).string();
}

/// The new file, removed again when nobody comes to own it.
class made_file {
 public:
  explicit made_file(const temp_options& options) {
    std::string name = pattern_of(options);
    detail::unique_descriptor descriptor(
        ::mkostemps(name.data(), static_cast<int>(options.suffix.size()), O_CLOEXEC));
    if (!descriptor)
      throw std::system_error(detail::last_error(), "cannot make a temporary file " + name);
    name_ = name;
    file_ = std::make_unique<detail::open_file>(std::move(descriptor), name);
  }
  made_file(made_file&& other) noexcept
      : name_(std::exchange(other.name_, {})), file_(std::move(other.file_)) {}
  ~made_file() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  std::unique_ptr<detail::open_file> release() {
    name_.clear();
    return std::move(file_);
  }

 private:
  std::string name_;
  std::unique_ptr<detail::open_file> file_;
};

}  // namespace

task<temp_file> temp_file::create(temp_options options, std::source_location where) {
  auto made = co_await detail::blocking_call(
      [options = std::move(options)] { return made_file(options); }, where);
  auto owner = std::make_shared<detail::file_owner>(made.release());
  owner->after = [path = owner->line()->file().path()] { ::unlink(path.c_str()); };
  co_return temp_file(std::move(owner));
}

void temp_file::keep() const { owner()->after = nullptr; }

// -- directories ------------------------------------------------------------------------------

class temp_directory::owner {
 public:
  explicit owner(const temp_options& options) {
    // mkdtemp knows no suffix.
    if (!options.suffix.empty())
      throw std::invalid_argument("a temporary directory has no suffix; give it a prefix");
    std::string name = pattern_of(options);
    if (::mkdtemp(name.data()) == nullptr)
      throw std::system_error(detail::last_error(), "cannot make a temporary directory " + name);
    path = name;
  }
  ~owner() {
    if (!kept) detail::run_aside([path = path] { remove_now(path); });
  }
  owner(const owner&) = delete;
  owner& operator=(const owner&) = delete;

  static void remove_now(const fs::path& path) {
    std::error_code failure;
    fs::remove_all(path, failure);
    if (failure) throw std::system_error(failure, "cannot remove " + detail::quoted(path));
  }

  fs::path path;
  bool kept = false;
};

task<temp_directory> temp_directory::create(temp_options options, std::source_location where) {
  co_return temp_directory(co_await detail::blocking_call(
      [options = std::move(options)] { return std::make_shared<owner>(options); }, where));
}

temp_directory::owner& temp_directory::self() const {
  if (!owner_)
    throw invalid_state("this temporary directory was not made; it was default-constructed");
  return *owner_;
}

const fs::path& temp_directory::path() const { return self().path; }
void temp_directory::keep() const { self().kept = true; }

task<void> temp_directory::remove(std::source_location where) const {
  const auto keep = owner_;
  co_await detail::blocking_call([path = self().path] { owner::remove_now(path); }, where);
  keep->kept = true;
}

}  // namespace buskin::io
