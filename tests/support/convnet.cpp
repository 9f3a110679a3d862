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

/// Of mean 0 and variance 1 in each channel.
Value normalized(Builder& b, Value x) {
  const Shape shape = b.type(x).shape;
  const auto moments = ops::moments(b, x, {0, 1, 2});
  const auto spread = [&](Value v) { return ops::broadcast(b, v, shape, {3}); };
  const Value scale = ops::rsqrt(b, ops::add(b, moments[1], ops::constant_like(b, moments[1], 1e-5)));
  return ops::mul(b, ops::sub(b, x, spread(moments[0])), spread(scale));
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
  const auto layer = [&](Value x, Value w, Value bias) {
    x = convolved(b, x, w, z);
    return pooled(b, rectified(b, biased(b, z.normalized ? normalized(b, x) : x, bias)));
  };
  Value x = layer(layer(images, w0, b0), w1, b1);
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
