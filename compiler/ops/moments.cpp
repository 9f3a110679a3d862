// The row of moments: mean and variance (the mean squared distance from the mean) over a set of
// axes, as one op, because the derivative of a variance spelled out goes through the mean twice:
// the tangent of the mean drops out of it.
//
// f32 is summed as f64 in one pass, Σx and Σx²: their difference then loses nothing that f32 could
// hold, whatever the mean, and both sums are reductions like any other, bracketed by the numeric
// plan. f64 takes two passes.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>

#include "compiler/ops/reduce_shape.h"

namespace gradus::ops {

using ir::Ints;

namespace {

std::vector<Type> infer_moments(const InferContext& c) {
  const Type& x = c.in[0];
  if (!is_float(x.dtype)) {
    fail_dtype(c, fmt::format("not real; got {}, expected f32 or f64", name_of(x.dtype)),
               "convert the operand");
  }
  expect_distinct_axes(c, c.ints("axes"), x.rank());
  expect_sorted_axes(c, c.ints("axes"));
  const Shape rest = reduced_shape(x.shape, c.ints("axes"));
  if (reduced_count(x.shape, c.ints("axes")) == 0 && rest.elements() > 0) {
    fail_shape(c,
               fmt::format("moments of nothing; got {} reduced over [{}], expected at least one "
                           "element",
                           to_string(x), fmt::join(c.ints("axes"), ",")),
               "give arrays with elements, or treat the empty case apart");
  }
  const Type result{x.dtype, rest};
  return {result, result};
}

std::vector<RefArray> reference_moments(const ReferenceContext& c) {
  const Shape& shape = c.in[0].type.shape;
  const Ints& axes = c.ints("axes");
  const auto count = static_cast<double>(reduced_count(shape, axes));
  RefArray mean = make_reference(c.out_types[0]), variance = mean;
  for_each_reduced(shape, axes,
                   [&](size_t to, size_t from) { mean.real[to] += c.in[0].real[from]; });
  for (double& x : mean.real)
    x /= count;
  for_each_reduced(shape, axes, [&](size_t to, size_t from) {
    const double distance = c.in[0].real[from] - mean.real[to];
    variance.real[to] += distance * distance;
  });
  for (double& x : variance.real)
    x /= count;
  if (c.in[0].type.dtype == DType::F32) {  // rounded once, as they are below
    for (RefArray* result : {&mean, &variance}) {
      for (double& x : result->real)
        x = static_cast<double>(static_cast<float>(x));
    }
  }
  return {mean, variance};
}

/// d mean = mean(t); d variance = 2 mean((x - mean) t), as the distances from the mean sum to zero.
std::vector<Value> jvp_of_moments(const JvpContext& c) {
  Builder& b = c.b;
  const Ints& axes = c.ints("axes");
  const Shape shape = b.type(c.in[0]).shape;
  const auto count = static_cast<double>(reduced_count(shape, axes));
  const Value sum = reduce_sum(b, c.t, axes);
  const Value distance = sub(b, c.in[0], spread(b, c.out[0], shape, axes));
  const Value product = reduce_sum(b, mul(b, distance, c.t), axes);
  return {div(b, sum, constant_like(b, sum, count)),
          mul(b, product, constant_like(b, product, 2 / count))};
}

std::vector<Value> two_passes(Builder& b, Value x, const Ints& axes, double count) {
  const Shape shape = b.type(x).shape;
  const Value sum = reduce_sum(b, x, axes);
  const Value mean = div(b, sum, constant_like(b, sum, count));
  const Value distance = sub(b, x, spread(b, mean, shape, axes));
  const Value squares = reduce_sum(b, mul(b, distance, distance), axes);
  return {mean, div(b, squares, constant_like(b, squares, count))};
}

/// E[x²] - E[x]² in f64, not below zero.
std::vector<Value> one_pass(Builder& b, Value x, const Ints& axes, double count) {
  const Value wide = convert(b, x, DType::F64);
  const Value sum = reduce_sum(b, wide, axes);
  const Value squares = reduce_sum(b, mul(b, wide, wide), axes);
  const Value n = constant_like(b, sum, count);
  const Value mean = div(b, sum, n);
  const Value variance = sub(b, div(b, squares, n), mul(b, mean, mean));
  return {convert(b, mean, DType::F32),
          convert(b, max(b, variance, zeros_like(b, variance)), DType::F32)};
}

std::vector<Value> decompose_moments(Builder& b, std::span<const Value> in, const Attrs& attrs) {
  const Ints& axes = std::get<Ints>(attrs[0]);
  const auto count = static_cast<double>(reduced_count(b.type(in[0]).shape, axes));
  return b.type(in[0]).dtype == DType::F32 ? one_pass(b, in[0], axes, count)
                                           : two_passes(b, in[0], axes, count);
}

}  // namespace

void register_moments(Registry& registry) {
  OpDef op{.name = "moments",
           .family = Family::Reduce,
           .results = 2,
           .attributes = {{"axes", AttrKind::Ints}}};
  op.infer = infer_moments;
  op.reference = reference_moments;
  op.jvp = jvp_of_moments;
  op.batch = [](const BatchContext& c) -> std::vector<Batched> {
    int axis = c.in[0].axis;
    const Ints axes = batched_axes(c.ints("axes"), axis);
    const auto v = c.b.add_node(c.op, {&c.in[0].value, 1}, {axes});
    return {{v[0], axis}, {v[1], axis}};
  };
  op.decompose = decompose_moments;
  op.no_lowering = "it is sums of the values and of their squares";
  registry.add(std::move(op));
}

}  // namespace gradus::ops
