#include "pseudo_terminal.hpp"

#include <buskin/io/detail/descriptor_core.hpp>

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
  buskin::io::detail::unique_descriptor master(
      ::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  char slave[128];
  if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
      ::ptsname_r(master.get(), slave, sizeof slave) != 0)
    throw std::system_error(errno, std::system_category(), "cannot make a pseudo terminal");
  // Under another name first: whoever opens the link finds a terminal or nothing.
  ::unlink(name_.c_str());
  if (::symlink(slave, name_.c_str()) != 0)
    throw std::system_error(errno, std::system_category(),
                            "cannot name a pseudo terminal " + name_);
  bytes_ = buskin::io::stream(std::make_shared<buskin::io::detail::descriptor_core>(
      *buskin::detail::here.worker, std::move(master),
      buskin::io::detail::descriptor_kind::terminal, name_));
}

pseudo_terminal::~pseudo_terminal() {
  ::unlink(name_.c_str());
  bytes_.abort();
}

}  // namespace gateway
