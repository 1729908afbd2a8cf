// Linux: /proc tells what each process has open, of those that are ours, or to root.
#include "device_holder.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace buskin::io::detail {

namespace {

namespace fs = std::filesystem;

bool has_open(const fs::path& process, const fs::path& device) {
  std::error_code error;
  for (fs::directory_iterator at(process / "fd", error), end; !error && at != end;
       at.increment(error)) {
    std::error_code gone;
    if (fs::read_symlink(at->path(), gone) == device) return true;
  }
  return false;
}

}  // namespace

std::string holder_of(const std::string& path) {
  std::error_code error;
  const fs::path device = fs::canonical(path, error);
  const auto ourselves = std::to_string(::getpid());
  for (fs::directory_iterator at("/proc", error), end; !error && at != end; at.increment(error)) {
    const std::string number = at->path().filename();
    if (number.find_first_not_of("0123456789") != std::string::npos || number == ourselves ||
        !has_open(at->path(), device))
      continue;
    std::string name;
    std::getline(std::ifstream(at->path() / "comm"), name);
    return "process " + number + " (" + name + ") uses it";
  }
  // Not by this attempt, which may have it open, too.
  return "another process, or this one, uses it";
}

}  // namespace buskin::io::detail
