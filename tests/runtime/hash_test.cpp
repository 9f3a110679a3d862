#include "runtime/hash.h"

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <set>
#include <string>

using namespace gradus;

TEST_CASE("SHA-256 gives the published digests", "[hash]") {
  // FIPS 180-4 examples and the empty message.
  REQUIRE(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  REQUIRE(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  REQUIRE(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  REQUIRE(sha256_hex("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
                     "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu") ==
          "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  REQUIRE(sha256_hex(std::string(1'000'000, 'a')) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("SHA-256 does not depend on how the bytes are cut", "[hash]") {
  std::string text;
  for (int i = 0; i < 300; ++i)
    text.push_back(static_cast<char>(i * 7));
  for (size_t length = 0; length <= text.size(); ++length) {
    std::string whole = sha256_hex(text.substr(0, length));
    Sha256 pieces;
    for (size_t at = 0; at < length;) {
      size_t n = std::min<size_t>(1 + at % 67, length - at);
      pieces.update(text.data() + at, n);
      at += n;
    }
    REQUIRE(to_hex(pieces.finish()) == whole);
  }
}

TEST_CASE("hash128 tells lengths, seeds and zero tails apart", "[hash]") {
  std::set<std::string> seen;
  std::string zeros(100, '\0');
  for (size_t length = 0; length <= zeros.size(); ++length) {
    seen.insert(to_hex(hash128(zeros.substr(0, length))));
    seen.insert(to_hex(hash128(zeros.substr(0, length), 1)));
  }
  REQUIRE(seen.size() == 202);
  REQUIRE(hash128("abc") == hash128(std::string("abc")));
}

TEST_CASE("each input bit flips about half the bits of hash128", "[hash]") {
  for (size_t length : {1, 8, 16, 31, 32, 33, 64, 100}) {
    std::string text(length, '\x5a');
    Hash128 original = hash128(text);
    double flipped = 0;
    int least = 128;
    for (size_t bit = 0; bit < 8 * length; ++bit) {
      text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
      Hash128 changed = hash128(text);
      text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
      int n = std::popcount(original.lo ^ changed.lo) + std::popcount(original.hi ^ changed.hi);
      flipped += n;
      least = std::min(least, n);
    }
    CAPTURE(length);
    double mean = flipped / static_cast<double>(8 * length);
    REQUIRE(mean > 58);
    REQUIRE(mean < 70);
    REQUIRE(least > 30);
  }
}

TEST_CASE("hash128 halves of many short keys have no collision", "[hash]") {
  std::set<uint64_t> lows;
  std::set<uint64_t> highs;
  for (int i = 0; i < 20000; ++i) {
    Hash128 h = hash128("kernel " + std::to_string(i));
    lows.insert(h.lo);
    highs.insert(h.hi);
  }
  REQUIRE(lows.size() == 20000);
  REQUIRE(highs.size() == 20000);
}

TEST_CASE("hash_combine depends on order and value", "[hash]") {
  std::set<uint64_t> seen;
  for (uint64_t a = 0; a < 100; ++a) {
    for (uint64_t b = 0; b < 100; ++b)
      seen.insert(hash_combine(hash_combine(0, a), b));
  }
  REQUIRE(seen.size() == 10000);
}
