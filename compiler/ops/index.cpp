// Rows read or written at indices that are data. With p the dimensions before `axis`, of which the
// first `batch` are shared with the indices, j the other dimensions of the indices and q the
// dimensions after `axis`:
//
//   gather       result[p, j, q] = operand[p, clamp(indices[p_batch, j]), q]
//   scatter_add  result[p, i, q] = operand[p, i, q] + sum of updates[p, j, q] where
//                                  indices[p_batch, j] = i, in order of j
//
// An index out of range reads the nearest element; an update out of range is dropped.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/ops/build.h"
#include "compiler/ops/families.h"
#include "compiler/ops/reference_values.h"

namespace gradus::ops {
namespace {

int axis_of(const RuleContext& c) {
  return static_cast<int>(c.integer("axis"));
}
int batch_of(const RuleContext& c) {
  return static_cast<int>(c.integer("batch"));
}

/// Checks the dtype of the indices and how operand and indices fit; gives what is gathered.
Shape infer_gathered(const InferContext& c) {
  const Type &operand = c.in[0], &indices = c.in[1];
  const DType dtype = indices.dtype;
  if (dtype != DType::I32 && dtype != DType::I64 && dtype != DType::U32) {
    fail_dtype(c,
               fmt::format("wrong dtype of the indices; got {}, expected i32, i64 or u32",
                           to_string(indices)),
               "convert the indices");
  }
  expect_axis(c, c.integer("axis"), operand.rank());
  const int64_t batch = c.integer("batch");
  if (batch < 0 || batch > c.integer("axis") || batch > indices.rank()) {
    fail_value(c,
               fmt::format("wrong number of shared dimensions; got {}, expected 0 to {}", batch,
                           std::min<int64_t>(c.integer("axis"), indices.rank())),
               "share leading dimensions only, before the axis");
  }
  for (int d = 0; d < batch; ++d) {
    if (operand.shape[d] == indices.shape[d]) continue;
    fail_shape(c,
               fmt::format("shared dimensions differ; got operand {} and indices {}, expected the "
                           "same first {}",
                           to_string(operand), to_string(indices), batch),
               "share fewer dimensions");
  }
  ir::Ints dims(operand.shape.begin(), operand.shape.begin() + axis_of(c));
  dims.insert(dims.end(), indices.shape.begin() + batch, indices.shape.end());
  dims.insert(dims.end(), operand.shape.begin() + axis_of(c) + 1, operand.shape.end());
  return Shape{std::span(std::as_const(dims))};
}

std::vector<Type> infer_gather(const InferContext& c) {
  const Shape shape = infer_gathered(c);
  if (c.in[0].shape[axis_of(c)] == 0 && shape.elements() != 0) {
    fail_value(c,
               fmt::format("nothing to read; got axis {} of {}, expected an extent of 1 or more",
                           axis_of(c), to_string(c.in[0])),
               "gather from an axis that is not empty");
  }
  return {Type{c.in[0].dtype, shape}};
}

std::vector<Type> infer_scatter_add(const InferContext& c) {
  const Type expected{c.in[0].dtype, infer_gathered(c)};
  if (!is_float(expected.dtype) && !is_integer(expected.dtype)) {
    fail_dtype(c,
               fmt::format("not numbers; got {}, expected integers or floats", to_string(c.in[0])),
               "convert the operand");
  }
  if (c.in[2].dtype != expected.dtype) {
    fail_dtype(c,
               fmt::format("dtypes differ; got operand {} and updates {}, expected equal dtypes",
                           to_string(c.in[0]), to_string(c.in[2])),
               "convert the updates");
  }
  if (c.in[2].shape != expected.shape) {
    fail_shape(c,
               fmt::format("wrong shape of the updates; got {}, expected {}", to_string(c.in[2]),
                           to_string(expected)),
               "give one update for each index");
  }
  return {c.in[0]};
}

/// The loops of both rows' references.
struct Walk {
  int64_t before = 1, indices = 1, after = 1, extent, shared = 1;

  Walk(const RuleContext& c, const Type& operand, const Type& index) {
    const int axis = axis_of(c), batch = batch_of(c);
    for (int d = 0; d < axis; ++d)
      before *= operand.shape[d];
    for (int d = batch; d < axis; ++d)
      shared *= operand.shape[d];
    for (int d = axis + 1; d < operand.rank(); ++d)
      after *= operand.shape[d];
    for (int d = batch; d < index.rank(); ++d)
      indices *= index.shape[d];
    extent = operand.shape[axis];
  }

