// The row of conv: a product over a window that slides over spatial dimensions, channels last.
//
//   lhs  [batch…, n, spatial…, in]      rhs  [batch…, taps…, in, out]
//   result [batch…, n, places…, out],  places = (spatial + low + high - ((taps - 1) * dilation + 1))
//                                               / stride + 1, rounded down
//
// The kernel is not flipped (cross-correlation). The first `batch` dimensions are shared: groups are
// batches. Other orders of dimensions are transposes, which cost nothing: views compose into the
// index maps. Every element is one chain of fused multiply-adds over taps, then channels.
#include <fmt/format.h>

#include <algorithm>

#include "compiler/ops/axes.h"
#include "compiler/ops/build.h"
#include "compiler/ops/families.h"
#include "compiler/ops/reference_product.h"

namespace gradus::ops {

using ir::Ints;

namespace {

/// One spatial dimension.
struct Slide {
  int64_t extent, taps, stride, low, high, dilation;

  int64_t reach() const { return (taps - 1) * dilation + 1; }
  /// Positive if the window fits.
  int64_t room() const { return extent + low + high - reach() + 1; }
  int64_t places() const { return room() > 0 ? (room() - 1) / stride + 1 : 0; }
  /// Whether all that the window reads is there.
  bool is_inside() const {
    return low <= 0 && (places() - 1) * stride + reach() - 1 - low < extent;
  }
};

/// The dimensions of both operands by role.
struct Window {
  int batch, spatial;
  std::vector<Slide> slides;

