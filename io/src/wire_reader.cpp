#include <buskin/io/detail/wire_reader.hpp>

#include <buskin/io/detail/wire_writer.hpp>

#include <caf/actor_system.hpp>
#include <caf/detail/dynamic_message_data.hpp>
#include <caf/make_counted.hpp>
#include <caf/sec.hpp>
#include <caf/type_erased_value.hpp>
#include <caf/type_nr.hpp>
#include <caf/uniform_type_info_map.hpp>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <utility>

namespace buskin::io::detail {

namespace {

bool stays_at_home(std::string_view type) {
  for (std::uint16_t number = 1; number < caf::type_nrs; ++number)
    if (type == caf::numbered_type_names[number - 1]) return !travels(number);
  return false;
}

}  // namespace

caf::error wire_reader::get_byte(std::uint8_t& value) { return get(value); }

caf::error wire_reader::get_number(std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    std::uint8_t byte = 0;
    if (auto error = get(byte)) return error;
    if (shift == 63 && byte > 1) break;
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return caf::none;
  }
  return fail(caf::sec::invalid_argument);
}

caf::error wire_reader::get_text(std::string& text, std::size_t most) {
  std::uint64_t size = 0;
  if (auto error = get_number(size)) return error;
  if (size > rest_.size() || size > most) return fail(caf::sec::end_of_stream);
  text.assign(rest_.substr(0, size));
  rest_.remove_prefix(size);
  return caf::none;
}

caf::error wire_reader::get_content(caf::message& content) {
  const auto& types = context()->system().types();
  std::uint64_t count = 0;
  if (auto error = get_number(count)) return error;
  if (count > rest_.size()) return fail(caf::sec::end_of_stream);  // each begins with a byte
  if (count == 0) {
    content = {};
    return caf::none;
  }
  auto data = caf::make_counted<caf::detail::dynamic_message_data>();
  for (; count != 0; --count) {
    std::uint8_t number = 0;
    if (auto error = get(number)) return error;
    caf::type_erased_value_ptr value;
    std::string name;
    if (number != 0) {
      if (!travels(number))
        return fail(caf::make_error(caf::sec::unknown_type, std::to_string(number)));
      value = types.make_value(number);
    } else {
      if (auto error = get_text(name, longest_name)) return error;
      value = types.make_value(name);
    }
    if (!value) return fail(caf::make_error(caf::sec::unknown_type, name));
    try {
      if (auto error = value->load(*this)) return fail(error);
    } catch (const std::exception& error) {  // of a variant's impossible alternative, say
      return fail(caf::make_error(caf::sec::invalid_argument, std::string(error.what())));
    }
    if (failure_) return failure_;  // CAF does not tell of one in a message inside of it
    data->append(std::move(value));
  }
  content = caf::message(caf::detail::message_data::cow_ptr(std::move(data)));
  return caf::none;
}

caf::error wire_reader::fail(caf::error why) {
  if (!failure_) failure_ = std::move(why);
  rest_ = {};
  return failure_;
}

caf::error wire_reader::descend() {
  if (++depth_ > deepest)
    return fail(caf::make_error(caf::sec::invalid_argument, "nested too deep"));
  return caf::none;
}

caf::error wire_reader::begin_object(std::uint16_t& number, std::string& name) {
  if (auto error = descend()) return error;
  if (auto error = get(number)) return error;
  if (number != 0) return caf::none;
  if (auto error = get_text(name, rest_.size())) return error;
  // CAF's name for a message inside of a message: "@<>" and a "+" and a type for each part.
  for (std::size_t at = name.find('+'); at != std::string::npos;) {
    const std::size_t next = name.find('+', at + 1);
    if (stays_at_home(std::string_view(name).substr(at + 1, next - at - 1)))
      return fail(caf::make_error(caf::sec::unknown_type, name));
    at = next;
  }
  return caf::none;
}

caf::error wire_reader::end_object() {
  --depth_;
  return caf::none;
}

caf::error wire_reader::begin_sequence(std::size_t& size) {
  if (auto error = descend()) return error;
  std::uint64_t count = 0;
  if (auto error = get_number(count)) return error;
  // An element takes a bit at least (of a vector of bools).
  if (count / 8 > rest_.size()) return fail(caf::sec::end_of_stream);
  size = count;
  return caf::none;
}

caf::error wire_reader::end_sequence() {
  --depth_;
  return caf::none;
}

caf::error wire_reader::apply_raw(std::size_t size, void* data) {
  if (size > rest_.size()) return fail(caf::sec::end_of_stream);
  std::memcpy(data, rest_.data(), size);
  rest_.remove_prefix(size);
  return caf::none;
}

template <class T>
caf::error wire_reader::get(T& value) {
  using bits = std::make_unsigned_t<T>;
  if (rest_.size() < sizeof(T)) return fail(caf::sec::end_of_stream);
  bits found = 0;
  for (std::size_t i = 0; i != sizeof(T); ++i)
    found = static_cast<bits>(
        found |
        static_cast<bits>(static_cast<bits>(static_cast<unsigned char>(rest_[i])) << 8 * i));
  value = static_cast<T>(found);
  rest_.remove_prefix(sizeof(T));
  return caf::none;
}

caf::error wire_reader::apply_impl(float& value) {
  std::uint32_t bits = 0;
  if (auto error = get(bits)) return error;
  value = std::bit_cast<float>(bits);
  return caf::none;
}

caf::error wire_reader::apply_impl(double& value) {
  std::uint64_t bits = 0;
  if (auto error = get(bits)) return error;
  value = std::bit_cast<double>(bits);
  return caf::none;
}

caf::error wire_reader::apply_impl(long double& value) {
  std::string text;
  if (auto error = get_text(text, 64)) return error;
  char* end = nullptr;
  value = std::strtold(text.c_str(), &end);
  return end == text.c_str() + text.size() && !text.empty()
             ? caf::none
             : caf::error(caf::sec::invalid_argument);
}

caf::error wire_reader::apply_impl(std::string& value) { return get_text(value, rest_.size()); }

template <class S>
caf::error wire_reader::get_wide(S& text) {
  std::uint64_t size = 0;
  if (auto error = get_number(size)) return error;
  if (size > rest_.size() / 4) return fail(caf::sec::end_of_stream);
  text.clear();
  text.reserve(size);
  for (; size != 0; --size) {
    std::uint32_t unit = 0;
    if (auto error = get(unit)) return error;
    text += static_cast<typename S::value_type>(unit);
  }
  return caf::none;
}

caf::error wire_reader::apply_impl(std::u16string& value) { return get_wide(value); }
caf::error wire_reader::apply_impl(std::u32string& value) { return get_wide(value); }

}  // namespace buskin::io::detail
