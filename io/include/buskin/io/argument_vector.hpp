// A program and its arguments.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace buskin::io {

/// A program and its arguments, each as it is: nothing is split, quoted or expanded. Any bytes but
/// NUL.
class argument_vector {
 public:
  class item {
   public:
    item(const char* text) : text_(text) {}
    item(std::string text) : text_(std::move(text)) {}
    item(std::string_view text) : text_(text) {}
    item(const std::filesystem::path& path) : text_(path.native()) {}

   private:
    friend class argument_vector;
    std::string text_;
  };

  argument_vector() = default;
  argument_vector(std::initializer_list<item> items) {
    for (const auto& each : items) items_.push_back(each.text_);
  }
  argument_vector(std::vector<std::string> items) : items_(std::move(items)) {}

  void push_back(item argument) { items_.push_back(std::move(argument.text_)); }
  const std::vector<std::string>& items() const noexcept { return items_; }

 private:
  std::vector<std::string> items_;
};

}  // namespace buskin::io
