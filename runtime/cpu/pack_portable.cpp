#include <cstring>

#include "runtime/cpu/pack_isa.h"

namespace gradus::pack {
namespace {

/// Blocks of one cache line per row, so that each line is read once and written once.
template <class T>
void transpose(const std::byte* src, int64_t src_stride, int64_t blocks, std::byte* dst,
               int64_t dst_stride) {
  constexpr int kSide = 64 / sizeof(T);
  for (int64_t b = 0; b < blocks; ++b) {
    for (int c = 0; c < kSide; ++c) {
      T row[kSide];
      for (int r = 0; r < kSide; ++r) {
        std::memcpy(&row[r], src + r * src_stride + c * static_cast<int64_t>(sizeof(T)), sizeof(T));
      }
      std::memcpy(dst + c * dst_stride, row, sizeof(row));
    }
    src += 64;
    dst += kSide * dst_stride;
  }
}

void copy(const std::byte* src, int64_t src_stride, int64_t count, int64_t lines, std::byte* dst) {
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t l = 0; l < lines; ++l)
      std::memcpy(dst + 64 * l, src + 64 * l, 64);
    src += src_stride;
    dst += 64 * lines;
  }
}

}  // namespace

const Isa& portable() {
  static constexpr Isa isa{{16, 16, transpose<uint32_t>}, {8, 8, transpose<uint64_t>}, copy};
  return isa;
}

}  // namespace gradus::pack
