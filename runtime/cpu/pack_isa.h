// What packing needs of an instruction set. Private to this folder.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gradus::pack {

/// Transposes `rows` source rows of blocks * columns elements, `src_stride` bytes apart: element c
/// of row r goes to row c of dst, `dst_stride` bytes apart, at r.
using TransposeStrip = void (*)(const std::byte* src, int64_t src_stride, int64_t blocks,
                                std::byte* dst, int64_t dst_stride);
/// Copies `count` rows of `lines` times 64 bytes; dst rows are contiguous.
using CopyRows = void (*)(const std::byte* src, int64_t src_stride, int64_t count, int64_t lines,
                          std::byte* dst);

struct Strip {
  int rows = 0, columns = 0;  // of one block; divisors of 16
  TransposeStrip run = nullptr;
};

struct Isa {
  Strip transpose_4, transpose_8;  // by element size
  CopyRows copy = nullptr;
};

const Isa& portable();
#ifdef __x86_64__
const Isa& avx2();
const Isa& avx512();
#endif

}  // namespace gradus::pack
