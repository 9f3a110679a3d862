// What the rows share that reduce over a set of axes.
#pragma once

#include "compiler/ops/axes.h"
#include "compiler/ops/build.h"
#include "compiler/ops/families.h"
#include "compiler/ops/reference_view.h"

namespace gradus::ops {

/// moments: part of register_reduce.
void register_moments(Registry& registry);

inline Shape reduced_shape(const Shape& shape, const Ints& axes) {
  Ints extents;
  for (int64_t d : other_axes(shape.rank(), axes))
    extents.push_back(shape[static_cast<int>(d)]);
  return Shape(extents);
}

inline int64_t reduced_count(const Shape& shape, const Ints& axes) {
  int64_t n = 1;
  for (int64_t a : axes)
    n *= shape[static_cast<int>(a)];
  return n;
}

/// The axes of a reduction whose operand is batched along `axis`, which becomes that of the result.
inline Ints batched_axes(Ints axes, int& axis) {
  const int of_operand = axis;
  for (int64_t& a : axes) {
    if (a >= of_operand) {
      ++a;
    } else {
      --axis;
    }
  }
  return axes;
}

/// x, of the reduced shape, repeated over the axes that were reduced from `shape`.
inline Value spread(Builder& b, Value x, const Shape& shape, const Ints& axes) {
  return broadcast(b, x, shape, other_axes(shape.rank(), axes));
}

/// Calls f(result element, operand element) for each element of the operand, in row-major order.
template <class F>
void for_each_reduced(const Shape& shape, const Ints& axes, F&& f) {
  const auto strides = strides_of(reduced_shape(shape, axes));
  const Ints kept = other_axes(shape.rank(), axes);
  for_each_index(shape, [&](std::span<const int64_t> index, int64_t flat) {
    int64_t to = 0;
    for (size_t i = 0; i < kept.size(); ++i) {
      to += index[static_cast<size_t>(kept[i])] * strides[i];
    }
    f(static_cast<size_t>(to), static_cast<size_t>(flat));
  });
}

}  // namespace gradus::ops
