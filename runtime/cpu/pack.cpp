#include "runtime/cpu/pack.h"

#include <algorithm>
#include <cstring>

#include "runtime/cpu/pack_isa.h"
#include "runtime/error.h"

namespace gradus {
namespace {

using pack::Isa;
using pack::Strip;

/// Columns (along k) that all groups of rows of a panel go through before the next ones: the
/// panel's lines are then completed while they are in L1.
constexpr int64_t kChunk = 64;

struct Panel {
  const std::byte* src;  // of its first row and column
  int64_t src_n, src_k;  // strides in bytes
  int64_t rows;          // that exist: at most width
  int64_t k, width, size;
  std::byte* dst;
};

/// Any strides: one element at a time.
void pack_any(const Panel& p) {
  for (int64_t k = 0; k < p.k; ++k) {
    std::byte* d = p.dst + k * p.width * p.size;
    const std::byte* s = p.src + k * p.src_k;
    for (int64_t j = 0; j < p.rows; ++j) {
      std::memcpy(d + j * p.size, s + j * p.src_n, static_cast<size_t>(p.size));
    }
    std::memset(d + p.rows * p.size, 0, static_cast<size_t>((p.width - p.rows) * p.size));
  }
}

/// The source's columns are contiguous.
void copy_panel(const Panel& p, const Isa& isa) {
  const auto there = static_cast<size_t>(p.rows * p.size);
  const auto all = static_cast<size_t>(p.width * p.size);
  if (there == all && all % 64 == 0) {
    isa.copy(p.src, p.src_k, p.k, p.width * p.size / 64, p.dst);
    return;
  }
  for (int64_t k = 0; k < p.k; ++k) {
    std::byte* d = p.dst + k * p.width * p.size;
    std::memcpy(d, p.src + k * p.src_k, there);
    std::memset(d + there, 0, all - there);
  }
}

/// A block of `rows` x `columns` elements, both at most the strip's, of which `kept` rows are
/// written, padded with zeros: through a padded copy.
void transpose_edge(const Strip& strip, const std::byte* src, int64_t src_stride, int64_t rows,
                    int64_t columns, int64_t size, std::byte* dst, int64_t dst_stride,
                    int64_t kept) {
  std::byte in[16 * 64] = {}, out[16 * 64];
  const int64_t in_stride = strip.columns * size, out_stride = strip.rows * size;
  for (int64_t r = 0; r < rows; ++r) {
    std::memcpy(in + r * in_stride, src + r * src_stride, static_cast<size_t>(columns * size));
  }
  strip.run(in, in_stride, 1, out, out_stride);
  for (int64_t c = 0; c < columns; ++c) {
    std::memcpy(dst + c * dst_stride, out + c * out_stride, static_cast<size_t>(kept * size));
  }
}

/// The source's rows are contiguous.
void transpose_panel(const Panel& p, const Strip& strip) {
  const int64_t dst_stride = p.width * p.size;
  for (int64_t k0 = 0; k0 < p.k; k0 += kChunk) {
    const int64_t k1 = std::min(k0 + kChunk, p.k);
    for (int64_t j = 0; j < p.width; j += strip.rows) {
      const int64_t rows = std::clamp<int64_t>(p.rows - j, 0, strip.rows);
      const int64_t kept = std::min<int64_t>(strip.rows, p.width - j);
      const std::byte* src = p.src + j * p.src_n;
      std::byte* dst = p.dst + j * p.size;
      int64_t k = k0;
      if (rows == strip.rows) {
        const int64_t blocks = (k1 - k0) / strip.columns;
        strip.run(src + k * p.size, p.src_n, blocks, dst + k * dst_stride, dst_stride);
        k += blocks * strip.columns;
      }
      for (; k < k1; k += strip.columns) {
        const int64_t columns = std::min<int64_t>(strip.columns, k1 - k);
        transpose_edge(strip, src + k * p.size, p.src_n, rows, columns, p.size,
                       dst + k * dst_stride, dst_stride, kept);
      }
    }
  }
}

void pack_with(const Isa& isa, int64_t size, void* const* buffers, const int64_t* args) {
  const int64_t begin = args[0], end = args[1], n = args[2], k = args[3];
  const int64_t stride_n = args[4], stride_k = args[5], width = args[6];
  auto* dst = static_cast<std::byte*>(buffers[0]);
  const auto* src = static_cast<const std::byte*>(buffers[1]);
  for (int64_t p = begin; p < end; ++p) {
    const Panel panel{.src = src + p * width * stride_n * size,
                      .src_n = stride_n * size,
                      .src_k = stride_k * size,
                      .rows = std::clamp<int64_t>(n - p * width, 0, width),
                      .k = k,
                      .width = width,
                      .size = size,
                      .dst = dst + p * k * width * size};
    if (stride_n == 1) {
      copy_panel(panel, isa);
    } else if (stride_k == 1 && size >= 4) {
      transpose_panel(panel, size == 4 ? isa.transpose_4 : isa.transpose_8);
    } else {
      pack_any(panel);
    }
  }
}

const Isa& isa_named(PackIsa isa) {
#ifdef __x86_64__
  if (isa == PackIsa::Avx512) return pack::avx512();
  if (isa == PackIsa::Avx2) return pack::avx2();
#endif
  GRADUS_CHECK(isa == PackIsa::Portable);
  return pack::portable();
}

const Isa& best_isa() {
  static const Isa& best = isa_named(can_pack_with(PackIsa::Avx512) ? PackIsa::Avx512
                                     : can_pack_with(PackIsa::Avx2) ? PackIsa::Avx2
                                                                    : PackIsa::Portable);
  return best;
}

template <int64_t size>
void pack_elements_of(void* const* buffers, const int64_t* args) {
  pack_with(best_isa(), size, buffers, args);
}

}  // namespace

bool can_pack_with(PackIsa isa) {
#ifdef __x86_64__
  if (isa == PackIsa::Avx512) return __builtin_cpu_supports("avx512f");
  if (isa == PackIsa::Avx2) return __builtin_cpu_supports("avx2");
#endif
  return isa == PackIsa::Portable;
}

void pack_panels_with(PackIsa isa, size_t element_bytes, void* const* buffers,
                      const int64_t* args) {
  pack_with(isa_named(isa), static_cast<int64_t>(element_bytes), buffers, args);
}

LeafFunction pack_panels(size_t element_bytes) {
  switch (element_bytes) {
    case 1:
      return pack_elements_of<1>;
    case 2:
      return pack_elements_of<2>;
    case 4:
      return pack_elements_of<4>;
    default:
      GRADUS_CHECK(element_bytes == 8);
      return pack_elements_of<8>;
  }
}

}  // namespace gradus