  /// f(element of operand at index 0, its stride, element of the gathered array, index element).
  template <class F>
  void each(F f) const {
    for (int64_t p = 0; p < before; ++p) {
      for (int64_t j = 0; j < indices; ++j) {
        for (int64_t q = 0; q < after; ++q) {
          f(p * extent * after + q, after, (p * indices + j) * after + q, p / shared * indices + j);
        }
      }
    }
  }
};

std::vector<RefArray> reference_gather(const ReferenceContext& c) {
  const RefArray &operand = c.in[0], &indices = c.in[1];
  RefArray out = make_reference(c.out_types[0]);
  const Walk walk(c, operand.type, indices.type);
  walk.each([&](int64_t first, int64_t stride, int64_t gathered, int64_t j) {
    const int64_t last = walk.extent - 1;
    const int64_t i = std::clamp<int64_t>(indices.integer[static_cast<size_t>(j)], 0, last);
    const auto from = static_cast<size_t>(first + i * stride);
    const auto to = static_cast<size_t>(gathered);
    if (out.real.empty()) {
      out.integer[to] = operand.integer[from];
    } else {
      out.real[to] = operand.real[from];
    }
  });
  return {out};
}

std::vector<RefArray> reference_scatter_add(const ReferenceContext& c) {
  const RefArray &indices = c.in[1], &updates = c.in[2];
  RefArray out = c.in[0];
  const Walk walk(c, out.type, indices.type);
  walk.each([&](int64_t first, int64_t stride, int64_t gathered, int64_t j) {
    const int64_t i = indices.integer[static_cast<size_t>(j)];
    if (i < 0 || i >= walk.extent) return;
    const auto to = static_cast<size_t>(first + i * stride);
    const auto from = static_cast<size_t>(gathered);
    if (out.real.empty()) {
      const auto sum =
          static_cast<uint64_t>(out.integer[to]) + static_cast<uint64_t>(updates.integer[from]);
      out.integer[to] = wrap_integer(out.type.dtype, static_cast<int64_t>(sum));
    } else {
      out.real[to] += updates.real[from];
    }
  });
  return {out};
}

/// Maps for the axes of `result`: where the operand, the indices and the gathered array stand.
struct Maps {
  std::vector<DimIndex> operand, indices, gathered;
};

/// `position` gives the axis of the j-th unshared dimension of the indices; the dimensions of the
/// operand after `axis` stand `shift` further.
template <class F>
Maps maps_of(const RuleContext& c, const Type& operand, const Type& indices, F position,
             int shift) {
  const int axis = axis_of(c), batch = batch_of(c);
  Maps maps;
  for (int d = 0; d < indices.rank(); ++d) {
    maps.indices.push_back(DimIndex::axis(d < batch ? d : position(d - batch)));
  }
  for (int d = 0; d < operand.rank(); ++d) {
    if (d == axis) {
      maps.operand.push_back(DimIndex::unknown());
      for (int j = 0; j < indices.rank() - batch; ++j) {
        maps.gathered.push_back(DimIndex::axis(position(j)));
      }
    } else {
      maps.operand.push_back(DimIndex::axis(d < axis ? d : d + shift));
      maps.gathered.push_back(maps.operand.back());
    }
  }
  return maps;
}

Space space_of_gather(const SpaceContext& c) {
  Space space = space_of_result(SpaceKind::Gather, c.out[0].shape);
  const int axis = axis_of(c), inserted = c.in[1].rank() - batch_of(c);
  const auto maps = maps_of(
      c, c.in[0], c.in[1], [&](int j) { return axis + j; }, inserted - 1);
  space.operands = {maps.operand, maps.indices};
  return space;
}

/// The indices' own dimensions are reduced: every element of the result sums its updates.
Space space_of_scatter_add(const SpaceContext& c) {
  Space space = space_of_result(SpaceKind::Scatter, c.out[0].shape);
  const int rank = c.out[0].rank();
  const auto maps = maps_of(
      c, c.in[0], c.in[1], [&](int j) { return rank + j; }, 0);
  for (int d = batch_of(c); d < c.in[1].rank(); ++d)
    space.extents.push_back(c.in[1].shape[d]);
  space.operands = {identity_index(rank), maps.indices, maps.gathered};
  return space;
}

/// Indices that read the same and are all in range.
Value clamped(Builder& b, Value indices, int64_t extent) {
  const auto last = static_cast<double>(extent - 1);
  return max(b, min(b, indices, constant_like(b, indices, last)), zeros_like(b, indices));
}

std::vector<Batched> batch_gather(const BatchContext& c) {
  const int axis = axis_of(c), batch = batch_of(c);
  if (c.in[0].axis < 0) {
    const Value indices = c.at(1, batch);
    return {{gather(c.b, c.in[0].value, indices, axis, batch), axis}};
  }
  if (c.in[1].axis < 0 && batch == 0) {
    return {{gather(c.b, c.at(0, 0), c.in[1].value, axis + 1), 0}};
  }
  return {{gather(c.b, c.at(0, 0), c.at(1, 0), axis + 1, batch + 1), 0}};
}

std::vector<Batched> batch_scatter_add(const BatchContext& c) {
  const int axis = axis_of(c), batch = batch_of(c);
  const bool shared = c.in[1].axis < 0 && batch == 0;
  const Value indices = shared ? c.in[1].value : c.at(1, 0);
  const Value result =
      scatter_add(c.b, c.at(0, 0), indices, c.at(2, 0), axis + 1, shared ? 0 : batch + 1);
  return {{result, 0}};
}

OpDef gather_row() {
  OpDef op{.name = "gather",
           .family = Family::Index,
           .operands = 2,
           .attributes = {{"axis", AttrKind::Int}, {"batch", AttrKind::Int}},
           .linear = {0}};
  op.infer = infer_gather;
  op.reference = reference_gather;
  op.space = space_of_gather;
  op.jvp = [](const JvpContext& c) {
    if (c.operand != 0) return std::vector{Value{}};
    return std::vector{gather(c.b, c.t, c.in[1], axis_of(c), batch_of(c))};
  };
  op.transpose = [](const TransposeContext& c) {
    const Type& operand = c.in_types[0];
    const Value indices = clamped(c.b, c.in[1], operand.shape[axis_of(c)]);
    return scatter_add(c.b, c.b.zeros(operand), indices, c.ct[0], axis_of(c), batch_of(c));
  };
  op.batch = batch_gather;
  return op;
}

/// The cotangent of the updates: what they were added to, nothing for those dropped.
Value gather_in_range(const TransposeContext& c, Value indices) {
  Builder& b = c.b;
  const int axis = axis_of(c);
  const Type& operand = c.in_types[0];
  const Value read = gather(b, c.ct[0], indices, axis, batch_of(c));
  const Value last = constant_like(b, indices, static_cast<double>(operand.shape[axis] - 1));
  const Value in_range = bit_and(b, ge(b, indices, zeros_like(b, indices)), le(b, indices, last));
  // The indices' dimensions in the gathered array: shared ones lead, the others follow the axis.
  ir::Ints dims;
  for (int d = 0; d < b.type(indices).rank(); ++d) {
    dims.push_back(d < batch_of(c) ? d : axis + d - batch_of(c));
  }
  const Value mask = broadcast(b, in_range, b.type(read).shape, dims);
  return select(b, mask, read, zeros_like(b, read));
}

OpDef scatter_add_row() {
  OpDef op{.name = "scatter_add",
           .family = Family::Index,
           .operands = 3,
           .attributes = {{"axis", AttrKind::Int}, {"batch", AttrKind::Int}},
           .linear = {0, 2}};
  op.infer = infer_scatter_add;
  op.reference = reference_scatter_add;
  op.space = space_of_scatter_add;
  op.jvp = [](const JvpContext& c) {
    if (c.operand == 0) return std::vector{c.t};
    if (c.operand == 1) return std::vector{Value{}};
    const Value zeros = zeros_like(c.b, c.in[0]);
    return std::vector{scatter_add(c.b, zeros, c.in[1], c.t, axis_of(c), batch_of(c))};
  };
  op.transpose = [](const TransposeContext& c) {
    return c.operand == 0 ? c.ct[0] : gather_in_range(c, c.in[1]);
  };
  op.batch = batch_scatter_add;
  return op;
}

}  // namespace

void register_index(Registry& registry) {
  registry.add(gather_row());
  registry.add(scatter_add_row());
}

}  // namespace gradus::ops
