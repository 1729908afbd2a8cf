// The way back from job_writer's bytes.
//
// What always holds: nothing is read beyond the bytes there are. A long block gets its room here
// and is filled afterwards, straight from the socket.
#pragma once

#include <buskin/io/detail/can_travel.hpp>
#include <buskin/io/detail/job_writer.hpp>

#include <caf/error.hpp>
#include <caf/meta/load_callback.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace buskin::io::detail {

/// An inspector, as CAF's deserializers are. Throws std::runtime_error for bytes that are not what
/// job_writer wrote.
class job_reader {
 public:
  using result_type = caf::error;
  static constexpr bool reads_state = false;
  static constexpr bool writes_state = true;

  /// `text` outlives it. `elsewhere` is how many bytes of long blocks come behind it.
  job_reader(std::string_view text, std::uint64_t elsewhere) noexcept
      : rest_(text), elsewhere_(elsewhere) {}

  /// A whole argument or result, which stays where it is until its blocks were filled.
  template <class T>
  void take(T& value) {
    if constexpr (block<T>) {
      const auto size = peek_size();
      if ((size & job_writer::elsewhere) != 0) {
        get_size();
        const auto count = size & ~job_writer::elsewhere;
        if (count > elsewhere_ / sizeof(value[0])) throw_garbled();
        value.resize(count);
        const std::size_t bytes = count * sizeof(value[0]);
        elsewhere_ -= bytes;
        blocks_.emplace_back(reinterpret_cast<char*>(value.data()), bytes);
        return;
      }
    }
    get(value);
  }
  /// Everything was taken. Throws when there is more.
  void finish() const {
    if (!rest_.empty() || elsewhere_ != 0) throw_garbled();
  }
  /// What has to be filled, in this order.
  const std::vector<std::span<char>>& blocks() const noexcept { return blocks_; }

  template <class... Ts>
  caf::error operator()(Ts&&... parts) {
    (one(parts), ...);
    return {};
  }

 private:
  [[noreturn]] static void throw_garbled();

  template <class T>
  void one(T& part) {
    if constexpr (caf::meta::is_load_callback<std::remove_const_t<T>>::value) {
      if (auto failed = part.fun()) throw_inspection("reading", failed);
    } else if constexpr (!caf::meta::is_annotation<T>::value) {
      get(part);
    }
  }

  template <class T>
  void get(T& value) {
    static_assert(can_travel<T>,
                  "a part of what is given to a process_pool, or comes from it, cannot travel to "
                  "another process");
    if constexpr (plain<T> || is_span_of_time<T>) {
      get_raw(&value, sizeof value);
    } else if constexpr (std::same_as<T, std::monostate>) {
      skip(1);
    } else if constexpr (block<T>) {
      const auto size = get_size();
      if (size > rest_.size() / sizeof(value[0])) throw_garbled();
      value.resize(size);
      get_raw(value.data(), size * sizeof(value[0]));
    } else if constexpr (std::same_as<T, std::filesystem::path>) {
      std::string name;
      get(name);
      value = std::move(name);
    } else if constexpr (is_optional<T>) {
      bool there = false;
      get(there);
      if (there)
        get(value.emplace());
      else
        value.reset();
    } else if constexpr (is_variant<T>) {
      get_variant(value, get_size(), std::make_index_sequence<std::variant_size_v<T>>());
    } else if constexpr (is_fixed<T>) {
      std::apply([this](auto&... each) { (this->get(each), ...); }, value);
    } else if constexpr (container<T>) {
      get_elements(value);
    } else {
      if constexpr (std::is_empty_v<T>) skip(1);
      if (auto failed = inspect(*this, value)) throw_inspection("reading", failed);
    }
  }

  template <class V, std::size_t... I>
  void get_variant(V& value, std::uint64_t which, std::index_sequence<I...>) {
    if (which >= sizeof...(I)) throw_garbled();
    ((which == I ? get(value.template emplace<I>()) : void()), ...);
  }

  template <class C>
  void get_elements(C& values) {
    values.clear();
    auto size = get_size();
    if (size > rest_.size()) throw_garbled();  // each takes a byte at least
    for (; size != 0; --size) {
      element_of<C> each{};
      get(each);
      if constexpr (requires { values.push_back(std::move(each)); })
        values.push_back(std::move(each));
      else
        values.insert(std::move(each));
    }
  }

  std::uint64_t peek_size() const {
    std::uint64_t size = 0;
    if (rest_.size() < sizeof size) throw_garbled();
    std::memcpy(&size, rest_.data(), sizeof size);
    return size;
  }
  std::uint64_t get_size() {
    const auto size = peek_size();
    rest_.remove_prefix(sizeof size);
    return size;
  }
  void get_raw(void* to, std::size_t size) {
    if (size > rest_.size()) throw_garbled();
    if (size != 0) std::memcpy(to, rest_.data(), size);
    rest_.remove_prefix(size);
  }
  void skip(std::size_t size) {
    if (size > rest_.size()) throw_garbled();
    rest_.remove_prefix(size);
  }

  std::string_view rest_;
  std::uint64_t elsewhere_;
  std::vector<std::span<char>> blocks_;
};

}  // namespace buskin::io::detail
