// Makes IDX files for tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gradus::test {

inline std::string big_endian(uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i)
    text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

inline std::string idx_header(uint8_t code, const std::vector<uint32_t>& extents) {
  std::string text = {0, 0, static_cast<char>(code), static_cast<char>(extents.size())};
  for (uint32_t extent : extents)
    text += big_endian(extent, 4);
  return text;
}

/// A u8 file whose elements are 0, 1, …, 255, 0, ….
inline std::string idx_bytes(const std::vector<uint32_t>& extents) {
  size_t elements = 1;
  for (uint32_t extent : extents)
    elements *= extent;
  std::string text = idx_header(0x08, extents);
  for (size_t i = 0; i < elements; ++i)
    text.push_back(static_cast<char>(i));
  return text;
}

}  // namespace gradus::test
