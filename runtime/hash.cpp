#include "runtime/hash.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace gradus {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

std::string hex_of(std::span<const uint8_t> bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (uint8_t byte : bytes) {
    text.push_back(kHexDigits[byte >> 4]);
    text.push_back(kHexDigits[byte & 15]);
  }
  return text;
}

// Odd words with about half their bits set.
constexpr uint64_t kOdd[4] = {0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu, 0x8ebc6af09c88c6e3u,
                              0x589965cc75374cc3u};

// Both halves of the product, folded: every input bit reaches every output bit.
uint64_t mix(uint64_t a, uint64_t b) {
  auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t word_at(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

struct Lanes {
  uint64_t a, b;
  void absorb(const char* p) {
    uint64_t x = word_at(p);
    uint64_t y = word_at(p + 8);
    a = mix(a ^ x, y ^ kOdd[0]) + b;
    b = mix(b ^ y, std::rotl(x, 32) ^ kOdd[1]);
  }
};

}  // namespace

Hash128 hash128(std::string_view bytes, uint64_t seed) {
  const char* p = bytes.data();
  size_t left = bytes.size();
  // Two independent chains hide the latency of the multiplier.
  Lanes even{seed ^ kOdd[2], seed + kOdd[3]};
  Lanes odd{seed ^ kOdd[3], seed + kOdd[2]};
  for (; left >= 32; left -= 32, p += 32) {
    even.absorb(p);
    odd.absorb(p + 16);
  }
  char tail[32] = {};
  if (left > 0) {
    std::memcpy(tail, p, left);
    even.absorb(tail);
    odd.absorb(tail + 16);
  }
  // The length tells a short tail from one that ends in zeros.
  uint64_t length = bytes.size();
  uint64_t lo = mix(even.a ^ length, odd.b ^ kOdd[0]) + odd.a;
  uint64_t hi = mix(even.b ^ kOdd[1], odd.a ^ length) + even.a;
  return {mix(lo ^ kOdd[2], hi ^ kOdd[3]), mix(hi ^ kOdd[0], std::rotl(lo, 32) ^ kOdd[1])};
}

std::string to_hex(const Hash128& hash) {
  std::array<uint8_t, 16> bytes;
  for (int i = 0; i < 8; ++i) {
    bytes[static_cast<size_t>(i)] = static_cast<uint8_t>(hash.hi >> (56 - 8 * i));
    bytes[static_cast<size_t>(8 + i)] = static_cast<uint8_t>(hash.lo >> (56 - 8 * i));
  }
  return hex_of(bytes);
}

void Sha256::compress(const uint8_t* block) {
  // First 32 bits of the fractional parts of the cube roots of the first 64 primes.
  static constexpr uint32_t kRound[64] = {
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
      0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
      0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
      0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
      0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
      0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
      0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
      0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
      0xc67178f2};
  uint32_t w[64];
  for (int i = 0; i < 16; ++i) {
    const uint8_t* p = block + 4 * i;
    w[i] = uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | uint32_t{p[3]};
  }
  for (int i = 16; i < 64; ++i) {
    uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
    uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  auto [a, b, c, d, e, f, g, h] = state_;
  for (int i = 0; i < 64; ++i) {
    uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + kRound[i] + w[i];
    uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  const uint32_t added[8] = {a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < 8; ++i)
    state_[i] += added[i];
}

Sha256& Sha256::update(const void* data, size_t bytes) {
  const auto* p = static_cast<const uint8_t*>(data);
  size_t filled = total_bytes_ % 64;
  total_bytes_ += bytes;
  if (filled > 0) {
    size_t taken = std::min(bytes, 64 - filled);
    std::memcpy(pending_.data() + filled, p, taken);
    p += taken;
    bytes -= taken;
    if (filled + taken < 64) return *this;
    compress(pending_.data());
  }
  for (; bytes >= 64; bytes -= 64, p += 64)
    compress(p);
  if (bytes > 0) std::memcpy(pending_.data(), p, bytes);
  return *this;
}

Sha256::Digest Sha256::finish() {
  uint64_t bits = total_bytes_ * 8;
  size_t filled = total_bytes_ % 64;
  // A one bit, zeros, and the length in the last eight bytes of a block.
  std::array<uint8_t, 72> padding{0x80};
  size_t zeros_end = filled < 56 ? 56 - filled : 120 - filled;
  for (size_t i = 0; i < 8; ++i) {
    padding[zeros_end + i] = static_cast<uint8_t>(bits >> (56 - 8 * i));
  }
  update(padding.data(), zeros_end + 8);
  Digest digest;
  for (size_t i = 0; i < 32; ++i) {
    digest[i] = static_cast<uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
  }
  return digest;
}

std::string to_hex(const Sha256::Digest& digest) {
  return hex_of(digest);
}

std::string sha256_hex(std::string_view bytes) {
  return to_hex(Sha256().update(bytes).finish());
}

}  // namespace gradus
