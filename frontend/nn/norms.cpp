#include "frontend/nn/norms.h"

#include <fmt/format.h>

#include "frontend/nn/layer_impl.h"

namespace gradus::nn {

using detail::LibraryCall;
using detail::make_layer;

namespace {

void expect_real(const Scope& scope, const char* op, const Tensor& x, int rank) {
  if (!is_float(x.dtype(scope.where()))) {
    throw DTypeError(Message{
        op, fmt::format("inputs are not real; got {}, expected floats", to_string(x.type())),
        scope.where(), "convert them by astype"});
  }
  if (x.rank() >= rank) return;
  throw ShapeError(Message{
      op, fmt::format("too few axes; got {}, expected at least {}", to_string(x.type()), rank),
      scope.where(), "channels stand last"});
}

/// All axes but the last.
Axes leading_axes(const Tensor& x) {
  std::vector<int64_t> axes;
  for (int d = 0; d + 1 < x.rank(); ++d)
    axes.push_back(d);
  return axes;
}

/// The extents of these axes, negative ones from the end.
Shape extents_of(const Tensor& x, const Axes& axes) {
  std::vector<int64_t> extents;
  for (int64_t a : axes) {
    const int64_t axis = a < 0 ? a + x.rank() : a;
    if (axis >= 0 && axis < x.rank()) extents.push_back(x.shape()[static_cast<int>(axis)]);
  }
  return Shape(std::span<const int64_t>(extents));
}

/// y · scale + offset; both have the shape `type`, seen as `broadcast`.
Tensor affine(Scope& scope, const Tensor& x, const Tensor& y, const Shape& shape,
              const Shape& broadcast, bool with_scale, bool with_offset) {
  Tensor result = y;
  if (with_scale) {
    result = result * reshape(scope.param("scale", shape, 1.0, x.dtype(), x), broadcast);
  }
  if (with_offset) {
    result = result + reshape(scope.param("offset", shape, 0.0, x.dtype(), x), broadcast);
  }
  return result;
}

/// The parameters of axes inside x, with extents of 1 elsewhere.
Shape spread_shape(const Tensor& x, const Axes& axes) {
  std::vector<int64_t> extents(static_cast<size_t>(x.rank()), 1);
  for (int64_t a : axes) {
    const auto axis = static_cast<size_t>(a < 0 ? a + x.rank() : a);
    extents[axis] = x.shape()[static_cast<int>(axis)];
  }
  return Shape(std::span<const int64_t>(extents));
}

Tensor batch_norm(Scope& scope, const Tensor& x, const BatchNormOptions& o) {
  const LibraryCall call("nn::BatchNorm", scope.where());
  expect_real(scope, "nn::BatchNorm", x, 1);
  const Shape channels{x.shape()[x.rank() - 1]};
  const Tensor kept_mean = scope.state("mean", channels, 0.0, x.dtype());
  const Tensor kept_variance = scope.state("variance", channels, 1.0, x.dtype());
  Tensor center = kept_mean, spread = kept_variance;
  if (scope.is_training()) {
    const auto [mean, variance] = moments(x, leading_axes(x));
    center = mean;
    spread = variance;
    scope.set_state("mean", o.decay * kept_mean + (1 - o.decay) * stop_gradient(mean));
    scope.set_state("variance", o.decay * kept_variance + (1 - o.decay) * stop_gradient(variance));
  }
  const Tensor y = (x - center) * rsqrt(spread + o.epsilon);
  return affine(scope, x, y, channels, channels, o.scale, o.offset);
}

Tensor layer_norm(Scope& scope, const Tensor& x, const LayerNormOptions& o) {
  const LibraryCall call("nn::LayerNorm", scope.where());
  expect_real(scope, "nn::LayerNorm", x, 1);
  const auto [mean, variance] = moments(x, o.axes, true);
  const Tensor y = (x - mean) * rsqrt(variance + o.epsilon);
  return affine(scope, x, y, extents_of(x, o.axes), spread_shape(x, o.axes), o.scale, o.offset);
}

Tensor group_norm(Scope& scope, const Tensor& x, int64_t groups, const GroupNormOptions& o) {
  const LibraryCall call("nn::GroupNorm", scope.where());
  expect_real(scope, "nn::GroupNorm", x, 2);
  const int last = x.rank() - 1;
  const int64_t channels = x.shape()[last];
  const int64_t count = groups == 0 ? channels : groups;
  if (count < 1 || channels % count != 0) {
    throw ShapeError(Message{"nn::GroupNorm",
                             fmt::format("channels do not fall into groups; got {} channels and {} "
                                         "groups, expected a multiple of the groups",
                                         channels, count),
                             scope.where(), "choose a number of groups that divides the channels"});
  }
  const Shape apart = x.shape().with(last, channels / count).with_inserted(last, count);
  const Tensor grouped = reshape(x, apart);
  std::vector<int64_t> axes;
  for (int d = 1; d < apart.rank(); ++d) {
    if (d != last) axes.push_back(d);
  }
  const auto [mean, variance] = moments(grouped, axes, true);
  const Tensor y = reshape((grouped - mean) * rsqrt(variance + o.epsilon), x.shape());
  return affine(scope, x, y, Shape{channels}, Shape{channels}, o.scale, o.offset);
}

Tensor rms_norm(Scope& scope, const Tensor& x, const RMSNormOptions& o) {
  const LibraryCall call("nn::RMSNorm", scope.where());
  expect_real(scope, "nn::RMSNorm", x, 1);
  const Tensor y = x * rsqrt(mean(square(x), o.axes, true) + o.epsilon);
  return affine(scope, x, y, extents_of(x, o.axes), spread_shape(x, o.axes), o.scale, false);
}

}  // namespace

BatchNorm::BatchNorm(const BatchNormOptions& o)
    : Module(make_layer(o.name, "BatchNorm",
                        [=](Scope& scope, const Tensor& x) { return batch_norm(scope, x, o); })) {}
LayerNorm::LayerNorm(const LayerNormOptions& o)
    : Module(make_layer(o.name, "LayerNorm",
                        [=](Scope& scope, const Tensor& x) { return layer_norm(scope, x, o); })) {}
GroupNorm::GroupNorm(int64_t groups, const GroupNormOptions& o)
    : Module(make_layer(
          o.name, fmt::format("GroupNorm({})", groups),
          [=](Scope& scope, const Tensor& x) { return group_norm(scope, x, groups, o); })) {}
InstanceNorm::InstanceNorm(const GroupNormOptions& o)
    : Module(make_layer(o.name, "InstanceNorm", [=](Scope& scope, const Tensor& x) {
        return group_norm(scope, x, 0, o);
      })) {}
RMSNorm::RMSNorm(const RMSNormOptions& o)
    : Module(make_layer(o.name, "RMSNorm",
                        [=](Scope& scope, const Tensor& x) { return rms_norm(scope, x, o); })) {}

}  // namespace gradus::nn
