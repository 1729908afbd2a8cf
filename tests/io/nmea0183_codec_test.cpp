// The NMEA 0183 codec alone: what is a sentence, what is not, and that every byte is accounted for.
#include <buskin/io/nmea0183_codec.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using buskin::io::missing_checksum;
using buskin::io::nmea0183_codec;
using buskin::io::nmea0183_options;
using buskin::io::nmea_checksum;
using buskin::io::nmea_sentence;
using buskin::io::nmea_status;
using sentences = std::vector<nmea_sentence>;

// Published examples with their checksums.
const std::string gga = "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47";
const std::string rmc = "$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A";
const std::string vdm = "!AIVDM,1,1,,B,15N4cJ`005Jrek0H@9n`DW5608EP,0*13";
const std::string tag = "\\g:1-2-73874,n:157036,s:r003669945,c:1241544035*4A\\";

class reader {
 public:
  explicit reader(nmea0183_options options) : codec_(options) {}

  void feed(std::string_view bytes, bool at_end) {
    buffer_ += bytes;
    for (;;) {
      auto step = codec_.decode(buffer_, at_end);
      BOOST_REQUIRE_LE(step.consumed, buffer_.size());
      BOOST_REQUIRE(!step.error);
      consumed += step.consumed;
      buffer_.erase(0, step.consumed);
      if (step.frame) seen.push_back(*step.frame);
      if (step.consumed == 0 && !step.frame) break;
    }
    most_buffered = std::max(most_buffered, buffer_.size());
  }

  sentences seen;
  std::size_t consumed = 0;
  std::size_t most_buffered = 0;

 private:
  nmea0183_codec codec_;
  std::string buffer_;
};

sentences read_all(std::string_view bytes, nmea0183_options options = {}) {
  reader r(options);
  r.feed(bytes, false);
  r.feed("", true);
  BOOST_TEST(r.consumed == bytes.size());
  return r.seen;
}

void check_every_split(std::string_view bytes, nmea0183_options options = {}) {
  const auto expected = read_all(bytes, options);
  for (std::size_t i = 0; i <= bytes.size(); ++i) {
    reader r(options);
    r.feed(bytes.substr(0, i), false);
    r.feed(bytes.substr(i), true);
    BOOST_TEST_CONTEXT("split at " << i) { BOOST_TEST(r.seen == expected); }
  }
  for (std::size_t size = 1; size <= 7; ++size) {
    reader r(options);
    for (std::size_t at = 0; at < bytes.size(); at += size) r.feed(bytes.substr(at, size), false);
    r.feed("", true);
    BOOST_TEST_CONTEXT("pieces of " << size) { BOOST_TEST(r.seen == expected); }
  }
}

