// The gateway's positions: published sentences with known answers, damaged ones, multi-part AIS.
#include "../../examples/gateway/position.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>

namespace {

using buskin::io::nmea0183_codec;
using buskin::io::nmea_sentence;
using buskin::io::nmea_status;
using gateway::ais_decoder;
using gateway::decode_position;
using gateway::position;

// With the checksum that belongs to it, as the codec would deliver it.
nmea_sentence sentence(const std::string& text) {
  std::string bytes;
  nmea0183_codec().encode({text}, bytes);
  return {bytes.substr(0, bytes.size() - 2)};
}

std::optional<position> decode(const std::string& text) { return decode_position(sentence(text)); }

// Part `number` of two of the best known type 5 message (ship EVER DIADEM).
nmea_sentence ship_data(int number, char sequence = '1', char channel = 'A') {
  const std::string payload = number == 1
                                  ? "55?MbV02;H;s<HtKR20EHE:0@T4@Dn2222222216L961O5Gf0NSQEp6ClRp8,0"
                                  : "88888888880,2";
  return sentence("!AIVDM,2," + std::to_string(number) + "," + sequence + "," + channel + "," +
                  payload);
}

// The halves of a position report, which devices never split; here to see that the result is right.
const std::string report = "177KQJ5000G?tO`K>RA1wUbN0TKH";

nmea_sentence half(int number, char sequence = '4', char channel = 'B') {
  const auto payload = number == 1 ? report.substr(0, 10) : report.substr(10);
  return sentence("!AIVDM,2," + std::to_string(number) + "," + sequence + "," + channel + "," +
                  payload + ",0");
}

// A type 1 report with these values; the rest of the bits is zero.
nmea_sentence type_1(std::int64_t longitude, std::int64_t latitude, unsigned speed,
                     unsigned course) {
  std::string bits(168, '0');
  const auto set = [&](std::size_t first, std::size_t count, std::int64_t value) {
    for (auto i = first + count; i-- > first; value >>= 1) bits[i] = value & 1 ? '1' : '0';
  };
  set(0, 6, 1);
  set(8, 30, 200000001);
  set(50, 10, speed);
  set(61, 28, longitude);
  set(89, 27, latitude);
  set(116, 12, course);
  std::string payload;
  for (std::size_t i = 0; i < bits.size(); i += 6) {
    const auto group = std::stoi(bits.substr(i, 6), nullptr, 2);
    payload += static_cast<char>(group < 40 ? group + '0' : group - 40 + '`');
  }
  return sentence("!AIVDM,1,1,,A," + payload + ",0");
}

constexpr double tolerance = 1e-6;

}  // namespace

BOOST_AUTO_TEST_SUITE(gateway_position_test)

BOOST_AUTO_TEST_CASE(gga_gives_position_altitude_quality_and_satellites) {
  const auto p = decode("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47");
  BOOST_REQUIRE(p);
  BOOST_TEST(std::abs(p->latitude - 48.1173) < tolerance);
  BOOST_TEST(std::abs(p->longitude - 11.516666667) < tolerance);
  BOOST_TEST(p->altitude_m.value() == 545.4);
  BOOST_TEST(p->quality.value() == 1);
  BOOST_TEST(p->satellites.value() == 8);
  BOOST_TEST(p->time_utc == "12:35:19");
  BOOST_TEST(p->source == "GGA");
  BOOST_TEST(!p->speed_knots.has_value());
  BOOST_TEST(!p->mmsi.has_value());
}

BOOST_AUTO_TEST_CASE(rmc_gives_position_speed_course_and_date) {
  const auto p = decode("$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A");
  BOOST_REQUIRE(p);
  BOOST_TEST(std::abs(p->latitude - 48.1173) < tolerance);
  BOOST_TEST(p->speed_knots.value() == 22.4);
  BOOST_TEST(p->course_deg.value() == 84.4);
  BOOST_TEST(p->time_utc == "1994-03-23T12:35:19");
  BOOST_TEST(p->source == "RMC");
  BOOST_TEST(!p->altitude_m.has_value());
}

BOOST_AUTO_TEST_CASE(south_and_west_are_negative_and_any_talker_is_heard) {
  const auto p = decode("$GNRMC,235959.25,A,3351.1200,S,15112.5000,W,,,010125,,,A,V");
  BOOST_REQUIRE(p);
  BOOST_TEST(std::abs(p->latitude + 33.852) < tolerance);
  BOOST_TEST(std::abs(p->longitude + 151.208333333) < tolerance);
  BOOST_TEST(p->time_utc == "2025-01-01T23:59:59.25");
  BOOST_TEST(!p->speed_knots.has_value());
  BOOST_TEST(!p->course_deg.has_value());
}

