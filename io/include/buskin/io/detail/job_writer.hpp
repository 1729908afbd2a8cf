// Values on their way to a worker of a process_pool, or back.
//
// What always holds: long blocks of numbers that are a whole argument, or the result, are not
// copied here: they stay where they are, and go out from there.
#pragma once

#include <buskin/io/detail/can_travel.hpp>

#include <caf/error.hpp>
#include <caf/meta/save_callback.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace buskin::io::detail {

/// Throws with the text of an error that an `inspect` returned.
void throw_inspection(const char* doing, const caf::error& why);

/// An inspector, as CAF's serializers are.
class job_writer {
 public:
  using result_type = caf::error;
  static constexpr bool reads_state = true;
  static constexpr bool writes_state = false;
  /// Blocks of so many bytes go out from where they are.
  static constexpr std::size_t long_block = 32 * 1024;
  /// What is set in the size of such a block.
  static constexpr std::uint64_t elsewhere = std::uint64_t{1} << 63;

  /// A whole argument or result, which has to stay until it was sent.
  template <class T>
  void add(T& value) {
    if constexpr (block<T>) {
      const std::size_t bytes = value.size() * sizeof(value[0]);
      if (bytes >= long_block) {
        put_size(value.size() | elsewhere);
        blocks_.emplace_back(reinterpret_cast<const char*>(value.data()), bytes);
        return;
      }
    }
    put(value);
  }

  template <class... Ts>
  caf::error operator()(Ts&&... parts) {
    (one(parts), ...);
    return {};
  }

  std::string_view text() const noexcept { return text_; }
  const std::vector<std::string_view>& blocks() const noexcept { return blocks_; }

 private:
  template <class T>
  void one(T& part) {
    if constexpr (caf::meta::is_save_callback<std::remove_const_t<T>>::value) {
      if (auto failed = part.fun()) throw_inspection("writing", failed);
    } else if constexpr (!caf::meta::is_annotation<T>::value) {
      put(const_cast<std::remove_const_t<T>&>(part));
    }
  }

  template <class T>
  void put(T& value) {
    static_assert(can_travel<T>,
                  "a part of what is given to a process_pool, or comes from it, cannot travel to "
                  "another process");
    if constexpr (plain<T> || is_span_of_time<T>) {
      put_raw(&value, sizeof value);
    } else if constexpr (std::same_as<T, std::monostate>) {
      put_raw("", 1);
    } else if constexpr (block<T>) {
      put_size(value.size());
      put_raw(value.data(), value.size() * sizeof(value[0]));
    } else if constexpr (std::same_as<T, std::filesystem::path>) {
      auto& name = const_cast<std::string&>(value.native());
      put(name);
    } else if constexpr (is_optional<T>) {
      bool there = value.has_value();
      put(there);
      if (there) put(*value);
    } else if constexpr (is_variant<T>) {
      put_size(value.index());
      std::visit([this](auto& held) { this->put(held); }, value);
    } else if constexpr (is_fixed<T>) {
      std::apply([this](auto&... each) { (this->put(each), ...); }, value);
    } else if constexpr (container<T>) {
      put_elements(value);
    } else {
      if constexpr (std::is_empty_v<T>) put_raw("", 1);  // so that what is counted takes room
      if (auto failed = inspect(*this, value)) throw_inspection("writing", failed);
    }
  }

  template <class C>
  void put_elements(C& values) {
    put_size(values.size());
    for (auto&& each : values) {
      if constexpr (requires { typename C::mapped_type; }) {
        put(const_cast<typename C::key_type&>(each.first));
        put(each.second);
      } else if constexpr (std::is_same_v<element_of<C>, bool>) {
        bool bit = each;
        put(bit);
      } else {
        put(const_cast<element_of<C>&>(each));
      }
    }
  }

  void put_size(std::uint64_t size) { put_raw(&size, sizeof size); }
  void put_raw(const void* bytes, std::size_t size) {
    text_.append(static_cast<const char*>(bytes), size);
  }

  std::string text_;
  std::vector<std::string_view> blocks_;
};

}  // namespace buskin::io::detail
