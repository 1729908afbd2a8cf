#include <buskin/io/detail/replace_file.hpp>

#include <buskin/io/detail/open_file.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>

namespace buskin::io::detail {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const fs::path& path, const char* because) {
  throw std::system_error(last_error(), "cannot replace " + quoted(path) + ": " + because);
}

/// Removes the new file unless it has taken the place of the old one.
class new_file {
 public:
  new_file(const fs::path& target, mode_t permissions) {
    std::random_device random;
    // The file system allows 255 bytes for a name.
    const std::string begin = "." + target.filename().string().substr(0, 200) + ".";
    for (int attempt = 0;; ++attempt) {
      char unique[16];
      std::snprintf(unique, sizeof unique, "%08x.tmp", random());
      path_ = target.parent_path() / (begin + unique);
      descriptor_ = unique_descriptor(
          ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, permissions));
      if (descriptor_) return;
      const bool taken = errno == EEXIST && attempt != 100;
      if (!taken && errno != EINTR) fail(target, "no file can be made beside it");
    }
  }
  ~new_file() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  new_file(const new_file&) = delete;
  new_file& operator=(const new_file&) = delete;

  int descriptor() const noexcept { return descriptor_.get(); }

  void take_the_place_of(const fs::path& target) {
    if (::close(descriptor_.release()) != 0 && errno != EINTR)
      fail(target, "the new file cannot be closed");
    if (::rename(path_.c_str(), target.c_str()) != 0)
      fail(target, "the new file cannot be given its name");
    path_.clear();
  }

 private:
  fs::path path_;
  unique_descriptor descriptor_;
};

void write_fully(int descriptor, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor, bytes.data(), bytes.size());
    if (put >= 0)
      bytes.remove_prefix(static_cast<std::size_t>(put));
    else if (errno != EINTR)
      fail(path, "the new contents cannot be written; the old ones are as they were");
  }
}

void sync(int descriptor, const fs::path& path, const char* because) {
  while (::fsync(descriptor) != 0)
    if (errno != EINTR) fail(path, because);
}

/// Where the file is that is to be replaced, behind any symbolic links.
fs::path behind_links(const fs::path& path) {
  std::error_code none;
  auto there = fs::canonical(path, none);
  if (!none) return there;
  return path.has_parent_path() ? path : fs::path(".") / path;
}

}  // namespace

void replace_file(const fs::path& path, std::string_view bytes) {
  if (path.native().find('\0') != std::string::npos || !path.has_filename())
    throw std::invalid_argument("cannot replace " + quoted(path) + ": that is no name of a file");
  const fs::path target = behind_links(path);
  struct stat old {};
  const bool exists = ::stat(target.c_str(), &old) == 0;
  if (!exists && errno != ENOENT) fail(path, "it cannot be looked at");
  if (exists && !S_ISREG(old.st_mode))
    throw std::invalid_argument("cannot replace " + quoted(path) + ": it is no regular file");

  // Nobody else reads it before it has its permissions.
  new_file made(target, exists ? 0600 : 0666);
  if (exists) {
    // Only root may give a file away.
    if (::fchown(made.descriptor(), old.st_uid, old.st_gid) != 0 && errno != EPERM)
      fail(path, "the new file cannot be given to the owner of the old one");
    if (::fchmod(made.descriptor(), old.st_mode & 07777) != 0)
      fail(path, "the new file cannot be given the permissions of the old one");
  }
  write_fully(made.descriptor(), bytes, path);
  sync(made.descriptor(), path, "the device does not take the new contents");
  made.take_the_place_of(target);
  const unique_descriptor folder(
      ::open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) fail(path, "it was, but whether that outlives a power cut is not known");
  while (::fsync(folder.get()) != 0) {
    if (errno == EINVAL) break;  // a file system that has nothing to be told
    if (errno != EINTR) fail(path, "it was, but whether that outlives a power cut is not known");
  }
}

}  // namespace buskin::io::detail
