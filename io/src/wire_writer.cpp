#include <buskin/io/detail/wire_writer.hpp>

#include <buskin/runtime/errors.hpp>

#include <caf/actor_registry.hpp>
#include <caf/actor_system.hpp>
#include <caf/node_id.hpp>
#include <caf/sec.hpp>
#include <caf/type_nr.hpp>
#include <caf/uniform_type_info_map.hpp>

#include <bit>
#include <cstdio>
#include <type_traits>

namespace buskin::io::detail {

bool travels(std::uint16_t number) noexcept {
  switch (number) {
    case 0:
    case caf::type_nr<caf::group>::value:
    case caf::type_nr<caf::group_down_msg>::value:
    case caf::type_nr<caf::open_stream_msg>::value:
    case caf::type_nr<caf::downstream_msg>::value:
    case caf::type_nr<caf::upstream_msg>::value:
    case caf::type_nr<caf::timeout_msg>::value:
      return false;
    default:
      return number < caf::type_nrs;
  }
}

void wire_writer::put_number(std::uint64_t value) {
  while (value >= 0x80) {
    put_byte(static_cast<std::uint8_t>(value | 0x80));
    value >>= 7;
  }
  put_byte(static_cast<std::uint8_t>(value));
}

void wire_writer::put_text(std::string_view text) {
  put_number(text.size());
  out_ += text;
}

caf::error wire_writer::put_content(const caf::type_erased_tuple& content) {
  const auto& types = context()->system().types();
  put_number(content.size());
  for (std::size_t i = 0; i != content.size(); ++i) {
    const auto type = content.type(i);
    if (type.first != 0) {
      if (!travels(type.first))
        return caf::make_error(caf::sec::unknown_type, types.portable_name(type),
                               std::string("it stays in its process"));
      put_byte(static_cast<std::uint8_t>(type.first));
    } else {
      const auto& name = types.portable_name(type);
      if (name == types.default_type_name())
        return caf::make_error(
            caf::sec::unknown_type,
            type.second != nullptr ? buskin::detail::demangled(type.second->name())
                                   : std::string("?"),
            std::string("register it in runtime_options::configure with add_message_type"));
      put_byte(0);
      put_text(name);
    }
    last_ = 0;
    if (auto error = content.save(i, *this)) return error;
  }
  return caf::none;
}

caf::error wire_writer::begin_object(std::uint16_t& number, std::string& name) {
  put(number);
  if (number == 0) put_text(name);
  return caf::none;
}

caf::error wire_writer::begin_sequence(std::size_t& size) {
  put_number(size);
  return caf::none;
}

caf::error wire_writer::apply_raw(std::size_t size, void* data) {
  out_.append(static_cast<const char*>(data), size);
  return caf::none;
}

template <class T>
caf::error wire_writer::put(T value) {
  auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (std::size_t i = 0; i != sizeof bits; ++i) {
    put_byte(static_cast<std::uint8_t>(bits));
    if constexpr (sizeof bits > 1) bits = static_cast<decltype(bits)>(bits >> 8);
  }
  return caf::none;
}

caf::error wire_writer::apply_impl(std::uint64_t& value) {
  // CAF writes a handle as the actor's number, and behind it its node id, which begins with the
  // kind of id; and tells nobody.
  if (last_ != 0 && value == static_cast<std::uint64_t>(caf::node_id::default_data::class_id))
    suspects_.push_back({last_, out_.size()});
  last_ = value;
  return put(value);
}

std::vector<caf::strong_actor_ptr> wire_writer::handles() {
  std::vector<caf::strong_actor_ptr> found;
  if (suspects_.empty()) return found;
  auto& system = context()->system();
  std::string ours;
  auto node = system.node();
  wire_writer to(*context(), ours);
  to(node);
  for (const auto& each : suspects_)
    if (out_.compare(each.node, ours.size(), ours) == 0)
      if (auto actor = system.registry().get(each.number)) found.push_back(std::move(actor));
  return found;
}

caf::error wire_writer::apply_impl(float& value) {
  return put(std::bit_cast<std::uint32_t>(value));
}
caf::error wire_writer::apply_impl(double& value) {
  return put(std::bit_cast<std::uint64_t>(value));
}

caf::error wire_writer::apply_impl(long double& value) {
  // Its width depends on the machine; this text is exact on all of them.
  char text[64];
  put_text({text, static_cast<std::size_t>(std::snprintf(text, sizeof text, "%La", value))});
  return caf::none;
}

caf::error wire_writer::apply_impl(std::string& value) {
  put_text(value);
  return caf::none;
}

template <class S>
caf::error wire_writer::put_wide(const S& text) {
  put_number(text.size());
  for (const auto unit : text) put(static_cast<std::uint32_t>(unit));
  return caf::none;
}

caf::error wire_writer::apply_impl(std::u16string& value) { return put_wide(value); }
caf::error wire_writer::apply_impl(std::u32string& value) { return put_wide(value); }

}  // namespace buskin::io::detail
