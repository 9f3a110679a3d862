// The row of windows: the overlapping parts of one axis, side by side, as a view. Nothing is
// copied: readers index the operand at place * stride + tap * dilation, as a convolution does.
#include <fmt/format.h>

#include <algorithm>

#include "compiler/ops/axes.h"
#include "compiler/ops/build.h"
#include "compiler/ops/families.h"
#include "compiler/ops/layout_window.h"
#include "compiler/ops/reference_view.h"

namespace gradus::ops {

using ir::Ints;

namespace {

/// The axis that windows slide over.
struct Slide {
  int axis;
  int64_t taps, stride, dilation;

  explicit Slide(const RuleContext& c)
      : axis(static_cast<int>(c.integer("axis"))),
        taps(c.integer("taps")),
        stride(c.integer("stride")),
        dilation(c.integer("dilation")) {}

  int64_t reach() const { return (taps - 1) * dilation + 1; }
  int64_t places(int64_t extent) const {
    if (taps > extent || (taps > 1 && dilation > extent)) return 0;  // before products overflow
    return extent < reach() ? 0 : (extent - reach()) / stride + 1;
  }
};

std::vector<Type> infer_windows(const InferContext& c) {
  expect_axis(c, c.integer("axis"), c.in[0].rank());
  for (const char* name : {"taps", "stride", "dilation"}) {
    if (c.integer(name) >= 1) continue;
    fail_value(c,
               fmt::format("{} out of range; got {}, expected at least 1", name, c.integer(name)),
               fmt::format("give positive {}", name));
  }
  if (c.in[0].rank() == Shape::kMaxRank) {
    fail_shape(c, fmt::format("no room for another dimension; got {}", to_string(c.in[0])),
               "merge dimensions by reshape first");
  }
  const Slide s(c);
  const int64_t places = s.places(c.in[0].shape[s.axis]);
  if (places == 0) {
    fail_shape(c,
               fmt::format("the window does not fit; got {} taps with dilation {} over axis {} of "
                           "{}, expected a reach of at most {}",
                           s.taps, s.dilation, s.axis, to_string(c.in[0]), c.in[0].shape[s.axis]),
               "pad more or take a smaller window");
  }
  return {{c.in[0].dtype, c.in[0].shape.with(s.axis, places).with_inserted(s.axis + 1, s.taps)}};
}

std::vector<RefArray> reference_windows(const ReferenceContext& c) {
  const Slide s(c);
  const auto axis = static_cast<size_t>(s.axis);
  const auto strides = strides_of(c.in[0].type.shape);
  RefArray out = make_reference(c.out_types[0]);
  fill_from(c.in[0], out, [&](std::span<const int64_t> index) {
    int64_t from = (index[axis] * s.stride + index[axis + 1] * s.dilation) * strides[axis];
    for (size_t d = 0; d < strides.size(); ++d) {
      if (d != axis) from += index[d > axis ? d + 1 : d] * strides[d];
    }
    return from;
  });
  return {out};
}

Space windows_space(const SpaceContext& c) {
  const Slide s(c);
  Space space = space_of_result(SpaceKind::View, c.out[0].shape);
  std::vector<DimIndex> index;
  for (int d = 0; d < c.in[0].rank(); ++d) {
    index.push_back(DimIndex::axis(d > s.axis ? d + 1 : d));
  }
  index[static_cast<size_t>(s.axis)].terms = {{s.axis, s.stride}, {s.axis + 1, s.dilation}};
  space.operands = {index};
  return space;
}

/// The elements first, first + step, … (count of them) of one axis.
Value part(Builder& b, Value x, int axis, int64_t first, int64_t step, int64_t count) {
  const Shape shape = b.type(x).shape;
  Ints start(static_cast<size_t>(shape.rank())), limit(shape.begin(), shape.end());
  Ints stride(start.size(), 1);
  const auto a = static_cast<size_t>(axis);
  start[a] = first;
  limit[a] = first + (count - 1) * step + 1;
  stride[a] = step;
  return slice(b, x, start, limit, stride);
}

/// Tap t of place p stands at p * stride + t * dilation: in a block of `stride` elements, always at
/// the same offset, (t * dilation) % stride. So the cotangents of the taps with one offset are
/// shifted by whole blocks and summed in order of the taps, and the offsets interleaved.
Value transpose_windows(const TransposeContext& c) {
  Builder& b = c.b;
  const Slide s(c);
  const auto axis = static_cast<size_t>(s.axis);
  const Shape& shape = c.in_types[0].shape;
  const int64_t places = b.type(c.ct[0]).shape[s.axis];
  const int64_t stride = places > 1 ? s.stride : s.reach();  // one place: any stride will do
  const int64_t blocks = (shape[s.axis] + stride - 1) / stride;
  const Value zero = b.zeros({c.in_types[0].dtype, {}});
  const Ints none(static_cast<size_t>(shape.rank()));
  const int64_t read = std::min(stride, s.reach());  // offsets behind it are in gaps
  std::vector<Value> offsets(static_cast<size_t>(read));
  for (int64_t t = 0; t < s.taps; ++t) {
    const Value tap = part(b, c.ct[0], s.axis + 1, t, 1, 1);
    Ints low = none, high = none;
    low[axis] = t * s.dilation / stride;
    high[axis] = blocks - places - low[axis];
    const Value shifted =
        pad(b, reshape(b, tap, shape.with(s.axis, places)), zero, low, high, none);
    Value& sum = offsets[static_cast<size_t>(t * s.dilation % stride)];
    sum = sum ? add(b, sum, shifted) : shifted;
  }
  const Shape apart = shape.with(s.axis, blocks).with_inserted(s.axis + 1, 1);
  for (Value& v : offsets)
    v = v ? reshape(b, v, apart) : b.zeros({c.in_types[0].dtype, apart});
  Value all = read == 1 ? offsets[0] : concatenate(b, offsets, s.axis + 1);
  if (read < stride) {
    const Ints start(static_cast<size_t>(apart.rank()));
    Ints gap = start;
    gap[axis + 1] = stride - read;
    all = pad(b, all, zero, start, gap, start);
  }
  return part(b, reshape(b, all, shape.with(s.axis, blocks * stride)), s.axis, 0, 1, shape[s.axis]);
}

std::vector<Batched> batch_windows(const BatchContext& c) {
  const Slide s(c);
  const int at = c.in[0].axis;
  const bool before = at <= s.axis;
  const Value v =
      windows(c.b, c.in[0].value, before ? s.axis + 1 : s.axis, s.taps, s.stride, s.dilation);
  return {{v, before ? at : at + 1}};
}

/// Windows side by side are a reshape; a single place or tap is a slice.
Value simplify_windows(Builder& b, std::span<const Value> in, const Attrs& attrs) {
  const Slide s({op_named("windows"), attrs});
  const Value x = in[0];
  const Shape shape = b.type(x).shape;
  const int64_t places = s.places(shape[s.axis]);
  const Shape result = shape.with(s.axis, places).with_inserted(s.axis + 1, s.taps);
  if (Value v = splat_through(b, x, result)) return v;
  if (s.taps == 1) return reshape(b, part(b, x, s.axis, 0, s.stride, places), result);
  if (places == 1) return reshape(b, part(b, x, s.axis, 0, s.dilation, s.taps), result);
  if (s.dilation == 1 && s.stride == s.taps) {
    return reshape(b, part(b, x, s.axis, 0, 1, places * s.taps), result);
  }
  return {};
}

}  // namespace

void register_windows(Registry& registry) {
  OpDef op{.name = "windows",
           .family = Family::Layout,
           .attributes = {{"axis", AttrKind::Int},
                          {"taps", AttrKind::Int},
                          {"stride", AttrKind::Int},
                          {"dilation", AttrKind::Int}}};
  op.linear = {0};
  op.infer = infer_windows;
  op.reference = reference_windows;
  op.space = windows_space;
  op.transpose = transpose_windows;
  op.batch = batch_windows;
  op.simplify = simplify_windows;
  registry.add(std::move(op));
}

}  // namespace gradus::ops
