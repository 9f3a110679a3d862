#include "frontend/nn/activations.h"

#include <cmath>

#include <fmt/format.h>

namespace gradus::nn {

namespace {

/// e^x - 1 where x <= 0; where the result is not taken its argument is 0, so that its gradient is
/// no infinity times zero.
Tensor negative_exponential(const Tensor& x) {
  return expm1(where(x > 0.0, 0.0, x));
}

}  // namespace

Tensor leaky_relu(const Tensor& x, double slope) {
  return where(x >= 0.0, x, slope * x);
}

namespace detail {

Tensor relu(const Tensor& x) {
  return gradus::relu(x);
}
Tensor relu6(const Tensor& x) {
  return where(x > 0.0, where(x < 6.0, x, 6.0), 0.0);
}
Tensor elu(const Tensor& x) {
  return where(x > 0.0, x, negative_exponential(x));
}
Tensor selu(const Tensor& x) {
  constexpr double kScale = 1.0507009873554804934193349852946;
  constexpr double kAlpha = 1.6732632423543772848170429916717;
  return kScale * where(x > 0.0, x, kAlpha * negative_exponential(x));
}
Tensor celu(const Tensor& x) {
  return elu(x);
}
Tensor gelu(const Tensor& x) {
  return 0.5 * x * (1.0 + erf(x * std::sqrt(0.5)));
}
Tensor gelu_tanh(const Tensor& x) {
  const double factor = std::sqrt(2 / M_PI);
  return 0.5 * x * (1.0 + gradus::tanh(factor * (x + 0.044715 * x * x * x)));
}
Tensor silu(const Tensor& x) {
  return x * logistic(x);
}
Tensor mish(const Tensor& x) {
  return x * gradus::tanh(gradus::softplus(x));
}
Tensor sigmoid(const Tensor& x) {
  return logistic(x);
}
Tensor log_sigmoid(const Tensor& x) {
  return -gradus::softplus(-x);
}
Tensor hard_sigmoid(const Tensor& x) {
  return relu6(x + 3.0) / 6.0;
}
Tensor hard_swish(const Tensor& x) {
  return x * hard_sigmoid(x);
}
Tensor hard_tanh(const Tensor& x) {
  return where(x > 1.0, 1.0, where(x < -1.0, -1.0, x));
}
Tensor tanh(const Tensor& x) {
  return gradus::tanh(x);
}
Tensor softplus(const Tensor& x) {
  return gradus::softplus(x);
}
Tensor softsign(const Tensor& x) {
  return x / (1.0 + abs(x));
}
Tensor softmax(const Tensor& x) {
  return gradus::softmax(x);
}
Tensor log_softmax(const Tensor& x) {
  return gradus::log_softmax(x);
}
Tensor glu(const Tensor& x) {
  const int64_t n = x.rank() == 0 ? 1 : x.shape()[x.rank() - 1];
  if (n % 2 != 0) {
    throw ShapeError(
        Message{"nn::glu",
                fmt::format("the last axis has no halves; got {}, expected an even extent",
                            to_string(x.type())),
                {},
                "give twice as many features as the result shall have"});
  }
  return slice_axis(x, -1, 0, n / 2) * logistic(slice_axis(x, -1, n / 2, n));
}

}  // namespace detail
}  // namespace gradus::nn
