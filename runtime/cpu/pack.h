// Layout conversion for products: an operand of n x k elements, any two strides, becomes panels of
// `width` columns that lie as the inner loops read them. Done by the runtime: a 16 x 16 transpose
// as generic shuffles would cost 40-80 ms of code generation.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/cpu/jit_session.h"

namespace gradus {

/// The leaf kernel for elements of 1, 2, 4 or 8 bytes.
///
///   buffers  dst, src
///   args     panel_begin, panel_end, n, k, stride_n, stride_k, width
///   dst[(p * k + kk) * width + j] = src[(p * width + j) * stride_n + kk * stride_k]
///
/// for panels p in [panel_begin, panel_end), kk < k, j < width; 0 where p * width + j >= n. Strides
/// are in elements. Fast for elements of 4 and 8 bytes where either stride is 1.
LeafFunction pack_panels(size_t element_bytes);

/// For tests: packing as a CPU does it that has only this instruction set.
enum class PackIsa { Portable, Avx2, Avx512 };
bool can_pack_with(PackIsa isa);
void pack_panels_with(PackIsa isa, size_t element_bytes, void* const* buffers, const int64_t* args);

}  // namespace gradus
