// What the scheduler knows of an op: loop axes, and how they index the operands.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "runtime/small_vector.h"

namespace gradus::ops {

enum class SpaceKind : uint8_t {
  Elementwise,  // a point of the result depends on one point of each operand
  Reduce,       // … on a reduced axis of one operand
  Product,      // sum over the reduced axes of the product of two operands
  Gather,       // operands are read at indices that are data
  Scatter,      // updates are added at indices that are data
  View,         // no computation: the result is the operand under another index map
};

/// How one dimension of an operand is indexed: sum of coefficient * axis + constant.
struct DimIndex {
  SmallVector<std::pair<int, int64_t>, 2> terms;  // (axis, coefficient)
  int64_t constant = 0;
  /// Outside [0, extent) the operand is not read (pad: the fill value is taken instead).
  bool guarded = false;
  /// The index is data (gather): nothing is known of it.
  bool data = false;

  static DimIndex axis(int a) { return {.terms = {{a, 1}}}; }
  static DimIndex zero() { return {}; }
  static DimIndex unknown() { return {.data = true}; }
};

/// Axes 0 … rank-1 index the result (axis d is its dimension d); the rest are reduced, in order.
struct Space {
  SpaceKind kind = SpaceKind::Elementwise;
  std::vector<int64_t> extents;
  int parallel = 0;  // how many axes index the result
  std::vector<std::vector<DimIndex>> operands;
  double flops = 1;  // per point of the axes
  /// What a leaf kernel cannot take at run time (taps, strides, dilations of a convolution).
  std::vector<int64_t> static_key;
};

}  // namespace gradus::ops
