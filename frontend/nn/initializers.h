// How parameters begin: functions of a key, a shape and an element type. Kernels have their inputs
// in the last dimension but one and their outputs in the last, [taps…, in, out]; so
//   fan_in  = taps · in,  fan_out = taps · out,  fan_avg = (fan_in + fan_out) / 2,
// which for vectors and scalars are the number of elements.
#pragma once

#include <functional>

#include <gradus/random.h>

namespace gradus::nn {

class Initializer {
 public:
  using Function = std::function<Tensor(const Tensor& key, const Shape& shape, DType dtype)>;

  /// Everywhere the same number.
  Initializer(double value);
  /// Any function; one that draws nothing takes no key from the sequence.
  template <class F>
  requires std::is_invocable_r_v<Tensor, const F&, const Tensor&, const Shape&, DType> Initializer(
      F f, bool draws = true)
      : function_(std::move(f)), draws_(draws) {}

  Tensor operator()(const Tensor& key, const Shape& shape, DType dtype = DType::F32) const {
    return function_(key, shape, dtype);
  }
  /// Whether it uses its key.
  bool draws() const { return draws_; }

 private:
  Function function_;
  bool draws_;
};

Initializer zeros_init();
Initializer ones_init();
Initializer constant_init(double value);
/// Uniform in [low, high).
Initializer uniform_init(double low = -0.05, double high = 0.05);
Initializer normal_init(double stddev = 0.01, double mean = 0);
/// stddev times a normal number conditioned to lie within two of its own standard deviations (not
/// corrected for what the cut takes away: the result's standard deviation is 0.8796 stddev), as
/// Haiku's TruncatedNormal and JAX's random.truncated_normal: √2 erf⁻¹(u), u uniform between
/// erf(±2/√2).
Initializer truncated_normal_init(double stddev = 1, double mean = 0);

enum class Fan : uint8_t { In, Out, Average };
enum class Distribution : uint8_t { Uniform, Normal, TruncatedNormal };

/// Variance scale / fan: uniform in ±√(3 variance), normal, or normal cut at two standard
/// deviations and corrected for the cut (divided by 0.87962566), as in JAX, Keras and Haiku.
Initializer variance_scaling(double scale, Fan fan, Distribution distribution);

/// Glorot & Bengio 2010: variance 1 / fan_avg; uniform in ±√(6 / (fan_in + fan_out)).
Initializer glorot_uniform();
Initializer glorot_normal();
/// He et al. 2015: variance 2 / fan_in.
Initializer he_uniform();
Initializer he_normal();
/// LeCun et al. 1998: variance 1 / fan_in.
Initializer lecun_uniform();
Initializer lecun_normal();

/// Haiku's default of Linear and Conv: truncated_normal_init(1 / √fan_in).
Initializer fan_in_truncated_normal();

/// Saxe et al. 2013: a random matrix with orthonormal rows or columns (whichever are fewer), the
/// dimensions before the last merged, times `scale`. It is the orthogonal factor of a normal
/// matrix's polar decomposition, distributed as that of its QR decomposition (Haar).
Initializer orthogonal(double scale = 1);
/// The identity matrix times `scale`, also in the middle tap of a kernel with odd taps.
Initializer identity_init(double scale = 1);

}  // namespace gradus::nn
