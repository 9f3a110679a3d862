#include "tests/support/convnet.h"

#include <array>

#include "compiler/ops/build.h"
#include "compiler/ops/op.h"
#include "tests/support/workloads.h"

namespace gradus::testing {

using ir::Builder;
using ir::Graph;
using ir::Value;

namespace {

Value rectified(Builder& b, Value x) {
  return b.add(ops::op_named("relu"), {x});
}

Value biased(Builder& b, Value x, Value bias) {
  const Shape shape = b.type(x).shape;
  return ops::add(b, x, ops::broadcast(b, bias, shape, {shape.rank() - 1}));
}

/// Maxima of 2 x 2 windows side by side; an odd last row or column is left out.
Value pooled(Builder& b, Value x) {
  const Shape s = b.type(x).shape;
  const int64_t h = s[1] / 2, w = s[2] / 2;
  x = ops::slice(b, x, {0, 0, 0, 0}, {s[0], 2 * h, 2 * w, s[3]}, {1, 1, 1, 1});
  x = ops::reshape(b, x, {s[0], h, 2, w, 2, s[3]});
  x = ops::transpose(b, x, {0, 1, 3, 5, 2, 4});
  x = ops::reshape(b, x, {s[0], h, w, s[3], 4});
  return ops::first_max(b, x, 4);
}

Value convolved(Builder& b, Value x, Value w, const ConvnetSizes& sizes) {
  const int64_t p = sizes.padding, s = sizes.stride;
  return ops::conv(b, x, w, {0, {s, s}, {p, p}, {p, p}, {1, 1}});
}

Graph loss_of(const ConvnetSizes& z) {
  Builder b("loss");
  const auto declare = [&](Shape shape, const char* name) {
    return b.parameter({z.dtype, shape}, name);
  };
  const Value w0 = declare({z.taps, z.taps, z.channels, z.features}, "w0");
  const Value b0 = declare({z.features}, "b0");
  const Value w1 = declare({z.taps, z.taps, z.features, z.more_features}, "w1");
  const Value b1 = declare({z.more_features}, "b1");
  const int64_t once = (z.image + 2 * z.padding - z.taps) / z.stride + 1;
  const int64_t twice = (once / 2 + 2 * z.padding - z.taps) / z.stride + 1;
  const int64_t flat = (twice / 2) * (twice / 2) * z.more_features;
  const Value w2 = declare({flat, z.classes}, "w2");
  const Value images = declare({z.batch, z.image, z.image, z.channels}, "images");
  const Value targets = declare({z.batch, z.classes}, "targets");
  Value x = pooled(b, rectified(b, biased(b, convolved(b, images, w0, z), b0)));
  x = pooled(b, rectified(b, biased(b, convolved(b, x, w1, z), b1)));
  x = ops::dot(b, ops::reshape(b, x, {z.batch, flat}), w2, {{1}, {0}, {}, {}});
  const Value away = ops::sub(b, x, targets);
  const Value sum = ops::reduce_sum(b, ops::mul(b, away, away), {0, 1});
  const auto count = static_cast<double>(z.batch * z.classes);
  const Value loss = ops::div(b, sum, ops::constant_like(b, sum, count));
  return b.finish({&loss, 1}, {"loss"});
}

}  // namespace

Graph convnet_step(const ConvnetSizes& sizes, double rate) {
  return sgd_step(loss_of(sizes), rate);
}

}  // namespace gradus::testing
