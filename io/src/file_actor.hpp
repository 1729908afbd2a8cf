// The message face of a file: its messages become operations in the file's line.
#pragma once

#include <buskin/io/detail/file_line.hpp>
#include <buskin/runtime/lean_actor.hpp>

#include <caf/message.hpp>

#include <functional>
#include <memory>
#include <string>

namespace buskin::io::detail {

class file_actor final : public lean_actor {
 public:
  file_actor(caf::actor_config& config, std::shared_ptr<file_line> line)
      : lean_actor(config), line_(std::move(line)) {}
  const char* name() const override { return "buskin.file"; }
  std::string title() const override { return "file " + quoted(line_->file().path()); }

 protected:
  void on_message(caf::mailbox_element_ptr& element) override;

 private:
  using operation = std::function<caf::message(open_file&, const std::stop_token&)>;
  /// What the message asks for; empty when it is none of ours.
  static operation operation_of(const caf::type_erased_tuple& content);

  const std::shared_ptr<file_line> line_;
};

}  // namespace buskin::io::detail