BOOST_AUTO_TEST_CASE(without_a_fix_there_is_no_position) {
  BOOST_TEST(!decode("$GPGGA,123519,4807.038,N,01131.000,E,0,00,,,M,,M,,").has_value());
  BOOST_TEST(!decode("$GPGGA,,,,,,0,,,,,,,,").has_value());
  BOOST_TEST(!decode("$GPRMC,123519,V,4807.038,N,01131.000,E,,,230394,,").has_value());
  BOOST_TEST(!decode("$GPRMC,123519,A,4807.038,N,01131.000,E,,,230394,,,N").has_value());
}

BOOST_AUTO_TEST_CASE(a_field_that_makes_no_sense_gives_no_position) {
  for (const char* where :
       {"4860.000,N,01131.000,E", "9100.000,N,01131.000,E", "9000.001,N,01131.000,E",
        "4807.038,X,01131.000,E", "4807.038,N,18000.001,E", "4807.038,,01131.000,E",
        "48-7.038,N,01131.000,E", "48.07038,N,01131.000,E", "4807.0.8,N,01131.000,E",
        "4807e1,N,01131.000,E", "nan,N,inf,E", "4807.038,NN,01131.000,E", "48,N,011,E", ",,,"}) {
    BOOST_TEST_CONTEXT(where) {
      BOOST_TEST(!decode("$GPGGA,123519," + std::string(where) + ",1,08,0.9,5.4,M,,M,,"));
    }
  }
  const auto p = decode("$GPGGA,250000,4807.038,N,01131.000,E,1,x,0.9,high,M,,M,,");
  BOOST_REQUIRE(p);
  BOOST_TEST(p->time_utc.empty());
  BOOST_TEST(!p->satellites.has_value());
  BOOST_TEST(!p->altitude_m.has_value());
}

BOOST_AUTO_TEST_CASE(only_a_valid_sentence_is_looked_at) {
  auto s = sentence("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,");
  s.status = nmea_status::bad_checksum;
  BOOST_TEST(!decode_position(s).has_value());
  BOOST_TEST(!decode("$GPGSA,A,3,04,05,,09,12,,,24,,,,,2.5,1.3,2.1").has_value());
  BOOST_TEST(!decode("$PGGA,123519,4807.038,N,01131.000,E,1,08").has_value());
}

BOOST_AUTO_TEST_CASE(a_published_ais_report_gives_its_position) {
  ais_decoder ais;
  const auto p = ais.decode({"!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0*5C"});
  BOOST_REQUIRE(p);
  BOOST_TEST(p->mmsi.value() == 477553000U);
  BOOST_TEST(std::abs(p->latitude - 47.582833333) < tolerance);
  BOOST_TEST(std::abs(p->longitude + 122.345833333) < tolerance);
  BOOST_TEST(p->speed_knots.value() == 0.0);
  BOOST_TEST(p->course_deg.value() == 51.0);
  BOOST_TEST(p->source == "AIS1");
  BOOST_TEST(p->time_utc.empty());
  BOOST_TEST(ais.counts().positions == 1U);
}

BOOST_AUTO_TEST_CASE(what_a_ship_does_not_know_is_not_made_up) {
  ais_decoder ais;
  BOOST_TEST(!ais.decode(type_1(181 * 600000, 91 * 600000, 1023, 3600)).has_value());
  BOOST_TEST(!ais.decode(type_1(0, 91 * 600000, 0, 0)).has_value());
  BOOST_TEST(ais.counts().without_position == 2U);
  const auto p = ais.decode(type_1(-180 * 600000, -90 * 600000, 1023, 3600));
  BOOST_REQUIRE(p);
  BOOST_TEST(p->longitude == -180.0);
  BOOST_TEST(p->latitude == -90.0);
  BOOST_TEST(!p->speed_knots.has_value());
  BOOST_TEST(!p->course_deg.has_value());
  const auto q = ais.decode(type_1(1, -1, 1022, 3599));
  BOOST_REQUIRE(q);
  BOOST_TEST(q->longitude == 1 / 600000.0);
  BOOST_TEST(q->latitude == -1 / 600000.0);
  BOOST_TEST(q->speed_knots.value() == 102.2);
  BOOST_TEST(q->course_deg.value() == 359.9);
}

