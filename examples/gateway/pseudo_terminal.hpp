// The other side of a serial port, for simulated receivers: a pseudo terminal under a stable name.
#pragma once

#include <buskin/io/stream.hpp>

#include <string>

namespace gateway {

/// A folder for device names that goes at the end of its scope.
class device_folder {
 public:
  device_folder();
  ~device_folder();
  device_folder(const device_folder&) = delete;
  device_folder& operator=(const device_folder&) = delete;
  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// A plugged-in receiver: `bytes` is its wire, `name` (a link) is what the gateway opens. Unplugged
/// when it goes.
class pseudo_terminal {
 public:
  explicit pseudo_terminal(std::string name);
  ~pseudo_terminal();
  pseudo_terminal(const pseudo_terminal&) = delete;
  pseudo_terminal& operator=(const pseudo_terminal&) = delete;

  const buskin::io::stream& bytes() const noexcept { return bytes_; }

 private:
  std::string name_;
  buskin::io::stream bytes_;
};

}  // namespace gateway
