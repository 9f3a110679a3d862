// Hashes of bytes: a fast one for tables and checksums, SHA-256 for digests that people compare.
//
// The fast one is not for files or wires that outlive a version of Gradus, and two different texts
// may share it: whoever looks something up by it compares the whole key afterwards.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gradus {

struct Hash128 {
  uint64_t lo = 0;
  uint64_t hi = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};

/// 128 well mixed bits of `bytes`; about 10 GB/s.
Hash128 hash128(std::string_view bytes, uint64_t seed = 0);

/// 32 lower-case hexadecimal digits, high half first.
std::string to_hex(const Hash128& hash);

/// One 64-bit word mixed into a running hash: for keys made of numbers.
inline uint64_t hash_combine(uint64_t hash, uint64_t word) {
  uint64_t x = (hash ^ word) * 0x9e3779b97f4a7c15u;
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93u;
  return x ^ (x >> 29) ^ (hash << 1);
}

/// SHA-256 (FIPS 180-4) of bytes given piece by piece.
class Sha256 {
 public:
  using Digest = std::array<uint8_t, 32>;

  Sha256& update(const void* data, size_t bytes);
  Sha256& update(std::string_view bytes) { return update(bytes.data(), bytes.size()); }
  /// The digest of everything so far. Ends the object: no update after it.
  Digest finish();

 private:
  void compress(const uint8_t* block);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> pending_{};
  uint64_t total_bytes_ = 0;
};

/// 64 lower-case hexadecimal digits.
std::string to_hex(const Sha256::Digest& digest);
std::string sha256_hex(std::string_view bytes);

}  // namespace gradus