BOOST_AUTO_TEST_CASE(a_message_is_put_together_in_any_order_of_its_parts) {
  for (const int first : {1, 2}) {
    ais_decoder ais;
    BOOST_TEST(!ais.decode(half(first)).has_value());
    BOOST_TEST(ais.assembler().partials() == 1U);
    const auto p = ais.decode(half(3 - first));
    BOOST_REQUIRE(p);
    BOOST_TEST(p->mmsi.value() == 477553000U);
    BOOST_TEST(ais.assembler().partials() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(ship_data_are_a_message_of_another_type) {
  ais_decoder ais;
  BOOST_TEST(!ais.decode({"!AIVDM,2,1,1,A,"
                          "55?MbV02;H;s<HtKR20EHE:0@T4@Dn2222222216L961O5Gf0NSQEp6ClRp8,0*1C"})
                  .has_value());
  BOOST_TEST(!ais.decode({"!AIVDM,2,2,1,A,88888888880,2*25"}).has_value());
  BOOST_TEST(ais.counts().messages == 1U);
  BOOST_TEST(ais.counts().other_types == 1U);
}

BOOST_AUTO_TEST_CASE(parts_meet_only_with_the_same_number_and_channel) {
  ais_decoder ais;
  BOOST_TEST(!ais.decode(half(1, '4', 'A')).has_value());
  BOOST_TEST(!ais.decode(half(2, '4', 'B')).has_value());
  BOOST_TEST(!ais.decode(half(2, '5', 'A')).has_value());
  BOOST_TEST(ais.assembler().partials() == 3U);
  BOOST_TEST(ais.decode(half(2, '4', 'A')).has_value());
}

BOOST_AUTO_TEST_CASE(a_part_that_comes_twice_is_counted_and_does_no_harm) {
  ais_decoder ais;
  BOOST_TEST(!ais.decode(half(1)).has_value());
  BOOST_TEST(!ais.decode(half(1)).has_value());
  BOOST_TEST(ais.assembler().counts().duplicates == 1U);
  BOOST_TEST(ais.decode(half(2)).has_value());
}

BOOST_AUTO_TEST_CASE(a_new_message_under_an_old_number_drops_the_old_one) {
  ais_decoder ais;
  BOOST_TEST(!ais.decode(ship_data(1, '4', 'B')).has_value());
  BOOST_TEST(!ais.decode(half(1)).has_value());
  BOOST_TEST(ais.assembler().counts().dropped_partials == 1U);
  BOOST_TEST(ais.decode(half(2)).has_value());
}

BOOST_AUTO_TEST_CASE(a_message_that_waits_too_long_is_dropped) {
  ais_decoder ais({.max_gap = 5});
  BOOST_TEST(!ais.decode(half(1)).has_value());
  for (int i = 0; i < 5; ++i) ais.decode(type_1(0, 0, 0, 0));
  BOOST_TEST(!ais.decode(half(2)).has_value());
  BOOST_TEST(ais.assembler().counts().dropped_partials == 1U);
  BOOST_TEST(ais.assembler().partials() == 1U);
}

BOOST_AUTO_TEST_CASE(the_oldest_partial_makes_room) {
  ais_decoder ais({.max_partials = 2});
  for (const char sequence : {'1', '2', '3'}) ais.decode(half(1, sequence));
  BOOST_TEST(ais.assembler().partials() == 2U);
  BOOST_TEST(ais.assembler().counts().dropped_partials == 1U);
  BOOST_TEST(ais.decode(half(2, '2')).has_value());
  BOOST_TEST(ais.decode(half(2, '3')).has_value());
  BOOST_TEST(!ais.decode(half(2, '1')).has_value());
}

BOOST_AUTO_TEST_CASE(a_sentence_that_breaks_the_rules_of_ais_is_counted) {
  ais_decoder ais;
  const std::string bodies[] = {
      "0,1,,A," + report + ",0",   // no parts
      "2,3,1,A," + report + ",0",  // part 3 of 2
      "10,1,1,A," + report + ",0",
      "2,1,,A," + report + ",0",  // which message?
      "1,1,,A," + report + ",6",  // a group has six bits
      "1,1,,A," + report + ",",
      "1,1,,A,,0",
      "1,1,,A,177KQJ5000G?tO`K>RA1wUbN0TKX,0",  // 'X' is no armour
      "1,1,,A,177KQJ5000G?tO`K>RA1wUbN0TK,0",   // too short
      "1,1,,A,0000000000000000000000000000,0",  // there is no type 0
      "1",
  };
  for (const auto& body : bodies) {
    BOOST_TEST_CONTEXT(body) { BOOST_TEST(!ais.decode(sentence("!AIVDM," + body)).has_value()); }
  }
  BOOST_TEST(ais.counts().malformed + ais.assembler().counts().malformed == std::size(bodies));
  BOOST_TEST(ais.counts().messages == 0U);
  BOOST_TEST(!ais.decode(sentence("$GPGGA,1")).has_value());
  BOOST_TEST(ais.assembler().counts().sentences == std::size(bodies));
}

BOOST_AUTO_TEST_SUITE_END()
