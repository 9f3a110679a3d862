// Rows of the layout ops that take or join parts of an axis: slice, pad, concatenate.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/ops/axes.h"
#include "compiler/ops/build.h"
#include "compiler/ops/families.h"
#include "compiler/ops/layout_window.h"
#include "compiler/ops/reference_view.h"

namespace gradus::ops {

using ir::Ints;

namespace {

/// The attribute with `x` inserted at the batch axis.
Ints inserted(Ints ints, int axis, int64_t x) {
  ints.insert(ints.begin() + axis, x);
  return ints;
}

void expect_length(const InferContext& c, std::string_view name, const Ints& ints, int rank) {
  if (static_cast<int>(ints.size()) == rank) return;
  fail_value(
      c,
      fmt::format("{} has another length than the operand has axes; got [{}] for {}, expected "
                  "{} entries",
                  name, fmt::join(ints, ","), to_string(c.in[0]), rank),
      "give one entry for each axis");
}

// --- slice -----------------------------------------------------------------------------------

int64_t length_of(int64_t start, int64_t limit, int64_t stride) {
  return (limit - start + stride - 1) / stride;
}

Shape slice_shape(const Ints& start, const Ints& limit, const Ints& stride) {
  Ints extents;
  for (size_t d = 0; d < start.size(); ++d) {
    extents.push_back(length_of(start[d], limit[d], stride[d]));
  }
  return Shape(extents);
}

std::vector<Type> infer_slice(const InferContext& c) {
  const Ints &start = c.ints("start"), &limit = c.ints("limit"), &stride = c.ints("stride");
  const Shape& shape = c.in[0].shape;
  expect_length(c, "start", start, shape.rank());
  expect_length(c, "limit", limit, shape.rank());
  expect_length(c, "stride", stride, shape.rank());
  for (size_t d = 0; d < start.size(); ++d) {
    const int64_t extent = shape[static_cast<int>(d)];
    if (start[d] < 0 || limit[d] < start[d] || limit[d] > extent) {
      fail_value(
          c,
          fmt::format("axis {} of {} has no part {} to {}; expected 0 <= start <= limit <= {}", d,
                      to_string(c.in[0]), start[d], limit[d], extent),
          "slice within the operand");
    }
    if (stride[d] < 1) {
      fail_value(c, fmt::format("stride of axis {}; got {}, expected 1 or more", d, stride[d]),
                 "use reverse for steps backwards");
    }
  }
  return {{c.in[0].dtype, slice_shape(start, limit, stride)}};
}

/// A slice that lies within one piece of a concatenation is a slice of that piece.
Value slice_of_concatenate(Builder& b, Value x, Ints start, Ints limit, const Ints& stride) {
  const auto dim = static_cast<size_t>(std::get<int64_t>(b.graph().attrs(x.node)[0]));
  int64_t offset = 0;
  for (Value piece : b.graph().operands(x.node)) {
    const int64_t extent = b.type(piece).shape[static_cast<int>(dim)];
    if (start[dim] >= offset && limit[dim] <= offset + extent && limit[dim] > start[dim]) {
      start[dim] -= offset;
      limit[dim] -= offset;
      return slice(b, piece, start, limit, stride);
    }
    offset += extent;
  }
  return {};
}

/// A slice of a broadcast is a broadcast of a slice of less.
Value slice_of_broadcast(Builder& b, Value x, const Shape& shape, const Ints& start,
                         const Ints& limit, const Ints& stride) {
  const Ints dims = ints_of(b, x, 1);
  Ints from, to, step;
  for (int64_t d : dims) {
    from.push_back(start[static_cast<size_t>(d)]);
    to.push_back(limit[static_cast<size_t>(d)]);
    step.push_back(stride[static_cast<size_t>(d)]);
  }
  return broadcast(b, slice(b, b.graph().operands(x.node)[0], from, to, step), shape, dims);
}

Value simplify_slice(Builder& b, std::span<const Value> in, const Attrs& attrs) {
  const Ints &start = std::get<Ints>(attrs[0]), &limit = std::get<Ints>(attrs[1]),
             &stride = std::get<Ints>(attrs[2]);
  const Value x = in[0];
  const Shape shape = slice_shape(start, limit, stride);
  if (shape == b.type(x).shape) return x;
  if (Value v = splat_through(b, x, shape)) return v;
  if (is_op(b, x, "concatenate")) return slice_of_concatenate(b, x, start, limit, stride);
  if (is_op(b, x, "broadcast")) return slice_of_broadcast(b, x, shape, start, limit, stride);
  if (is_op(b, x, "slice")) {
    const Ints inner_start = ints_of(b, x, 0), inner_stride = ints_of(b, x, 2);
    Ints from, to, step;
    for (size_t d = 0; d < start.size(); ++d) {
      const int64_t n = shape[static_cast<int>(d)];
      from.push_back(inner_start[d] + start[d] * inner_stride[d]);
      step.push_back(stride[d] * inner_stride[d]);
      to.push_back(n == 0 ? from[d] : from[d] + (n - 1) * step[d] + 1);
    }
    return slice(b, b.graph().operands(x.node)[0], from, to, step);
  }
  return {};
}

Value transpose_slice(const TransposeContext& c) {
  const Ints &start = c.ints("start"), &stride = c.ints("stride");
  const Shape &shape = c.in_types[0].shape, ct = c.b.type(c.ct[0]).shape;
  Ints low = start, high, interior;
  for (size_t d = 0; d < start.size(); ++d) {
    const int64_t n = ct[static_cast<int>(d)];
    const int64_t covered = n == 0 ? 0 : (n - 1) * stride[d] + 1;
    interior.push_back(stride[d] - 1);
    high.push_back(shape[static_cast<int>(d)] - start[d] - covered);
  }
  const Value zero = c.b.zeros({c.in_types[0].dtype, {}});
  return pad(c.b, c.ct[0], zero, low, high, interior);
}

OpDef slice_row() {
  OpDef op{.name = "slice",
           .family = Family::Layout,
           .attributes = {
               {"start", AttrKind::Ints}, {"limit", AttrKind::Ints}, {"stride", AttrKind::Ints}}};
  op.linear = {0};
  op.infer = infer_slice;
  op.reference = [](const ReferenceContext& c) -> std::vector<RefArray> {
    const Ints &start = c.ints("start"), &stride = c.ints("stride");
    const auto strides = strides_of(c.in[0].type.shape);
    RefArray out = make_reference(c.out_types[0]);
    fill_from(c.in[0], out, [&](std::span<const int64_t> index) {
      int64_t from = 0;
      for (size_t d = 0; d < index.size(); ++d) {
        from += (start[d] + index[d] * stride[d]) * strides[d];
      }
      return from;
    });
    return {out};
  };
  op.space = [](const SpaceContext& c) {
    Space space = space_of_result(SpaceKind::View, c.out[0].shape);
    std::vector<DimIndex> index;
    for (size_t d = 0; d < c.ints("start").size(); ++d) {
      index.push_back(
          {.terms = {{static_cast<int>(d), c.ints("stride")[d]}}, .constant = c.ints("start")[d]});
    }
    space.operands = {index};
    return space;
  };
  op.transpose = transpose_slice;
  op.batch = [](const BatchContext& c) -> std::vector<Batched> {
    const int a = c.in[0].axis;
    return {{slice(c.b, c.in[0].value, inserted(c.ints("start"), a, 0),
                   inserted(c.ints("limit"), a, c.size), inserted(c.ints("stride"), a, 1)),
             a}};
  };
  op.simplify = simplify_slice;
  return op;
}

// --- pad -------------------------------------------------------------------------------------

int64_t dilated(int64_t extent, int64_t interior) {
  return extent == 0 ? 0 : extent + (extent - 1) * interior;
}

std::vector<Type> infer_pad(const InferContext& c) {
  const Ints &low = c.ints("low"), &high = c.ints("high"), &interior = c.ints("interior");
  const Shape& shape = c.in[0].shape;
  expect_equal_dtypes(c);
  if (c.in[1].rank() != 0) {
    fail_shape(c, fmt::format("fill value is no scalar; got {}", to_string(c.in[1])),
               "give a scalar to fill with");
  }
  expect_length(c, "low", low, shape.rank());
  expect_length(c, "high", high, shape.rank());
  expect_length(c, "interior", interior, shape.rank());
  Ints extents;
  for (size_t d = 0; d < low.size(); ++d) {
    if (interior[d] < 0) {
      fail_value(
          c, fmt::format("interior padding of axis {}; got {}, expected 0 or more", d, interior[d]),
          "use slice to drop elements");
    }
    extents.push_back(low[d] + high[d] + dilated(shape[static_cast<int>(d)], interior[d]));
    if (extents.back() < 0) {
      fail_shape(c,
                 fmt::format("axis {} of {} is cut by more than it has; got low {} and high {}", d,
                             to_string(c.in[0]), low[d], high[d]),
                 "cut at most the whole axis");
    }
  }
  return {{c.in[0].dtype, Shape(extents)}};
}

Value simplify_pad(Builder& b, std::span<const Value> in, const Attrs& attrs) {
  const Shape& shape = b.type(in[0]).shape;
  bool nothing = true;
  Ints extents;
  for (size_t d = 0; d < std::get<Ints>(attrs[0]).size(); ++d) {
    const int64_t low = std::get<Ints>(attrs[0])[d], high = std::get<Ints>(attrs[1])[d],
                  interior = std::get<Ints>(attrs[2])[d];
    const int64_t extent = shape[static_cast<int>(d)];
    nothing = nothing && low == 0 && high == 0 && (interior == 0 || extent < 2);
    extents.push_back(low + high + dilated(extent, interior));
  }
  if (nothing) return in[0];
  const ir::Literal *x = b.literal(in[0]), *fill = b.literal(in[1]);
  if (x && fill && x->is_splat() && x->splat_like({}) == *fill) {
    return b.constant(fill->splat_like(Shape(extents)));
  }
  if (fill && shape.elements() == 0) return b.constant(fill->splat_like(Shape(extents)));
  return {};
}

/// true where pad puts an element of its operand, false where it puts the fill value.
Value pad_mask(Builder& b, const Shape& shape, const RuleContext& c) {
  return pad(b, b.splat({DType::Bool, shape}, 1), b.splat({DType::Bool, {}}, 0), c.ints("low"),
             c.ints("high"), c.ints("interior"));
}

Value transpose_pad(const TransposeContext& c) {
  const Value ct = c.ct[0];
  const Shape& shape = c.in_types[0].shape;
  const Value zero = c.b.zeros({c.in_types[0].dtype, {}});
  if (c.operand == 1) {
    const Value filled = select(c.b, pad_mask(c.b, shape, c), zeros_like(c.b, ct), ct);
    return reduce_sum(c.b, filled, all_axes(shape.rank()));
  }
  Ints low, high, stride, start(static_cast<size_t>(shape.rank())), limit;
  for (size_t d = 0; d < c.ints("low").size(); ++d) {
    low.push_back(-c.ints("low")[d]);
    high.push_back(-c.ints("high")[d]);
    stride.push_back(c.ints("interior")[d] + 1);
    limit.push_back(dilated(shape[static_cast<int>(d)], c.ints("interior")[d]));
  }
  const Value uncut = pad(c.b, ct, zero, low, high, start);
  return slice(c.b, uncut, start, limit, stride);
}

std::vector<Batched> batch_pad(const BatchContext& c) {
  const int axis = std::max(c.in[0].axis, 0);
  const Value x = c.at(0, axis);
  const Ints low = inserted(c.ints("low"), axis, 0), high = inserted(c.ints("high"), axis, 0),
             interior = inserted(c.ints("interior"), axis, 0);
  if (c.in[1].axis < 0) return {{pad(c.b, x, c.in[1].value, low, high, interior), axis}};
  const Type type = c.b.type(x);
  const Value padded = pad(c.b, x, c.b.zeros({type.dtype, {}}), low, high, interior);
  const Shape shape = c.b.type(padded).shape;
  const Value mask = insert_axis(c.b, pad_mask(c.b, type.shape.without(axis), c), axis, c.size);
  const Value fill = broadcast(c.b, c.in[1].value, shape, {axis});
  return {{select(c.b, mask, padded, fill), axis}};
}

std::vector<RefArray> reference_pad(const ReferenceContext& c) {
  const Ints &low = c.ints("low"), &interior = c.ints("interior");
  const Shape& shape = c.in[0].type.shape;
  const auto strides = strides_of(shape);
  RefArray out = make_reference(c.out_types[0]);
  fill_from(c.in[1], out, [](std::span<const int64_t>) { return 0; });
  fill_from(c.in[0], out, [&](std::span<const int64_t> index) -> int64_t {
    int64_t from = 0;
    for (size_t d = 0; d < index.size(); ++d) {
      const int64_t i = index[d] - low[d], step = interior[d] + 1;
      if (i < 0 || i % step != 0 || i / step >= shape[static_cast<int>(d)]) return -1;
      from += i / step * strides[d];
    }
    return from;
  });
  return {out};
}

Space pad_space(const SpaceContext& c) {
  Space space = space_of_result(SpaceKind::View, c.out[0].shape);
  std::vector<DimIndex> index;
  for (size_t d = 0; d < c.ints("low").size(); ++d) {
    const int64_t low = c.ints("low")[d], high = c.ints("high")[d];
    const bool guarded = low > 0 || high > 0;
    // Interior padding divides the index, which no affine map says; decompose rewrites it before.
    index.push_back(
        c.ints("interior")[d] > 0
            ? DimIndex::unknown()
            : DimIndex{.terms = {{static_cast<int>(d), 1}}, .constant = -low, .guarded = guarded});
  }
  space.operands = {index, {}};
  return space;
}

/// Every element of x gets an axis of its own, which is filled up behind it; the fill behind the
/// last element is then cut off by the padding at the end.
Value pad_without_interior(Builder& b, Value x, Value fill, const Ints& low, const Ints& high,
                           const Ints& interior) {
  const Shape shape = b.type(x).shape;
  Ints apart, behind, merged, end = high;
  for (size_t d = 0; d < interior.size(); ++d) {
    const int64_t extent = shape[static_cast<int>(d)];
    apart.push_back(extent);
    behind.push_back(0);
    merged.push_back(extent * (interior[d] + 1));
    if (interior[d] == 0) continue;
    apart.push_back(1);
    behind.push_back(interior[d]);
    if (extent > 0) end[d] -= interior[d];
  }
  const Ints none(apart.size());
  const Value spaced = pad(b, reshape(b, x, Shape(apart)), fill, none, behind, none);
  return pad(b, reshape(b, spaced, Shape(merged)), fill, low, end, Ints(low.size()));
}

std::vector<Value> decompose_pad(Builder& b, std::span<const Value> in, const Attrs& attrs) {
  const auto &low = std::get<Ints>(attrs[0]), &high = std::get<Ints>(attrs[1]),
             &interior = std::get<Ints>(attrs[2]);
  if (std::ranges::all_of(interior, [](int64_t i) { return i == 0; })) return {};
  return {pad_without_interior(b, in[0], in[1], low, high, interior)};
}

OpDef pad_row() {
  OpDef op{.name = "pad",
           .family = Family::Layout,
           .operands = 2,
           .attributes = {
               {"low", AttrKind::Ints}, {"high", AttrKind::Ints}, {"interior", AttrKind::Ints}}};
  op.linear = {0, 1};
  op.infer = infer_pad;
  op.reference = reference_pad;
  op.space = pad_space;
  op.transpose = transpose_pad;
  op.batch = batch_pad;
  op.simplify = simplify_pad;
  op.decompose = decompose_pad;
  return op;
}

// --- concatenate -----------------------------------------------------------------------------

std::vector<Type> infer_concatenate(const InferContext& c) {
  if (c.in.empty()) {
    fail_value(c, "no operands; got 0, expected 1 or more", "give at least one array");
  }
  expect_equal_dtypes(c);
  const Type& first = c.in[0];
  const int64_t dim = c.integer("dim");
  expect_axis(c, dim, first.rank(), "dim");
  const int d = static_cast<int>(dim);
  int64_t extent = 0;
  for (const Type& t : c.in) {
    if (t.rank() != first.rank() || t.shape.with(d, 0) != first.shape.with(d, 0)) {
      fail_shape(c,
                 fmt::format("shapes differ outside axis {}; got {} and {}, expected equal extents",
                             d, to_string(first), to_string(t)),
                 "concatenate along the axis that differs");
    }
    extent += t.shape[d];
  }
  return {{first.dtype, first.shape.with(d, extent)}};
}

/// Two neighbouring slices of one operand, as one.
Value joined_slices(Builder& b, Value x, Value y, size_t dim) {
  if (!is_op(b, x, "slice") || !is_op(b, y, "slice")) return {};
  const Value source = b.graph().operands(x.node)[0];
  if (b.graph().operands(y.node)[0] != source) return {};
  const Ints start = ints_of(b, x, 0), stride = ints_of(b, x, 2);
  Ints other_start = ints_of(b, y, 0), limit = ints_of(b, x, 1);
  const Ints other_limit = ints_of(b, y, 1);
  if (stride != ints_of(b, y, 2) || stride[dim] != 1 || other_start[dim] != limit[dim]) return {};
  other_start[dim] = start[dim];
  limit[dim] = other_limit[dim];
  if (other_start != start || limit != other_limit) return {};
  return slice(b, source, start, limit, stride);
}

Value simplify_concatenate(Builder& b, std::span<const Value> in, const Attrs& attrs) {
  const int dim = static_cast<int>(std::get<int64_t>(attrs[0]));
  std::vector<Value> pieces;
  const ir::Literal* splat = b.literal(in[0]);
  int64_t extent = 0;
  for (Value v : in) {
    if (b.type(v).shape[dim] > 0) {
      const Value joined =
          pieces.empty() ? Value{} : joined_slices(b, pieces.back(), v, static_cast<size_t>(dim));
      if (joined) pieces.pop_back();
      pieces.push_back(joined ? joined : v);
    }
    extent += b.type(v).shape[dim];
    const ir::Literal* other = b.literal(v);
    const bool same = splat && other && splat->is_splat() && other->is_splat() &&
                      splat->splat_like({}) == other->splat_like({});
    if (!same) splat = nullptr;
  }
  if (splat) return b.constant(splat->splat_like(b.type(in[0]).shape.with(dim, extent)));
  if (pieces.empty()) return in[0];
  if (pieces.size() == 1) return pieces[0];
  if (pieces.size() < in.size()) return concatenate(b, pieces, dim);
  return {};
}

OpDef concatenate_row() {
  OpDef op{.name = "concatenate",
           .family = Family::Layout,
           .operands = -1,
           .attributes = {{"dim", AttrKind::Int}}};
  op.linear = {-1};
  op.infer = infer_concatenate;
  op.reference = [](const ReferenceContext& c) -> std::vector<RefArray> {
    const auto dim = static_cast<size_t>(c.integer("dim"));
    RefArray out = make_reference(c.out_types[0]);
    int64_t offset = 0;
    for (const RefArray& x : c.in) {
      const auto strides = strides_of(x.type.shape);
      const int64_t extent = x.type.shape[static_cast<int>(dim)];
      fill_from(x, out, [&](std::span<const int64_t> index) -> int64_t {
        if (index[dim] < offset || index[dim] >= offset + extent) return -1;
        int64_t from = -offset * strides[dim];
        for (size_t d = 0; d < index.size(); ++d)
          from += index[d] * strides[d];
        return from;
      });
      offset += extent;
    }
    return {out};
  };
  op.space = [](const SpaceContext& c) {
    const auto dim = static_cast<size_t>(c.integer("dim"));
    Space space = space_of_result(SpaceKind::Elementwise, c.out[0].shape);
    int64_t offset = 0;
    for (const Type& t : c.in) {
      auto index = identity_index(t.rank());
      index[dim].constant = -offset;
      index[dim].guarded = true;
      space.operands.push_back(index);
      offset += t.shape[static_cast<int>(dim)];
    }
    return space;
  };
  op.transpose = [](const TransposeContext& c) {
    const auto dim = static_cast<int>(c.integer("dim"));
    const Shape shape = c.in_types[static_cast<size_t>(c.operand)].shape;
    Ints start(static_cast<size_t>(shape.rank())), limit(shape.begin(), shape.end());
    for (int i = 0; i < c.operand; ++i) {
      start[static_cast<size_t>(dim)] += c.in_types[static_cast<size_t>(i)].shape[dim];
    }
    limit[static_cast<size_t>(dim)] += start[static_cast<size_t>(dim)];
    return slice(c.b, c.ct[0], start, limit, Ints(start.size(), 1));
  };
  op.batch = [](const BatchContext& c) -> std::vector<Batched> {
    const int axis = std::ranges::find_if(c.in, [](const Batched& x) { return x.axis >= 0; })->axis;
    std::vector<Value> pieces;
    for (size_t i = 0; i < c.in.size(); ++i)
      pieces.push_back(c.at(static_cast<int>(i), axis));
    const int64_t dim = c.integer("dim");
    return {{concatenate(c.b, pieces, dim + (dim >= axis)), axis}};
  };
  op.simplify = simplify_concatenate;
  return op;
}

}  // namespace

void register_layout_windows(Registry& registry) {
  registry.add(slice_row());
  registry.add(pad_row());
  registry.add(concatenate_row());
}

}  // namespace gradus::ops
