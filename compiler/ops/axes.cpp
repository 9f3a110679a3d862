#include "compiler/ops/axes.h"

#include <numeric>

#include "compiler/ops/build.h"

namespace gradus::ops {

using ir::Ints;

Ints all_axes(int rank) {
  Ints axes(static_cast<size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

Ints other_axes(int rank, const Ints& a, const Ints& b) {
  Ints rest;
  for (int64_t d = 0; d < rank; ++d) {
    if (!contains(a, d) && !contains(b, d)) rest.push_back(d);
  }
  return rest;
}

bool is_identity(const Ints& perm) {
  for (size_t d = 0; d < perm.size(); ++d) {
    if (perm[d] != static_cast<int64_t>(d)) return false;
  }
  return true;
}

Ints inverse_of(const Ints& perm) {
  Ints inverse(perm.size());
  for (size_t d = 0; d < perm.size(); ++d) {
    inverse[static_cast<size_t>(perm[d])] = static_cast<int64_t>(d);
  }
  return inverse;
}

Value move_axis(Builder& b, Value x, int from, int to) {
  if (from == to) return x;
  Ints perm = all_axes(b.type(x).rank());
  perm.erase(perm.begin() + from);
  perm.insert(perm.begin() + to, from);
  return transpose(b, x, perm);
}

Value insert_axis(Builder& b, Value x, int axis, int64_t extent) {
  const Shape& shape = b.type(x).shape;
  Ints extents(shape.begin(), shape.end());
  extents.insert(extents.begin() + axis, extent);
  return broadcast(b, x, Shape(extents), other_axes(shape.rank() + 1, {axis}));
}

Value BatchContext::at(int i, int axis) const {
  const Batched& x = in[static_cast<size_t>(i)];
  return x.axis < 0 ? insert_axis(b, x.value, axis, size) : move_axis(b, x.value, x.axis, axis);
}

bool is_op(const Builder& b, Value v, std::string_view name) {
  return b.graph().op(v.node).name == name;
}

const Ints& ints_of(const Builder& b, Value v, size_t attribute) {
  return std::get<Ints>(b.graph().attrs(v.node)[attribute]);
}

Value splat_through(Builder& b, Value x, const Shape& shape) {
  const ir::Literal* literal = b.literal(x);
  if (!literal || !literal->is_splat()) return {};
  return b.constant(literal->splat_like(shape));
}

}  // namespace gradus::ops
