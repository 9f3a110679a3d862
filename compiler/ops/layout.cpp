// Rows of the layout ops that neither drop nor invent elements along an axis: reshape, transpose,
// broadcast, reverse. (slice, pad and concatenate stand in layout_window.cpp.)
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <numeric>

#include "compiler/ops/axes.h"
#include "compiler/ops/build.h"
#include "compiler/ops/families.h"
#include "compiler/ops/layout_window.h"
#include "compiler/ops/reference_view.h"

namespace gradus::ops {

using ir::Ints;

namespace {

/// The extents other than 1 stand in the same order in both: moving x's elements is not needed.
bool moves_only_unit_axes(const Shape& shape, const Ints& perm) {
  int64_t last = -1;
  for (int64_t d : perm) {
    if (shape[static_cast<int>(d)] == 1) continue;
    if (d < last) return false;
    last = d;
  }
  return true;
}

// --- reshape ---------------------------------------------------------------------------------

std::vector<Type> infer_reshape(const InferContext& c) {
  const Shape shape(c.ints("shape"));
  if (shape.elements() != c.in[0].elements()) {
    fail_shape(
        c,
        fmt::format("element counts differ; got {} with {} elements, expected {} for shape {}",
                    to_string(c.in[0]), c.in[0].elements(), shape.elements(), to_string(shape)),
        "give a shape with as many elements as the operand");
  }
  return {{c.in[0].dtype, shape}};
}

Value simplify_reshape(Builder& b, std::span<const Value> in, const Attrs& attrs) {
  const Shape shape(std::get<Ints>(attrs[0]));
  const Value x = in[0];
  if (b.type(x).shape == shape) return x;
  if (Value v = splat_through(b, x, shape)) return v;
  if (is_op(b, x, "reshape")) return reshape(b, b.graph().operands(x.node)[0], shape);
  if (is_op(b, x, "broadcast") && ints_of(b, x, 1).empty()) {
    return broadcast(b, b.graph().operands(x.node)[0], shape, {});
  }
  return {};
}

/// The axis of `shape` before which as many elements vary as `before`; -1 if there is none.
int axis_after(const Shape& shape, int64_t before) {
  int64_t n = 1;
  for (int d = 0; d <= shape.rank(); ++d) {
    if (n == before) return d;
    if (d < shape.rank()) n *= shape[d];
  }
  return -1;
}

std::vector<Batched> batch_reshape(const BatchContext& c) {
  const Shape shape(c.ints("shape"));
  const Batched x = c.in[0];
  int64_t before = 1;
  for (int d = 0; d < x.axis; ++d)
    before *= c.b.type(x.value).shape[d];
  int axis = axis_after(shape, before);
  const Value operand = axis < 0 ? c.at(0, 0) : x.value;
  axis = std::max(axis, 0);
  return {{reshape(c.b, operand, shape.with_inserted(axis, c.size)), axis}};
}

OpDef reshape_row() {
  OpDef op{.name = "reshape", .family = Family::Layout, .attributes = {{"shape", AttrKind::Ints}}};
  op.linear = {0};
  op.infer = infer_reshape;
  op.reference = [](const ReferenceContext& c) -> std::vector<RefArray> {
    RefArray out = c.in[0];
    out.type = c.out_types[0];
    return {out};
  };
  op.space = [](const SpaceContext& c) { return space_of_result(SpaceKind::View, c.out[0].shape); };
  op.transpose = [](const TransposeContext& c) {
    return reshape(c.b, c.ct[0], c.in_types[0].shape);
  };
  op.batch = batch_reshape;
  op.simplify = simplify_reshape;
  return op;
}

// --- transpose -------------------------------------------------------------------------------

std::vector<Type> infer_transpose(const InferContext& c) {
  const Ints& perm = c.ints("perm");
  const int rank = c.in[0].rank();
  if (static_cast<int>(perm.size()) != rank) {
    fail_value(c,
               fmt::format("permutation has another length than the operand has axes; got [{}] for "
                           "{}, expected {} axes",
                           fmt::join(perm, ","), to_string(c.in[0]), rank),
               "name every axis of the operand once");
  }
  expect_distinct_axes(c, perm, rank);
  Ints extents;
  for (int64_t d : perm)
    extents.push_back(c.in[0].shape[static_cast<int>(d)]);
  return {{c.in[0].dtype, Shape(extents)}};
}

/// transpose(broadcast(x)) = broadcast(transpose(x)): the permutation acts on the smaller operand.
Value transpose_of_broadcast(Builder& b, Value x, const Ints& perm) {
  const Ints dims = ints_of(b, x, 1);
  const Value source = b.graph().operands(x.node)[0];
  Ints extents, new_dims, source_perm;
  for (size_t d = 0; d < perm.size(); ++d) {
    extents.push_back(b.type(x).shape[static_cast<int>(perm[d])]);
    const auto it = std::ranges::find(dims, perm[d]);
    if (it == dims.end()) continue;
    new_dims.push_back(static_cast<int64_t>(d));
    source_perm.push_back(it - dims.begin());
  }
  return broadcast(b, transpose(b, source, source_perm), Shape(extents), new_dims);
}

Value simplify_transpose(Builder& b, std::span<const Value> in, const Attrs& attrs) {
  const Ints& perm = std::get<Ints>(attrs[0]);
  const Value x = in[0];
  if (is_identity(perm)) return x;
  const Shape& shape = b.type(x).shape;
  Ints extents;
  for (int64_t d : perm)
    extents.push_back(shape[static_cast<int>(d)]);
  if (Value v = splat_through(b, x, Shape(extents))) return v;
  if (is_op(b, x, "transpose")) {
    const Ints& inner = ints_of(b, x, 0);
    Ints both;
    for (int64_t d : perm)
      both.push_back(inner[static_cast<size_t>(d)]);
    return transpose(b, b.graph().operands(x.node)[0], both);
  }
  if (is_op(b, x, "broadcast")) return transpose_of_broadcast(b, x, perm);
  if (moves_only_unit_axes(shape, perm)) return reshape(b, x, Shape(extents));
  return {};
}

std::vector<Batched> batch_transpose(const BatchContext& c) {
  const Batched x = c.in[0];
  Ints perm = c.ints("perm");
  for (int64_t& d : perm)
    d += d >= x.axis;
  perm.insert(perm.begin() + x.axis, x.axis);
  return {{transpose(c.b, x.value, perm), x.axis}};
}

OpDef transpose_row() {
  OpDef op{.name = "transpose", .family = Family::Layout, .attributes = {{"perm", AttrKind::Ints}}};
  op.linear = {0};
  op.infer = infer_transpose;
  op.reference = [](const ReferenceContext& c) -> std::vector<RefArray> {
    const Ints& perm = c.ints("perm");
    const auto strides = strides_of(c.in[0].type.shape);
    RefArray out = make_reference(c.out_types[0]);
    fill_from(c.in[0], out, [&](std::span<const int64_t> index) {
      int64_t from = 0;
      for (size_t d = 0; d < perm.size(); ++d) {
        from += index[d] * strides[static_cast<size_t>(perm[d])];
      }
      return from;
    });
    return {out};
  };
  op.space = [](const SpaceContext& c) {
    Space space = space_of_result(SpaceKind::View, c.out[0].shape);
    std::vector<DimIndex> index;
    for (int64_t axis : inverse_of(c.ints("perm"))) {
      index.push_back(DimIndex::axis(static_cast<int>(axis)));
    }
    space.operands = {index};
    return space;
  };
  op.transpose = [](const TransposeContext& c) {
    return transpose(c.b, c.ct[0], inverse_of(c.ints("perm")));
  };
  op.batch = batch_transpose;
  op.simplify = simplify_transpose;
  return op;
}

// --- broadcast -------------------------------------------------------------------------------

std::vector<Type> infer_broadcast(const InferContext& c) {
  const Shape shape(c.ints("shape"));
  const Ints& dims = c.ints("dims");
  if (static_cast<int>(dims.size()) != c.in[0].rank()) {
    fail_value(
        c,
        fmt::format("dims do not name every axis of the operand; got [{}] for {}, expected {} "
                    "entries",
                    fmt::join(dims, ","), to_string(c.in[0]), c.in[0].rank()),
        "say for each axis of the operand where it stands in the result");
  }
  for (size_t d = 0; d < dims.size(); ++d) {
    expect_axis(c, dims[d], shape.rank(), "dim");
    if (d > 0 && dims[d] <= dims[d - 1]) {
      fail_value(c,
                 fmt::format("dims are not in order; got [{}], expected increasing dims",
                             fmt::join(dims, ",")),
                 "transpose the operand first");
    }
    if (shape[static_cast<int>(dims[d])] != c.in[0].shape[static_cast<int>(d)]) {
      fail_shape(c,
                 fmt::format("axis {} of {} does not fit axis {} of {}; got {}, expected {}", d,
                             to_string(c.in[0]), dims[d], to_string(shape),
                             c.in[0].shape[static_cast<int>(d)], shape[static_cast<int>(dims[d])]),
                 "give equal extents; reshape axes of extent 1 away");
    }
  }
  return {{c.in[0].dtype, shape}};
}

Value simplify_broadcast(Builder& b, std::span<const Value> in, const Attrs& attrs) {
  const Shape shape(std::get<Ints>(attrs[0]));
  const Ints& dims = std::get<Ints>(attrs[1]);
  const Value x = in[0];
  if (b.type(x).shape == shape) return x;
  if (Value v = splat_through(b, x, shape)) return v;
  if (is_op(b, x, "broadcast")) {
    Ints both;
    for (int64_t d : ints_of(b, x, 1))
      both.push_back(dims[static_cast<size_t>(d)]);
    return broadcast(b, b.graph().operands(x.node)[0], shape, both);
  }
  if (b.type(x).elements() == shape.elements() && shape.elements() > 0) return reshape(b, x, shape);
  return {};
}

std::vector<Batched> batch_broadcast(const BatchContext& c) {
  const Batched x = c.in[0];
  Ints dims = c.ints("dims");
  const auto a = static_cast<size_t>(x.axis);
  const int64_t axis = a == 0 ? 0 : dims[a - 1] + 1;
  for (size_t d = a; d < dims.size(); ++d)
    ++dims[d];
  dims.insert(dims.begin() + x.axis, axis);
  Ints extents = c.ints("shape");
  extents.insert(extents.begin() + axis, c.size);
  return {{broadcast(c.b, x.value, Shape(extents), dims), static_cast<int>(axis)}};
}

OpDef broadcast_row() {
  OpDef op{.name = "broadcast",
           .family = Family::Layout,
           .attributes = {{"shape", AttrKind::Ints}, {"dims", AttrKind::Ints}}};
  op.linear = {0};
  op.infer = infer_broadcast;
  op.reference = [](const ReferenceContext& c) -> std::vector<RefArray> {
    const Ints& dims = c.ints("dims");
    const auto strides = strides_of(c.in[0].type.shape);
    RefArray out = make_reference(c.out_types[0]);
    fill_from(c.in[0], out, [&](std::span<const int64_t> index) {
      int64_t from = 0;
      for (size_t d = 0; d < dims.size(); ++d) {
        from += index[static_cast<size_t>(dims[d])] * strides[d];
      }
      return from;
    });
    return {out};
  };
  op.space = [](const SpaceContext& c) {
    Space space = space_of_result(SpaceKind::View, c.out[0].shape);
    std::vector<DimIndex> index;
    for (int64_t d : c.ints("dims"))
      index.push_back(DimIndex::axis(static_cast<int>(d)));
    space.operands = {index};
    return space;
  };
  op.transpose = [](const TransposeContext& c) {
    const int rank = c.b.type(c.ct[0]).rank();
    return reduce_sum(c.b, c.ct[0], other_axes(rank, c.ints("dims")));
  };
  op.batch = batch_broadcast;
  op.simplify = simplify_broadcast;
  return op;
}

// --- reverse ---------------------------------------------------------------------------------

Value simplify_reverse(Builder& b, std::span<const Value> in, const Attrs& attrs) {
  const Ints& axes = std::get<Ints>(attrs[0]);
  const Value x = in[0];
  const Shape& shape = b.type(x).shape;
  if (Value v = splat_through(b, x, shape)) return v;
  Ints kept;
  for (int64_t a : axes) {
    if (shape[static_cast<int>(a)] > 1) kept.push_back(a);
  }
  if (kept.empty()) return x;
  if (is_op(b, x, "reverse")) {
    Ints both;
    std::ranges::set_symmetric_difference(kept, ints_of(b, x, 0), std::back_inserter(both));
    return reverse(b, b.graph().operands(x.node)[0], both);
  }
  if (kept != axes) return reverse(b, x, kept);
  return {};
}

OpDef reverse_row() {
  OpDef op{.name = "reverse", .family = Family::Layout, .attributes = {{"axes", AttrKind::Ints}}};
  op.linear = {0};
  op.infer = [](const InferContext& c) -> std::vector<Type> {
    expect_distinct_axes(c, c.ints("axes"), c.in[0].rank());
    expect_sorted_axes(c, c.ints("axes"));
    return {c.in[0]};
  };
  op.reference = [](const ReferenceContext& c) -> std::vector<RefArray> {
    const Shape& shape = c.in[0].type.shape;
    const auto strides = strides_of(shape);
    RefArray out = make_reference(c.out_types[0]);
    fill_from(c.in[0], out, [&](std::span<const int64_t> index) {
      int64_t from = 0;
      for (size_t d = 0; d < index.size(); ++d) {
        const bool reversed = std::ranges::binary_search(c.ints("axes"), static_cast<int64_t>(d));
        const int64_t i = reversed ? shape[static_cast<int>(d)] - 1 - index[d] : index[d];
        from += i * strides[d];
      }
      return from;
    });
    return {out};
  };
  op.space = [](const SpaceContext& c) {
    Space space = space_of_result(SpaceKind::View, c.out[0].shape);
    auto index = identity_index(c.in[0].rank());
    for (int64_t a : c.ints("axes")) {
      index[static_cast<size_t>(a)] = {.terms = {{static_cast<int>(a), -1}},
                                       .constant = c.in[0].shape[static_cast<int>(a)] - 1};
    }
    space.operands = {index};
    return space;
  };
  op.transpose = [](const TransposeContext& c) { return reverse(c.b, c.ct[0], c.ints("axes")); };
  op.batch = [](const BatchContext& c) -> std::vector<Batched> {
    Ints axes = c.ints("axes");
    for (int64_t& a : axes)
      a += a >= c.in[0].axis;
    return {{reverse(c.b, c.in[0].value, axes), c.in[0].axis}};
  };
  op.simplify = simplify_reverse;
  return op;
}

}  // namespace

void register_layout(Registry& registry) {
  registry.add(reshape_row());
  registry.add(transpose_row());
  registry.add(broadcast_row());
  registry.add(reverse_row());
  register_layout_windows(registry);
  register_windows(registry);
}

}  // namespace gradus::ops
