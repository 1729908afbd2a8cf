// Messages as bytes and back: exactly, and never more than the bytes say.
#include <buskin/io/detail/wire_reader.hpp>
#include <buskin/io/detail/wire_writer.hpp>

#include <boost/test/unit_test.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/execution_unit.hpp>
#include <caf/message_builder.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>
#include <caf/type_nr.hpp>

#include <sys/resource.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace std::string_literals;
using buskin::io::detail::wire_reader;
using buskin::io::detail::wire_writer;

struct reading {
  std::string sensor;
  std::vector<double> values;
  std::map<std::string, std::uint16_t> counts;
  std::vector<bool> flags;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reading& x) {
  return f(caf::meta::type_name("reading"), x.sensor, x.values, x.counts, x.flags);
}

struct unknown_here {
  int x = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, unknown_here& x) {
  return f(x.x);
}

class unit final : public caf::execution_unit {
 public:
  explicit unit(caf::actor_system& system) : caf::execution_unit(&system) {}
  void exec_later(caf::resumable*) override {}
};

struct world {
  struct config : caf::actor_system_config {
    config() {
      set("scheduler.max-threads", 1);
      add_message_type<reading>("reading");
    }
  };
  config settings;
  caf::actor_system system{settings};
  unit here{system};

  std::string bytes_of(const caf::message& content) {
    std::string out;
    wire_writer writer(here, out);
    BOOST_TEST(!writer.put_content(content));
    return out;
  }
  caf::message back(std::string_view bytes) {
    wire_reader reader(here, bytes);
    caf::message content;
    const auto error = reader.get_content(content);
    BOOST_TEST(!error, system.render(error));
    BOOST_TEST(reader.rest().empty());
    return content;
  }
  bool is_refused(std::string_view bytes) { return static_cast<bool>(refused(bytes)); }
  caf::error refused(std::string_view bytes) {
    wire_reader reader(here, bytes);
    caf::message content;
    return reader.get_content(content);
  }
};

/// In KiB.
long peak_of_memory() {
  rusage used{};
  BOOST_REQUIRE(::getrusage(RUSAGE_SELF, &used) == 0);
  return used.ru_maxrss;
}

template <class T>
T to_and_fro(T value) {
  world w;
  const caf::message got = w.back(w.bytes_of(caf::make_message(value)));
  BOOST_REQUIRE(got.template match_elements<T>());
  return got.template get_as<T>(0);
}

BOOST_AUTO_TEST_SUITE(wire)

