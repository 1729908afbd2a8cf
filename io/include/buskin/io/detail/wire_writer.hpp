// Messages as bytes, for another process of the same program family.
//
// CAF's own binary format loops for ever on an infinity and does not keep the sign of a zero, so a
// floating-point number travels as its bits here. Integers are little-endian, sizes have a variable
// length, an element of a message begins with its type: a number for CAF's own, a name for others.
#pragma once

#include <caf/abstract_actor.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>
#include <caf/serializer.hpp>
#include <caf/type_erased_tuple.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace buskin::io::detail {

/// Appends to a string that outlives it.
class wire_writer final : public caf::serializer {
 public:
  /// `unit` says in which actor system handles and types are looked up.
  wire_writer(caf::execution_unit& unit, std::string& out) : caf::serializer(&unit), out_(out) {}

  // -- what frames are made of ------------------------------------------------------------------
  void put_byte(std::uint8_t value) { out_ += static_cast<char>(value); }
  /// One to ten bytes.
  void put_number(std::uint64_t value);
  void put_text(std::string_view text);
  /// The parts of a message. An error for a type that was not registered, or that stays in its
  /// process.
  caf::error put_content(const caf::type_erased_tuple& content);

  /// The actors of this process whose handles were written. CAF has put them into its registry.
  std::vector<caf::strong_actor_ptr> handles();

  // -- serializer -------------------------------------------------------------------------------
  caf::error begin_object(std::uint16_t& number, std::string& name) override;
  caf::error end_object() override { return caf::none; }
  caf::error begin_sequence(std::size_t& size) override;
  caf::error end_sequence() override { return caf::none; }
  caf::error apply_raw(std::size_t size, void* data) override;

 protected:
  caf::error apply_impl(std::int8_t& value) override { return put(value); }
  caf::error apply_impl(std::uint8_t& value) override { return put(value); }
  caf::error apply_impl(std::int16_t& value) override { return put(value); }
  caf::error apply_impl(std::uint16_t& value) override { return put(value); }
  caf::error apply_impl(std::int32_t& value) override { return put(value); }
  caf::error apply_impl(std::uint32_t& value) override { return put(value); }
  caf::error apply_impl(std::int64_t& value) override { return put(value); }
  caf::error apply_impl(std::uint64_t& value) override;
  caf::error apply_impl(float& value) override;
  caf::error apply_impl(double& value) override;
  caf::error apply_impl(long double& value) override;
  caf::error apply_impl(std::string& value) override;
  caf::error apply_impl(std::u16string& value) override;
  caf::error apply_impl(std::u32string& value) override;

 private:
  template <class T>
  caf::error put(T value);
  template <class S>
  caf::error put_wide(const S& text);

  std::string& out_;
  struct suspect {
    caf::actor_id number;
    std::size_t node;  // where its node id begins
  };
  std::uint64_t last_ = 0;  // the latest of 64 bits, of this part of the message
  std::vector<suspect> suspects_;
};

/// Whether a value of CAF's own type `number` may leave its process, or come in: not what belongs
/// to groups, streams and timeouts of one process.
bool travels(std::uint16_t number) noexcept;

}  // namespace buskin::io::detail