nmea_status verdict(std::string_view line, nmea0183_options options = {}) {
  const auto seen = read_all(std::string(line) + "\r\n", options);
  BOOST_REQUIRE_EQUAL(seen.size(), 1U);
  return seen.front().status;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(nmea0183_codec_test)

BOOST_AUTO_TEST_CASE(published_sentences_are_valid) {
  BOOST_TEST(read_all(gga + "\r\n" + rmc + "\r\n" + vdm + "\r\n") ==
             (sentences{{gga}, {rmc}, {vdm}}));
}

BOOST_AUTO_TEST_CASE(a_sentence_ends_with_cr_or_lf_or_both_or_with_the_stream) {
  BOOST_TEST(read_all("\n" + gga + "\r" + rmc + "\n" + vdm + "\n\r\r\n" + gga) ==
             (sentences{{gga}, {rmc}, {vdm}, {gga}}));
}

BOOST_AUTO_TEST_CASE(a_sentence_is_delivered_as_soon_as_its_checksum_is_right) {
  reader r({});
  r.feed(gga, false);
  BOOST_TEST(r.seen == sentences{{gga}});
}

BOOST_AUTO_TEST_CASE(the_checksum_may_be_written_in_either_case) {
  BOOST_TEST(nmea_checksum("PBKN,0,j") == 0x4D);
  for (const char* line : {"$PBKN,0,j*4D", "$PBKN,0,j*4d"}) {
    BOOST_TEST((verdict(line) == nmea_status::valid));
  }
}

BOOST_AUTO_TEST_CASE(the_checksum_is_taken_of_what_is_between_the_start_and_the_star) {
  BOOST_TEST(nmea_checksum(gga) == 0x47);
  BOOST_TEST(nmea_checksum("GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,") ==
             0x47);
  BOOST_TEST(nmea_checksum("") == 0);
}

BOOST_AUTO_TEST_CASE(each_fault_has_its_verdict) {
  BOOST_TEST((verdict("$GPGGA,1,2*00") == nmea_status::bad_checksum));
  BOOST_TEST((verdict("$GPGGA,1,2") == nmea_status::no_checksum));
  BOOST_TEST((verdict("$GPGGA,1,2*") == nmea_status::malformed));
  BOOST_TEST((verdict("$GPGGA,1,2*4") == nmea_status::malformed));
  BOOST_TEST((verdict("$GPGGA,1,2*G7") == nmea_status::malformed));
  BOOST_TEST((verdict("$") == nmea_status::malformed));
  BOOST_TEST((verdict("$*00") == nmea_status::malformed));
  BOOST_TEST((verdict("$GP A,1*00") == nmea_status::malformed));
  BOOST_TEST((verdict("hello") == nmea_status::garbage));
}

BOOST_AUTO_TEST_CASE(a_missing_checksum_is_accepted_only_if_asked_for) {
  const nmea0183_options options{.on_missing_checksum = missing_checksum::accept};
  BOOST_TEST((verdict("$GPGGA,1,2", options) == nmea_status::valid));
  BOOST_TEST((verdict("$GPGGA,1,2*00", options) == nmea_status::bad_checksum));
  BOOST_TEST((verdict("$GPGGA,1,\x07", options) == nmea_status::malformed));
  // Nobody knows whether it was complete.
  BOOST_TEST(read_all("$GPGGA,1,2", options) ==
             (sentences{{"$GPGGA,1,2", nmea_status::truncated}}));
}

BOOST_AUTO_TEST_CASE(garbage_between_sentences_is_one_frame_for_each_run) {
  BOOST_TEST(read_all("\x01\x02" + gga + "\r\nboot v1.2\r\n" + rmc + "~~\n") ==
             (sentences{{"\x01\x02", nmea_status::garbage},
                        {gga},
                        {"boot v1.2", nmea_status::garbage},
                        {rmc},
                        {"~~", nmea_status::garbage}}));
}

BOOST_AUTO_TEST_CASE(a_start_in_the_middle_cuts_off_the_sentence_before) {
  BOOST_TEST(read_all("$GPGGA,1235" + gga + vdm.substr(0, 20) + rmc + "\n") ==
             (sentences{{"$GPGGA,1235", nmea_status::truncated},
                        {gga},
                        {vdm.substr(0, 20), nmea_status::truncated},
                        {rmc}}));
}

BOOST_AUTO_TEST_CASE(a_byte_that_is_not_printable_breaks_its_sentence_and_no_other) {
  auto broken = gga;
  broken[10] = '\x90';
  BOOST_TEST(read_all(broken + "\r\n" + rmc + "\r\n") ==
             (sentences{{broken, nmea_status::malformed}, {rmc}}));
  // Also if the checksum was made over it.
  BOOST_TEST((verdict("$GPXXX,\x01*5A") == nmea_status::malformed));
}

BOOST_AUTO_TEST_CASE(a_damaged_line_is_one_rejected_frame) {
  const auto damaged = "$GP*GGA,12*00,4807.038*47";
  BOOST_TEST(read_all(std::string(damaged) + "\n" + rmc) ==
             (sentences{{damaged, nmea_status::malformed}, {rmc}}));
}

BOOST_AUTO_TEST_CASE(the_end_of_the_stream_cuts_off_what_is_open) {
  BOOST_TEST(read_all(gga) == sentences{{gga}});
  for (std::size_t missing = 1; missing < gga.size(); ++missing) {
    const auto cut = gga.substr(0, gga.size() - missing);
    BOOST_TEST(read_all(cut) == (sentences{{cut, nmea_status::truncated}}));
  }
  BOOST_TEST(read_all("noise") == (sentences{{"noise", nmea_status::garbage}}));
  BOOST_TEST(read_all("\r\n").empty());
  BOOST_TEST(read_all("").empty());
}

BOOST_AUTO_TEST_CASE(the_strict_limit_of_the_standard_counts_the_line_end) {
  const nmea0183_options strict{.max_length = 82};
  for (const std::size_t size : {80U, 81U}) {
    nmea_sentence sentence{"$GPTXT," + std::string(size - 10, 'x')};
    std::string line;
    nmea0183_codec().encode(sentence, line);
    BOOST_TEST(line.size() == size + 2);
    const auto seen = read_all(line, strict);
    BOOST_REQUIRE_EQUAL(seen.size(), 1U);
    BOOST_TEST((seen[0].status == (size == 80 ? nmea_status::valid : nmea_status::too_long)));
    std::string unsent;
    if (size == 81) {
      BOOST_CHECK_THROW(nmea0183_codec(strict).encode(sentence, unsent), std::invalid_argument);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_too_long_is_delivered_cut_and_the_next_sentence_survives) {
  const nmea0183_options options{.max_length = 82};
  const auto endless = "$GPTXT," + std::string(5000, 'x');
  const auto noise = std::string(5000, '#');
  const sentences expected{{endless.substr(0, 80), nmea_status::too_long}, {rmc},
                           {endless.substr(0, 80), nmea_status::too_long}, {gga},
                           {noise.substr(0, 80), nmea_status::garbage},    {vdm}};
  reader r(options);
  const auto bytes = endless + "\n" + rmc + "\n" + endless + gga + noise + vdm;
  for (const char c : bytes) r.feed({&c, 1}, false);
  BOOST_TEST(r.seen == expected);
  BOOST_TEST(r.most_buffered <= 82U);
  BOOST_TEST(read_all(bytes, options) == expected);
}

BOOST_AUTO_TEST_CASE(a_right_tag_block_is_no_frame_and_a_wrong_one_is_garbage) {
  BOOST_TEST(read_all(tag + vdm + "\r\n") == sentences{{vdm}});
  BOOST_TEST(read_all("\\s:shore,c:1609459200*5B\\" + vdm) == sentences{{vdm}});
  auto wrong = tag;
  wrong[5] = '9';
  BOOST_TEST(read_all(wrong + vdm + "\r\n") == (sentences{{wrong, nmea_status::garbage}, {vdm}}));
  const auto open = tag.substr(0, 20);
  BOOST_TEST(read_all(open + "\r\n" + vdm) == (sentences{{open, nmea_status::garbage}, {vdm}}));
  BOOST_TEST(read_all("\\\\" + vdm) == (sentences{{"\\\\", nmea_status::garbage}, {vdm}}));
}

BOOST_AUTO_TEST_CASE(the_frames_do_not_depend_on_how_the_bytes_are_split) {
  auto wrong_tag = tag;
  wrong_tag[5] = '9';
  const auto bytes = "\x80\xffnoise" + gga + "\r\n" + gga.substr(0, 30) + rmc + " \r\n\r\n" + tag +
                     vdm + "\n" + wrong_tag + vdm + "trailing\\\r" + "$GPGGA,1*00\r$GPGGA,1\n$*4$" +
                     "$GPTXT," + std::string(200, 'x') + "*00\r\n" + std::string(150, '#') + rmc +
                     "\\s:x*" + gga + "$GPGGA,1\x01*5\r\n" + gga + "0!AIVDM,1";
  check_every_split(bytes);
  check_every_split(bytes, {.max_length = 82});
  check_every_split(bytes, {.max_length = 16, .on_missing_checksum = missing_checksum::accept});
}

BOOST_AUTO_TEST_CASE(of_random_bytes_each_one_is_accounted_for) {
  const std::string pieces[] = {gga, rmc, vdm,  tag, "\r\n", "\r", "$",
                                "!", "*", "\\", "4", ",",    "x"};
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    std::string bytes;
    while (bytes.size() < 4000) {
      switch (below(4)) {
        case 0:
          bytes += static_cast<char>(below(256));
          break;
        case 1:
          bytes += pieces[below(4)].substr(0, below(70));
          break;
        default:
          bytes += pieces[below(std::size(pieces))];
      }
    }
    const nmea0183_options options{.max_length = 16 + below(100)};
    reader r(options);
    for (std::size_t at = 0; at < bytes.size();) {
      const auto size = 1 + below(40);
      r.feed(std::string_view(bytes).substr(at, size), false);
      at += size;
    }
    r.feed("", true);
    BOOST_TEST_CONTEXT("seed " << seed) {
      BOOST_TEST(r.consumed == bytes.size());
      BOOST_TEST(r.seen == read_all(bytes, options));
      const auto starts = std::ranges::count(bytes, '$') + std::ranges::count(bytes, '!');
      const auto candidates = std::ranges::count_if(
          r.seen, [](const nmea_sentence& s) { return s.status != nmea_status::garbage; });
      BOOST_TEST(starts == candidates);
      for (const auto& s : r.seen) {
        BOOST_TEST(!s.text.empty());
        BOOST_TEST((s.start() == '\0') == (s.status == nmea_status::garbage));
        for (const auto field : s.fields()) BOOST_TEST(field.size() <= s.text.size());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(fields_have_the_numbers_of_the_manuals) {
  const nmea_sentence s{gga};
  BOOST_TEST(s.start() == '$');
  BOOST_TEST(s.talker() == "GP");
  BOOST_TEST(s.type() == "GGA");
  BOOST_TEST(!s.proprietary());
  BOOST_TEST(s.fields().size() == 15U);
  BOOST_TEST(s.fields().front() == "GPGGA");
  BOOST_TEST(s.field(1) == "123519");
  BOOST_TEST(s.field(14).empty());
  BOOST_TEST(s.field(99).empty());
  for (std::size_t i = 0; i < 15; ++i) BOOST_TEST(s.field(i) == s.fields()[i]);
}

BOOST_AUTO_TEST_CASE(a_proprietary_sentence_names_its_maker) {
  const nmea_sentence s{"$PGRME,15.0,M,45.0,M,25.0,M*1C"};
  BOOST_TEST((verdict(s.text) == nmea_status::valid));
  BOOST_TEST(s.proprietary());
  BOOST_TEST(s.talker() == "P");
  BOOST_TEST(s.type() == "GRME");
}

BOOST_AUTO_TEST_CASE(the_accessors_of_a_rejected_sentence_do_not_fail) {
  for (const char* text : {"", "$", "!*", "$P", "$,,*0", "noise,1"}) {
    const nmea_sentence s{text, nmea_status::malformed};
    BOOST_TEST(s.field(0) == s.address());
    BOOST_TEST(s.talker().size() + s.type().size() == s.address().size());
    BOOST_TEST(s.fields().empty() == (s.start() == '\0'));
  }
}

BOOST_AUTO_TEST_CASE(encode_adds_the_checksum_and_the_line_end) {
  const nmea0183_codec codec;
  std::string bytes;
  codec.encode({gga.substr(0, gga.size() - 3)}, bytes);
  codec.encode({rmc}, bytes);
  BOOST_TEST(bytes == gga + "\r\n" + rmc + "\r\n");
}

BOOST_AUTO_TEST_CASE(what_would_not_be_read_back_is_not_sent) {
  const nmea0183_codec codec;
  std::string bytes = "kept";
  for (const char* text : {"", "GPGGA,1", "$", "$GPGGA,1*00", "$GPGGA,1*4", "$GPGGA,1\n",
                           "$GPGGA,!", "$GPGGA,\xff", "$GPGGA,1*47 "}) {
    BOOST_TEST_CONTEXT(text) {
      BOOST_CHECK_THROW(codec.encode({text}, bytes), std::invalid_argument);
    }
  }
  BOOST_TEST(bytes == "kept");
}

BOOST_AUTO_TEST_CASE(a_limit_that_no_sentence_fits_into_is_refused) {
  BOOST_CHECK_THROW(nmea0183_codec({.max_length = 15}), std::invalid_argument);
  BOOST_CHECK_THROW(nmea0183_codec({.max_length = 0}), std::invalid_argument);
  BOOST_CHECK_NO_THROW(nmea0183_codec({.max_length = 16}));
}

BOOST_AUTO_TEST_SUITE_END()