BOOST_AUTO_TEST_CASE(numbers_come_back_to_the_bit) {
  BOOST_TEST(to_and_fro<std::int8_t>(-128) == -128);
  BOOST_TEST(to_and_fro<std::uint8_t>(255) == 255);
  BOOST_TEST(to_and_fro<std::int16_t>(-32768) == -32768);
  BOOST_TEST(to_and_fro<std::uint32_t>(4'000'000'000) == 4'000'000'000);
  BOOST_TEST(to_and_fro(std::numeric_limits<std::int64_t>::min()) ==
             std::numeric_limits<std::int64_t>::min());
  BOOST_TEST(to_and_fro(true));
  using limits = std::numeric_limits<double>;
  for (const double x :
       {0.0, -0.0, 0.1, limits::infinity(), -limits::infinity(), limits::denorm_min()}) {
    BOOST_TEST(to_and_fro(x) == x);
    BOOST_TEST(std::signbit(to_and_fro(x)) == std::signbit(x));
    BOOST_TEST(to_and_fro(static_cast<float>(x)) == static_cast<float>(x));
    BOOST_TEST(to_and_fro(static_cast<long double>(x)) == static_cast<long double>(x));
  }
  BOOST_TEST(std::isnan(to_and_fro(limits::quiet_NaN())));
  BOOST_TEST(to_and_fro(1.0L / 3) == 1.0L / 3);
}

BOOST_AUTO_TEST_CASE(text_and_containers_come_back) {
  BOOST_TEST(to_and_fro("a\0b"s) == "a\0b"s);
  BOOST_TEST((to_and_fro(u"\xd834\xdd1e"s) == u"\xd834\xdd1e"s));
  BOOST_TEST((to_and_fro(U"\U0001d11e"s) == U"\U0001d11e"s));
  const auto got = to_and_fro(reading{"mast", {1.5, -2}, {{"gust", 7}}, {true, false, true}});
  BOOST_TEST(got.sensor == "mast");
  BOOST_TEST(got.values == (std::vector<double>{1.5, -2}));
  BOOST_TEST(got.counts.at("gust") == 7);
  BOOST_TEST((got.flags == std::vector<bool>{true, false, true}));
}

BOOST_AUTO_TEST_CASE(errors_node_ids_and_messages_inside_of_messages_come_back) {
  world w;
  const auto node = caf::make_node_id(7, caf::node_id::default_data::host_id_type{1, 2, 3});
  BOOST_TEST((to_and_fro(node) == node));
  const auto inner = caf::make_message(1, "two"s, node);
  const auto error = caf::make_error(caf::sec::runtime_error, inner);
  const auto got = w.back(w.bytes_of(caf::make_message(error, inner)));
  BOOST_TEST((got.get_as<caf::error>(0) == error));
  BOOST_TEST(to_string(got.get_as<caf::message>(1)) == to_string(inner));
  BOOST_TEST(w.back(w.bytes_of({})).empty());
}

BOOST_AUTO_TEST_CASE(what_is_not_registered_or_stays_at_home_is_neither_written_nor_read) {
  world w;
  std::string out;
  wire_writer writer(w.here, out);
  BOOST_TEST((writer.put_content(caf::make_message(unknown_here{})) == caf::sec::unknown_type));
  BOOST_TEST((writer.put_content(caf::make_message(caf::timeout_msg{})) == caf::sec::unknown_type));
  for (unsigned number = 0; number != 256; ++number) {
    const auto bytes = "\x01"s + static_cast<char>(number) + "\x04Nope";
    const auto error = w.refused(bytes);
    if (number == 0 || number >= caf::type_nrs) BOOST_TEST((error == caf::sec::unknown_type));
  }
  BOOST_TEST((w.refused("\x01"s + static_cast<char>(caf::type_nr<caf::timeout_msg>::value)) ==
              caf::sec::unknown_type));
  // Nor inside of a message that is inside.
  const auto message = static_cast<char>(caf::type_nr<caf::message>::value);
  BOOST_TEST(w.is_refused("\x01"s + message + "\0\0\x09@<>+@i32"s));  // cut off
  BOOST_TEST((w.refused("\x01"s + message + "\0\0\x0c"s + "@<>+@timeout" + std::string(64, '\0')) ==
              caf::sec::unknown_type));
}

BOOST_AUTO_TEST_CASE(every_cut_of_a_message_is_an_error) {
  world w;
  const auto bytes =
      w.bytes_of(caf::make_message(reading{"mast", {1, 2}, {{"a", 1}}, {true}}, 7, "x"s));
  for (std::size_t length = 0; length != bytes.size(); ++length)
    BOOST_TEST(w.is_refused(std::string_view(bytes).substr(0, length)), length);
}

BOOST_AUTO_TEST_CASE(what_a_type_s_own_reading_throws_is_an_error) {
  world w;
  const auto variant = static_cast<char>(caf::type_nr<caf::config_value>::value);
  BOOST_TEST(w.is_refused("\x01"s + variant + "\xf3" + std::string(64, '\0')));
}

BOOST_AUTO_TEST_CASE(a_size_beyond_what_has_arrived_takes_no_memory) {
  world w;
  const auto huge = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s;
  BOOST_TEST(w.is_refused(huge));
  const auto named = [](const std::string& type) {
    return "\x01\0"s + static_cast<char>(type.size()) + type;
  };
  BOOST_TEST(w.is_refused(named("reading") + huge));
  for (const auto number :
       {caf::type_nr<std::string>::value, caf::type_nr<std::u16string>::value,
        caf::type_nr<std::vector<char>>::value, caf::type_nr<std::vector<std::string>>::value,
        caf::type_nr<std::map<std::string, std::string>>::value})
    BOOST_TEST(w.is_refused("\x01"s + static_cast<char>(number) + huge), number);
  // A gigabyte, of which there is nothing.
  const auto before = peak_of_memory();
  BOOST_TEST(w.is_refused("\x01"s + static_cast<char>(caf::type_nr<std::vector<char>>::value) +
                          "\x80\x80\x80\x80\x04"));
  BOOST_TEST(peak_of_memory() - before < 100 * 1024);
  // Nested without end.
  std::string deep = "\x01"s + static_cast<char>(caf::type_nr<caf::message>::value);
  for (int i = 0; i != 10'000; ++i) deep += "\0\0\x0c@<>+@message"s;
  BOOST_TEST(w.is_refused(deep));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
