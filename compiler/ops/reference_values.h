// Arrays of the reference evaluator: access by element, conversion from and to memory.
#pragma once

#include "compiler/ops/families.h"

namespace gradus::ops {

/// Zeros.
RefArray make_reference(const Type& type);
RefArray reference_of(const ir::Literal& literal);
/// From row-major memory of type.bytes() bytes, and back (floats rounded to the dtype).
RefArray reference_of(const Type& type, const void* data);
void store_reference(const RefArray& array, void* data);

/// x truncated and saturated to an integer dtype; NaN is 0; bool: x != 0.
int64_t saturate(DType dtype, double x);

inline void set_number(RefArray& array, int64_t i, int64_t x) {
  if (is_float(array.type.dtype)) {
    array.real[static_cast<size_t>(i)] = static_cast<double>(x);
  } else {
    array.integer[static_cast<size_t>(i)] = wrap_integer(array.type.dtype, x);
  }
}

}  // namespace gradus::ops
