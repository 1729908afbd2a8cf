#include "pseudo_terminal.hpp"

#include <buskin/io/from_descriptor.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

namespace gateway {

device_folder::device_folder() {
  auto pattern = (std::filesystem::temp_directory_path() / "gateway-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    throw std::system_error(errno, std::system_category(),
                            "cannot make a folder for the demo's devices");
  path_ = pattern;
}

device_folder::~device_folder() {
  std::error_code ignored;  // a folder of links in the temporary directory
  std::filesystem::remove_all(path_, ignored);
}

pseudo_terminal::pseudo_terminal(std::string name) : name_(std::move(name)) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0)
    throw std::system_error(errno, std::system_category(), "cannot make a pseudo terminal");
  bytes_ = buskin::io::from_descriptor(master, name_);
  char slave[128];
  if (::grantpt(master) != 0 || ::unlockpt(master) != 0 ||
      ::ptsname_r(master, slave, sizeof slave) != 0)
    throw std::system_error(errno, std::system_category(), "cannot make a pseudo terminal");
  // Under another name first: whoever opens the link finds a terminal or nothing.
  ::unlink(name_.c_str());
  if (::symlink(slave, name_.c_str()) != 0)
    throw std::system_error(errno, std::system_category(),
                            "cannot name a pseudo terminal " + name_);
}

pseudo_terminal::~pseudo_terminal() {
  ::unlink(name_.c_str());
  bytes_.abort();
}

}  // namespace gateway
