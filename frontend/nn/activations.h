// Activations: functions of a tensor, elementwise unless said otherwise, that are layers too:
// nn::gelu(x), nn::Sequential{nn::Linear(9), nn::gelu}. Derivatives at kinks are JAX's.
#pragma once

#include <gradus/ops.h>

namespace gradus::nn {

struct Activation {
  const char* layer_name;
  Tensor (*function)(const Tensor& x);

  Tensor operator()(const Tensor& x) const { return function(x); }
};

namespace detail {
Tensor relu(const Tensor& x);
Tensor relu6(const Tensor& x);
Tensor elu(const Tensor& x);
Tensor selu(const Tensor& x);
Tensor celu(const Tensor& x);
Tensor gelu(const Tensor& x);
Tensor gelu_tanh(const Tensor& x);
Tensor silu(const Tensor& x);
Tensor mish(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor log_sigmoid(const Tensor& x);
Tensor hard_sigmoid(const Tensor& x);
Tensor hard_swish(const Tensor& x);
Tensor hard_tanh(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor softplus(const Tensor& x);
Tensor softsign(const Tensor& x);
Tensor softmax(const Tensor& x);
Tensor log_softmax(const Tensor& x);
Tensor glu(const Tensor& x);
}  // namespace detail

/// max(x, 0).
inline constexpr Activation relu{"relu", detail::relu};
/// min(max(x, 0), 6).
inline constexpr Activation relu6{"relu6", detail::relu6};
/// x if x > 0, else e^x - 1 (Clevert et al. 2015).
inline constexpr Activation elu{"elu", detail::elu};
/// 1.0507 (x if x > 0, else 1.6733 (e^x - 1)) (Klambauer et al. 2017).
inline constexpr Activation selu{"selu", detail::selu};
/// elu with α = 1 (Barron 2017).
inline constexpr Activation celu{"celu", detail::celu};
/// x Φ(x), Φ the normal distribution function (Hendrycks & Gimpel 2016), and its approximation by
/// tanh.
inline constexpr Activation gelu{"gelu", detail::gelu};
inline constexpr Activation gelu_tanh{"gelu_tanh", detail::gelu_tanh};
/// x σ(x), also called swish.
inline constexpr Activation silu{"silu", detail::silu};
inline constexpr Activation swish{"swish", detail::silu};
/// x tanh(softplus(x)) (Misra 2019).
inline constexpr Activation mish{"mish", detail::mish};
/// 1 / (1 + e^-x), and its logarithm.
inline constexpr Activation sigmoid{"sigmoid", detail::sigmoid};
inline constexpr Activation log_sigmoid{"log_sigmoid", detail::log_sigmoid};
/// relu6(x + 3) / 6; x times that.
inline constexpr Activation hard_sigmoid{"hard_sigmoid", detail::hard_sigmoid};
inline constexpr Activation hard_swish{"hard_swish", detail::hard_swish};
/// x cut to [-1, 1].
inline constexpr Activation hard_tanh{"hard_tanh", detail::hard_tanh};
inline constexpr Activation tanh{"tanh", detail::tanh};
/// log(1 + e^x).
inline constexpr Activation softplus{"softplus", detail::softplus};
/// x / (1 + |x|).
inline constexpr Activation softsign{"softsign", detail::softsign};
/// Over the last axis.
inline constexpr Activation softmax{"softmax", detail::softmax};
inline constexpr Activation log_softmax{"log_softmax", detail::log_softmax};
/// The first half of the last axis times the sigmoid of the other.
inline constexpr Activation glu{"glu", detail::glu};

/// x if x >= 0, else slope · x.
Tensor leaky_relu(const Tensor& x, double slope = 0.01);

}  // namespace gradus::nn
