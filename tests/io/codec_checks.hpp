// Checks that hold for every codec.
#pragma once

#include <boost/test/unit_test.hpp>

#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/codec_run.hpp"

namespace buskin::test {

using words = std::vector<std::string>;

template <io::codec Codec>
words read_all(Codec codec, std::string_view bytes) {
  return run_whole(std::move(codec), bytes).seen;
}

/// The frames, errors and counts are those of the whole in every cut into three, the end coming
/// with the last piece, and byte by byte. `codec` is a fresh one.
template <io::codec Codec>
void check_every_split(const Codec& codec, std::string_view bytes) {
  const auto whole = run_whole(codec, bytes);
  const auto same = [&](const codec_run<Codec>& run) {
    BOOST_TEST(run.seen == whole.seen, boost::test_tools::per_element());
    BOOST_TEST((run.codec().counts() == whole.codec().counts()));
  };
  for (std::size_t i = 0; i <= bytes.size(); ++i) {
    for (std::size_t j = i; j <= bytes.size(); ++j) {
      codec_run run(codec);
      run.feed(bytes.substr(0, i));
      run.feed(bytes.substr(i, j - i));
      run.feed(bytes.substr(j), true);
      BOOST_TEST_CONTEXT("cut at " << i << " and " << j) { same(run); }
    }
  }
  same(run_pieces(codec, bytes, {1}));
}

/// Frames that `make(random)` gives come back, from random pieces; and bytes of `alphabet` give the
/// same in random pieces as at once.
template <io::codec Codec, class Make>
void check_random(const Codec& codec, std::string_view alphabet, Make make) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    std::mt19937 random(seed);
    std::vector<typename Codec::frame_type> sent;
    std::string bytes;
    for (int i = 0; i != 50; ++i) {
      sent.push_back(make(random));
      codec.encode(sent.back(), bytes);
    }
    std::string noise;
    for (int i = 0; i != 1000; ++i) noise += alphabet[random() % alphabet.size()];
    std::vector<std::size_t> sizes;
    for (int i = 0; i != 20; ++i) sizes.push_back(1 + random() % 9);
    BOOST_TEST_CONTEXT("seed " << seed) {
      const auto got = run_pieces(codec, bytes, sizes);
      BOOST_TEST((got.frames == sent));
      BOOST_TEST((got.codec().counts() == io::codec_counts{.frames = 50}));
      BOOST_TEST(run_pieces(codec, noise, sizes).seen == read_all(codec, noise),
                 boost::test_tools::per_element());
    }
  }
}

/// `size` random bytes at most, of all values.
inline std::string random_bytes(std::mt19937& random, std::size_t most, std::size_t least = 0) {
  std::string bytes(least + random() % (most - least + 1), '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

template <io::codec Codec>
std::string encoded(const Codec& codec, const typename Codec::frame_type& frame) {
  std::string out;
  codec.encode(frame, out);
  return out;
}

/// It is refused, and nothing written.
template <io::codec Codec>
void check_refused(const Codec& codec, const typename Codec::frame_type& frame) {
  std::string out = "kept";
  BOOST_CHECK_THROW(codec.encode(frame, out), std::invalid_argument);
  BOOST_TEST(out == "kept");
}

}  // namespace buskin::test
