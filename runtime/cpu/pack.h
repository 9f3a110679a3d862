// Layout conversion for products: an operand of n x k elements, any two strides, becomes panels of
// `width` columns that lie as the inner loops read them. Leaf kernels like the generated ones.
//
//   buffers  dst, src
//   args     panel_begin, panel_end, n, k, stride_n, stride_k, width
//   dst[(p * k + kk) * width + j] = src[(p * width + j) * stride_n + kk * stride_k]
//
// for panels p in [panel_begin, panel_end), kk < k, j < width; 0 where p * width + j >= n. Strides
// are in elements; the width is 16, 32, 48 or 64. Fast where either stride is 1.
#pragma once

#include <cstdint>

namespace gradus {

/// Elements of 4 bytes.
void pack_panels_4(void* const* buffers, const int64_t* args);
/// Elements of 8 bytes.
void pack_panels_8(void* const* buffers, const int64_t* args);

/// For tests: packing as a CPU does it that has only this instruction set.
enum class PackIsa { Portable, Avx2, Avx512 };
bool can_pack_with(PackIsa isa);
void pack_panels(PackIsa isa, int element_size, void* const* buffers, const int64_t* args);

}  // namespace gradus
