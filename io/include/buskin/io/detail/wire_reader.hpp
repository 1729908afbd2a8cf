// The way back from wire_writer's bytes. They come from outside: whatever they say, no more memory
// is taken than a small multiple of what has arrived, and nothing is read beyond it.
#pragma once

#include <caf/deserializer.hpp>
#include <caf/error.hpp>
#include <caf/message.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace buskin::io::detail {

/// Reads from bytes that outlive it. After an error nothing more is read.
class wire_reader final : public caf::deserializer {
 public:
  wire_reader(caf::execution_unit& unit, std::string_view bytes)
      : caf::deserializer(&unit), rest_(bytes) {}

  std::string_view rest() const noexcept { return rest_; }

  // -- what frames are made of ------------------------------------------------------------------
  caf::error get_byte(std::uint8_t& value);
  caf::error get_number(std::uint64_t& value);
  /// Of at most `most` bytes.
  caf::error get_text(std::string& text, std::size_t most);
  /// The parts of a message. `caf::sec::unknown_type` for one whose type is not registered here, or
  /// does not travel.
  caf::error get_content(caf::message& content);

  // -- deserializer -----------------------------------------------------------------------------
  caf::error begin_object(std::uint16_t& number, std::string& name) override;
  caf::error end_object() override;
  caf::error begin_sequence(std::size_t& size) override;
  caf::error end_sequence() override;
  caf::error apply_raw(std::size_t size, void* data) override;

 protected:
  caf::error apply_impl(std::int8_t& value) override { return get(value); }
  caf::error apply_impl(std::uint8_t& value) override { return get(value); }
  caf::error apply_impl(std::int16_t& value) override { return get(value); }
  caf::error apply_impl(std::uint16_t& value) override { return get(value); }
  caf::error apply_impl(std::int32_t& value) override { return get(value); }
  caf::error apply_impl(std::uint32_t& value) override { return get(value); }
  caf::error apply_impl(std::int64_t& value) override { return get(value); }
  caf::error apply_impl(std::uint64_t& value) override { return get(value); }
  caf::error apply_impl(float& value) override;
  caf::error apply_impl(double& value) override;
  caf::error apply_impl(long double& value) override;
  caf::error apply_impl(std::string& value) override;
  caf::error apply_impl(std::u16string& value) override;
  caf::error apply_impl(std::u32string& value) override;

 private:
  static constexpr unsigned deepest = 64;
  static constexpr std::size_t longest_name = 1024;

  template <class T>
  caf::error get(T& value);
  template <class S>
  caf::error get_wide(S& text);
  caf::error descend();
  caf::error fail(caf::error why);

  std::string_view rest_;
  caf::error failure_;  // the first
  unsigned depth_ = 0;
};

}  // namespace buskin::io::detail
