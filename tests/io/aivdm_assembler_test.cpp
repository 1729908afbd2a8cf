// Messages out of parts; what a position is made of is tested with the gateway's decoder.
#include <buskin/io/aivdm_assembler.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

namespace {

using buskin::io::ais_payload;
using buskin::io::aivdm_assembler;
using buskin::io::nmea_sentence;
using buskin::io::nmea_status;

// A published message of type 5 in two parts.
const std::string first =
    "!AIVDM,2,1,1,A,55?MbV02;H;s<HtKR20EHE:0@T4@Dn2222222216L961O5Gf0NSQEp6ClRp8,0*1C";
const std::string second = "!AIVDM,2,2,1,A,88888888880,2*25";

}  // namespace

BOOST_AUTO_TEST_SUITE(aivdm_assembler_)

BOOST_AUTO_TEST_CASE(a_message_in_one_sentence_is_there_at_once) {
  aivdm_assembler messages;
  const auto message = messages.add({"!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0*5C"});
  BOOST_REQUIRE(message);
  BOOST_TEST(message->size() == 168U);
  BOOST_TEST(message->bits(0, 6) == 1U);
  BOOST_TEST(message->bits(8, 30) == 477553000U);
  BOOST_TEST(message->signed_bits(61, 28) == -73407500);
  BOOST_TEST(messages.counts().messages == 1U);
}

BOOST_AUTO_TEST_CASE(two_parts_make_one_message_in_either_order) {
  for (const bool forward : {true, false}) {
    aivdm_assembler messages;
    BOOST_TEST(!messages.add({forward ? first : second}).has_value());
    BOOST_TEST(messages.partials() == 1U);
    const auto message = messages.add({forward ? second : first});
    BOOST_REQUIRE(message);
    BOOST_TEST(message->bits(0, 6) == 5U);
    BOOST_TEST(message->fill_bits == 2);
    BOOST_TEST(message->size() == 424U);
    BOOST_TEST(messages.partials() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(only_valid_ais_sentences_are_looked_at) {
  aivdm_assembler messages;
  BOOST_TEST(!messages.add({first, nmea_status::bad_checksum}).has_value());
  BOOST_TEST(!messages.add({"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47"}));
  BOOST_TEST(messages.counts().sentences == 0U);
}

BOOST_AUTO_TEST_CASE(bits_behind_the_end_are_zero) {
  const ais_payload payload{.text = "w", .fill_bits = 0};
  BOOST_TEST(payload.bits(0, 6) == 63U);
  BOOST_TEST(payload.bits(3, 6) == 56U);
  BOOST_TEST(payload.signed_bits(0, 6) == -1);
}

BOOST_AUTO_TEST_SUITE_END()