  Window(const RuleContext& c, const Shape& lhs, const Shape& rhs)
      : batch(static_cast<int>(c.integer("batch"))),
        spatial(static_cast<int>(c.ints("stride").size())) {
    for (int i = 0; i < spatial; ++i) {
      const auto at = static_cast<size_t>(i);
      slides.push_back({lhs[batch + 1 + i], rhs[batch + i], c.ints("stride")[at], c.ints("low")[at],
                        c.ints("high")[at], c.ints("dilation")[at]});
    }
  }
  int lhs_rank() const { return batch + spatial + 2; }
};

ConvDims dims_of(const RuleContext& c) {
  return {static_cast<int>(c.integer("batch")), c.ints("stride"), c.ints("low"), c.ints("high"),
          c.ints("dilation")};
}

void expect_operands(const InferContext& c) {
  const auto spatial = c.ints("stride").size();
  for (const char* name : {"low", "high", "dilation"}) {
    if (c.ints(name).size() == spatial) continue;
    fail_value(c,
               fmt::format("numbers of spatial dimensions differ; got {} of stride and {} of {}, "
                           "expected equal numbers",
                           spatial, c.ints(name).size(), name),
               "give one number for each spatial dimension");
  }
  for (const char* name : {"stride", "dilation"}) {
    for (int64_t x : c.ints(name)) {
      if (x >= 1) continue;
      fail_value(c, fmt::format("{} out of range; got {}, expected at least 1", name, x),
                 fmt::format("give a positive {}", name));
    }
  }
  const int rank = static_cast<int>(c.integer("batch")) + static_cast<int>(spatial) + 2;
  for (int i = 0; i < 2; ++i) {
    if (c.integer("batch") >= 0 && c.in[i].rank() == rank) continue;
    fail_shape(c,
               fmt::format("{} has another rank; got {}, expected {} dimensions", i ? "rhs" : "lhs",
                           to_string(c.in[i]), rank),
               i ? "give [batch…, taps…, in, out]" : "give [batch…, n, spatial…, in]");
  }
}

std::vector<Type> infer_conv(const InferContext& c) {
  expect_equal_dtypes(c);
  const DType dtype = c.in[0].dtype;
  if (!is_float(dtype) && !is_integer(dtype)) {
    fail_dtype(c, fmt::format("not numbers; got {}, expected integers or floats", name_of(dtype)),
               "convert the operands");
  }
  expect_operands(c);
  const Shape &lhs = c.in[0].shape, &rhs = c.in[1].shape;
  const Window w(c, lhs, rhs);
  const int in = w.lhs_rank() - 1;
  const auto differ = [&](std::string_view role, int64_t l, int64_t r) {
    fail_shape(c,
               fmt::format("{} differ; got {} and {}, expected equal extents; operands {} and {}",
                           role, l, r, to_string(c.in[0]), to_string(c.in[1])),
               "channels stand last in lhs and before the last in rhs");
  };
  if (lhs[in] != rhs[in - 1]) differ("channels", lhs[in], rhs[in - 1]);
  Ints extents;
  for (int d = 0; d < w.batch; ++d) {
    if (lhs[d] != rhs[d]) differ("batch extents", lhs[d], rhs[d]);
    extents.push_back(lhs[d]);
  }
  extents.push_back(lhs[w.batch]);
  for (const Slide& s : w.slides) {
    if (s.room() <= 0) {
      fail_shape(c,
                 fmt::format("the window does not fit; got {} taps over {} (padded by {} and {}), "
                             "expected at most {}",
                             s.reach(), s.extent, s.low, s.high, s.extent + s.low + s.high),
                 "pad more or take a smaller kernel");
    }
    extents.push_back(s.places());
  }
  extents.push_back(rhs[in]);
  return {{dtype, Shape(extents)}};
}

Space conv_space(const SpaceContext& c) {
  const Window w(c, c.in[0].shape, c.in[1].shape);
  Space space = space_of_result(SpaceKind::Product, c.out[0].shape);
  const int rank = w.lhs_rank(), reduced = rank;
  std::vector<DimIndex> lhs(static_cast<size_t>(rank)), rhs(static_cast<size_t>(rank));
  for (int d = 0; d < w.batch; ++d) {
    lhs[d] = rhs[d] = DimIndex::axis(d);
  }
  lhs[w.batch] = DimIndex::axis(w.batch);
  for (int i = 0; i < w.spatial; ++i) {
    const Slide& s = w.slides[static_cast<size_t>(i)];
    const int place = w.batch + 1 + i, tap = reduced + i;
    DimIndex& index = lhs[place];
    index.terms = {{place, s.stride}, {tap, s.dilation}};
    index.constant = -s.low;
    index.guarded = !s.is_inside();
    if (s.taps == 1 && s.stride == 1 && s.is_inside() && s.low == 0) index = DimIndex::axis(place);
    rhs[w.batch + i] = DimIndex::axis(tap);
    space.extents.push_back(s.taps);
    space.static_key.insert(space.static_key.end(), {s.taps, s.stride, s.dilation});
  }
  const int channel = reduced + w.spatial;
  lhs[rank - 1] = rhs[rank - 2] = DimIndex::axis(channel);
  rhs[rank - 1] = DimIndex::axis(rank - 1);
  space.extents.push_back(c.in[0].shape[rank - 1]);
  space.operands = {lhs, rhs};
  space.flops = 2;
  return space;
}

/// The input's cotangent: the result's, spread out by the stride, under the flipped kernel.
Value transpose_lhs(const TransposeContext& c, const Window& w) {
  Builder& b = c.b;
  const int rank = w.lhs_rank();
  ConvDims dims{w.batch, Ints(w.slides.size(), 1), {}, {}, c.ints("dilation")};
  Ints interior(static_cast<size_t>(rank)), flipped, perm;
  for (int d = 0; d < rank; ++d)
    perm.push_back(d);
  std::swap(perm[rank - 2], perm[rank - 1]);
  for (int i = 0; i < w.spatial; ++i) {
    const Slide& s = w.slides[static_cast<size_t>(i)];
    interior[w.batch + 1 + i] = s.stride - 1;
    flipped.push_back(w.batch + i);
    const int64_t spread = (s.places() - 1) * s.stride + 1, low = s.reach() - 1 - s.low;
    dims.low.push_back(low);
    dims.high.push_back(s.extent - spread - low + s.reach() - 1);
  }
  Value ct = c.ct[0];
  if (std::ranges::any_of(interior, [](int64_t i) { return i > 0; })) {
    const Ints none(static_cast<size_t>(rank));
    ct = pad(b, ct, b.zeros({b.type(ct).dtype, {}}), none, none, interior);
  }
  return conv(b, ct, transpose(b, reverse(b, c.in[1], flipped), perm), dims);
}

/// The kernel's cotangent: the input under the result's cotangent as a kernel, channels as examples.
Value transpose_rhs(const TransposeContext& c, const Window& w) {
  Builder& b = c.b;
  const int rank = w.lhs_rank(), n = w.batch;
  ConvDims dims{w.batch, c.ints("dilation"), c.ints("low"), {}, c.ints("stride")};
  for (const Slide& s : w.slides) {
    const int64_t spread = (s.places() - 1) * s.stride + 1;
    dims.high.push_back(s.reach() - 1 + spread - s.extent - s.low);
  }
  Ints lhs, ct, result;
  for (int d = 0; d < rank; ++d)
    lhs.push_back(d);
  ct = result = lhs;
  std::swap(lhs[n], lhs[rank - 1]);                               // [in, spatial…, n]
  std::rotate(ct.begin() + n, ct.begin() + n + 1, ct.end() - 1);  // [places…, n, out]
  std::rotate(result.begin() + n, result.begin() + n + 1, result.end() - 1);
  const Value v = conv(b, transpose(b, c.in[0], lhs), transpose(b, c.ct[0], ct), dims);
  return transpose(b, v, result);  // [taps…, in, out]
}

Value transpose_conv(const TransposeContext& c) {
  const Window w(c, c.in_types[0].shape, c.in_types[1].shape);
  return c.operand == 0 ? transpose_lhs(c, w) : transpose_rhs(c, w);
}

/// One operand batched: its batch joins n, or the output channels.
std::vector<Batched> batch_conv(const BatchContext& c) {
  Builder& b = c.b;
  ConvDims dims = dims_of(c);
  if (c.in[0].axis >= 0 && c.in[1].axis >= 0) {
    ++dims.batch;
    return {{conv(b, c.at(0, 0), c.at(1, 0), dims), 0}};
  }
  const int operand = c.in[0].axis >= 0 ? 0 : 1;
  const int rank = b.type(c.in[operand].value).rank();
  const int at = operand == 0 ? dims.batch : rank - 2;
  const Value x = c.at(operand, at);
  const Shape apart = b.type(x).shape;
  const Value joined = reshape(b, x, apart.without(at).with(at, apart[at] * apart[at + 1]));
  const Value v =
      operand == 0 ? conv(b, joined, c.in[1].value, dims) : conv(b, c.in[0].value, joined, dims);
  const Shape shape = b.type(v).shape;
  return {{reshape(b, v, shape.with(at, apart[at + 1]).with_inserted(at, c.size)), at}};
}

OpDef conv_row() {
  OpDef op{.name = "conv",
           .family = Family::Contract,
           .operands = 2,
           .attributes = {{"batch", AttrKind::Int},
                          {"stride", AttrKind::Ints},
                          {"low", AttrKind::Ints},
                          {"high", AttrKind::Ints},
                          {"dilation", AttrKind::Ints}}};
  op.linear = {0, 1};
  op.multilinear = true;
  op.infer = infer_conv;
  op.reference = [](const ReferenceContext& c) {
    const std::vector types{c.in[0].type, c.in[1].type};
    return reference_product(c, conv_space({c, types, c.out_types}));
  };
  op.space = conv_space;
  op.transpose = transpose_conv;
  op.batch = batch_conv;
  return op;
}

}  // namespace

void register_window(Registry& registry) {
  registry.add(conv_row());
}

}  // namespace gradus::ops
