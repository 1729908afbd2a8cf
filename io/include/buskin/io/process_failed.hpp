// The failure of a program that was to succeed.
#pragma once

#include <buskin/io/process.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace buskin::io {

/// A program ended with another code than 0, or by a signal. What it wrote is kept; the text says
/// who it was, how it ended, and the last line of its error stream.
class process_failed : public std::runtime_error {
 public:
  process_failed(const std::string& who, process_output result);

  const process_output& output() const noexcept { return output_; }
  const exit_status& status() const noexcept { return output_.status; }

 private:
  process_output output_;
};

}  // namespace buskin::io
