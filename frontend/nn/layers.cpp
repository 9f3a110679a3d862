#include "frontend/nn/layers.h"

#include <fmt/format.h>

#include "frontend/nn/dropout.h"
#include "frontend/nn/layer_impl.h"

namespace gradus::nn {
namespace detail {

void expect_rate(const Scope& scope, const char* op, double rate) {
  if (rate >= 0 && rate < 1) return;
  throw ValueError(Message{op, fmt::format("no such rate; got {}, expected 0 <= rate < 1", rate),
                           scope.where(), "give the share of elements that are dropped"});
}

Tensor dropped(const Tensor& key, double rate, const Tensor& x) {
  const Tensor keep = random::bernoulli(key, 1 - rate, x.shape());
  return gradus::where(keep, x * (1 / (1 - rate)), 0.0);
}

}  // namespace detail

using detail::LibraryCall;
using detail::make_layer;

namespace {

[[noreturn]] void fail_input(const Scope& scope, const char* op, std::string what,
                             std::string remedy) {
  throw ShapeError(Message{op, std::move(what), scope.where(), std::move(remedy)});
}

void expect_inputs(const Scope& scope, const char* op, const Tensor& x, int64_t expected) {
  const int64_t got = x.shape(scope.where())[x.rank() - 1];
  if (expected == 0 || got == expected) return;
  fail_input(scope, op,
             fmt::format("another number of inputs; got {} in {}, expected {}", got,
                         to_string(x.type()), expected),
             "features and channels stand in the last axis");
}

void expect_float(const Scope& scope, const char* op, const Tensor& x) {
  if (is_float(x.dtype(scope.where()))) return;
  throw DTypeError(
      Message{op, fmt::format("inputs are not real; got {}, expected floats", to_string(x.type())),
              scope.where(), "convert them by astype"});
}

/// "5×5".
std::string window_text(const Dims& window) {
  std::string text;
  for (int i = 0; i < window.size(); ++i)
    text += fmt::format("{}{}", i ? "×" : "", window[i]);
  return text;
}

Dims repeated(const Dims& window, int axes) {
  if (window.size() != 1) return window;
  return Dims(std::vector<int64_t>(static_cast<size_t>(axes), window[0]));
}

/// The shape of a convolution's kernel for this input.
Shape kernel_shape(const Scope& scope, const char* op, const Tensor& x, const Dims& window,
                   int64_t groups, int64_t inputs, int64_t outputs) {
  expect_float(scope, op, x);
  const int spatial = window.size();
  if (x.rank() != spatial + 1 && x.rank() != spatial + 2) {
    fail_input(scope, op,
               fmt::format("another number of dimensions; got {}, expected [n, {} spatial axes, "
                           "channels] or one example of that",
                           to_string(x.type()), spatial),
               "channels stand last; add the axes that lack by expand_dims");
  }
  expect_inputs(scope, op, x, inputs);
  const int64_t channels = x.shape()[x.rank() - 1];
  if (groups < 1 || channels % groups != 0 || outputs % groups != 0) {
    fail_input(scope, op,
               fmt::format("channels do not fall into groups; got {} in, {} out and {} groups, "
                           "expected multiples of the groups",
                           channels, outputs, groups),
               "choose channels that the groups divide");
  }
  std::vector<int64_t> extents(window.begin(), window.end());
  extents.insert(extents.end(), {channels / groups, outputs});
  return Shape(std::span<const int64_t>(extents));
}

template <class Options>
gradus::ConvOptions conv_options(const Options& o) {
  return {o.stride, o.padding, o.dilation, o.groups, o.flip};
}

Module conv_layer(int64_t outputs, const Dims& window, const ConvOptions& o) {
  const std::string name = o.name.empty() ? fmt::format("conv{}d", window.size()) : o.name;
  return make_layer(
      name, fmt::format("Conv{}D({}, {})", window.size(), outputs, window_text(window)),
      [=](Scope& scope, const Tensor& x) {
        const LibraryCall call("nn::Conv", scope.where());
        const Shape shape = kernel_shape(scope, "nn::Conv", x, window, o.groups, o.inputs, outputs);
        const Tensor w = scope.param("w", shape, o.w_init, x.dtype(), x);
        const Tensor y = conv(x, w, conv_options(o));
        if (!o.bias) return y;
        return y + scope.param("b", Shape{outputs}, o.b_init, x.dtype());
      });
}

Module conv_transpose_layer(int64_t outputs, const Dims& window, const ConvTransposeOptions& o) {
  const std::string name =
      o.name.empty() ? fmt::format("conv{}d_transpose", window.size()) : o.name;
  return make_layer(
      name, fmt::format("ConvTranspose{}D({}, {})", window.size(), outputs, window_text(window)),
      [=](Scope& scope, const Tensor& x) {
        const char* op = "nn::ConvTranspose";
        const LibraryCall call(op, scope.where());
        const Shape shape = kernel_shape(scope, op, x, window, o.groups, o.inputs, outputs);
        const Tensor w = scope.param("w", shape, o.w_init, x.dtype(), x);
        const Tensor y = conv_transpose(x, w, {o.stride, o.padding, o.dilation, o.groups, o.flip});
        if (!o.bias) return y;
        return y + scope.param("b", Shape{outputs}, o.b_init, x.dtype());
      });
}

Module pool_layer(const char* name, const char* kind, const Dims& window,
                  std::function<Tensor(const Tensor&)> pool) {
  // "nn::MaxPool" without its namespace.
  return make_layer(name, fmt::format("{}({})", kind + 4, window_text(window)),
                    [=](Scope& scope, const Tensor& x) {
                      const LibraryCall call(kind, scope.where());
                      return pool(x);
                    });
}

/// The run's key, or the one in the state, which goes on.
Tensor dropout_key(Scope& scope) {
  if (!scope.is_initializing() && scope.has_key()) return scope.next_key();
  const Initializer as_drawn([](const Tensor& key, const Shape&, DType) { return key; });
  const Tensor kept = scope.state("key", Shape{}, as_drawn, DType::Key);
  const auto [next, now] = random::split(kept);
  scope.set_state("key", next);
  return now;
}

Tensor dropout(Scope& scope, const Tensor& x, double rate) {
  const LibraryCall call("nn::Dropout", scope.where());
  detail::expect_rate(scope, "nn::Dropout", rate);
  if (!scope.is_training() || rate == 0) return x;
  return detail::dropped(dropout_key(scope), rate, x);
}

}  // namespace

Linear::Linear(int64_t outputs, const LinearOptions& o)
    : Module(make_layer(
          o.name, fmt::format("Linear({})", outputs), [=](Scope& scope, const Tensor& x) {
            const LibraryCall call("nn::Linear", scope.where());
            expect_float(scope, "nn::Linear", x);
            if (x.rank() == 0) {
              fail_input(scope, "nn::Linear", "no features; got a scalar, expected [..., features]",
                         "features stand in the last axis");
            }
            expect_inputs(scope, "nn::Linear", x, o.inputs);
            const int64_t inputs = x.shape()[x.rank() - 1];
            const Tensor w = scope.param("w", Shape{inputs, outputs}, o.w_init, x.dtype(), x);
            const Tensor y = dot(x, w);
            if (!o.bias) return y;
            return y + scope.param("b", Shape{outputs}, o.b_init, x.dtype());
          })) {}

Conv::Conv(int64_t outputs, Dims window, const ConvOptions& options)
    : Module(conv_layer(outputs, window, options)) {}
Conv1D::Conv1D(int64_t outputs, Dims window, const ConvOptions& options)
    : Conv(outputs, window, options) {}
Conv2D::Conv2D(int64_t outputs, Dims window, const ConvOptions& options)
    : Conv(outputs, repeated(window, 2), options) {}
Conv3D::Conv3D(int64_t outputs, Dims window, const ConvOptions& options)
    : Conv(outputs, repeated(window, 3), options) {}

ConvTranspose::ConvTranspose(int64_t outputs, Dims window, const ConvTransposeOptions& options)
    : Module(conv_transpose_layer(outputs, window, options)) {}

MaxPool::MaxPool(Dims window, const PoolOptions& options)
    : Module(pool_layer("max_pool", "nn::MaxPool", window,
                        [=](const Tensor& x) { return max_pool(x, window, options); })) {}
AvgPool::AvgPool(Dims window, const AveragePoolOptions& options)
    : Module(pool_layer("avg_pool", "nn::AvgPool", window,
                        [=](const Tensor& x) { return avg_pool(x, window, options); })) {}
AdaptiveMaxPool::AdaptiveMaxPool(Dims places)
    : Module(pool_layer("adaptive_max_pool", "nn::AdaptiveMaxPool", places,
                        [=](const Tensor& x) { return adaptive_max_pool(x, places); })) {}
AdaptiveAvgPool::AdaptiveAvgPool(Dims places)
    : Module(pool_layer("adaptive_avg_pool", "nn::AdaptiveAvgPool", places,
                        [=](const Tensor& x) { return adaptive_avg_pool(x, places); })) {}

Flatten::Flatten(int first)
    : Module(make_layer("flatten", "Flatten", [=](Scope& scope, const Tensor& x) {
        const LibraryCall call("nn::Flatten", scope.where());
        if (first < 0 || first > x.rank(scope.where())) {
          fail_input(
              scope, "nn::Flatten",
              fmt::format("too few axes; got {}, expected at least {}", to_string(x.type()), first),
              "keep fewer axes");
        }
        std::vector<int64_t> extents(x.shape().begin(), x.shape().begin() + first);
        int64_t features = 1;
        for (int d = first; d < x.rank(); ++d)
          features *= x.shape()[d];
        extents.push_back(features);
        return reshape(x, extents);
      })) {}

Dropout::Dropout(double rate)
    : Module(make_layer("dropout", fmt::format("Dropout({})", rate),
                        [=](Scope& scope, const Tensor& x) { return dropout(scope, x, rate); })) {}

Embedding::Embedding(int64_t count, int64_t features, const EmbeddingOptions& o)
    : Module(make_layer(
          o.name, fmt::format("Embedding({}, {})", count, features),
          [=](Scope& scope, const Tensor& ids) {
            const LibraryCall call("nn::Embedding", scope.where());
            const Tensor table = scope.param("embeddings", Shape{count, features}, o.w_init);
            return take(table, ids, 0);
          })) {}

Lambda::Lambda(std::string name, std::function<Tensor(const Tensor&)> f)
    : Module(std::move(name), [f = std::move(f)](Scope&, const Tensor& x) { return f(x); }) {}

}  // namespace gradus::nn
