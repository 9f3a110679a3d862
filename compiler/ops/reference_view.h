// Helpers of the reference rules: walking index spaces without recursion, and results that are
// their operand's elements in other places.
#pragma once

#include <span>
#include <vector>

#include "compiler/ops/families.h"
#include "compiler/ops/reference_values.h"

namespace gradus::ops {

/// Element `from` of x becomes element `to` of out.
inline void copy_element(const RefArray& x, int64_t from, RefArray& out, int64_t to) {
  if (is_float(out.type.dtype)) {
    out.real[static_cast<size_t>(to)] = x.real[static_cast<size_t>(from)];
  } else {
    out.integer[static_cast<size_t>(to)] = x.integer[static_cast<size_t>(from)];
  }
}

/// Calls f(index, flat) for every index of the shape in row-major order.
template <class F>
void for_each_index(const Shape& shape, F&& f) {
  std::vector<int64_t> index(static_cast<size_t>(shape.rank()));
  const int64_t n = shape.elements();
  for (int64_t flat = 0; flat < n; ++flat) {
    f(std::span<const int64_t>(index), flat);
    for (int d = shape.rank() - 1; d >= 0; --d) {
      auto& i = index[static_cast<size_t>(d)];
      if (++i < shape[d]) break;
      i = 0;
    }
  }
}

/// The element at each index of `out` becomes x's element number source(index); a negative number
/// keeps what stands there.
template <class F>
void fill_from(const RefArray& x, RefArray& out, F&& source) {
  for_each_index(out.type.shape, [&](std::span<const int64_t> index, int64_t flat) {
    const int64_t from = source(index);
    if (from >= 0) copy_element(x, from, out, flat);
  });
}

}  // namespace gradus::ops
