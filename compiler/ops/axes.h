// Axes: what the rows that move, reduce or contract them share.
#pragma once

#include <algorithm>
#include <string_view>

#include "compiler/ops/op.h"

namespace gradus::ops {

inline bool contains(const ir::Ints& axes, int64_t axis) {
  return std::ranges::find(axes, axis) != axes.end();
}
/// 0 … rank - 1.
ir::Ints all_axes(int rank);
/// The axes of 0 … rank - 1 that are in neither list, in order.
ir::Ints other_axes(int rank, const ir::Ints& a, const ir::Ints& b = {});
bool is_identity(const ir::Ints& perm);
ir::Ints inverse_of(const ir::Ints& perm);

/// x with its axis `from` moved to `to`, the others in order.
Value move_axis(Builder& b, Value x, int from, int to);
/// x repeated along a new axis.
Value insert_axis(Builder& b, Value x, int axis, int64_t extent);

// For simplifications within a family: no pass asks for an op by name.

bool is_op(const Builder& b, Value v, std::string_view name);
/// Attribute number i of the node that made v.
const ir::Ints& ints_of(const Builder& b, Value v, size_t attribute);
/// x's splat under another shape; none if x is no splat constant.
Value splat_through(Builder& b, Value x, const Shape& shape);

}  // namespace gradus::ops
