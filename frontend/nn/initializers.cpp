#include "frontend/nn/initializers.h"

#include <cmath>

#include <fmt/format.h>

namespace gradus::nn {
namespace {

struct Fans {
  double in = 1, out = 1;
};

Fans fans_of(const Shape& shape) {
  if (shape.rank() < 2) {
    const auto n = static_cast<double>(shape.elements());
    return {n, n};
  }
  const auto in = static_cast<double>(shape[shape.rank() - 2]);
  const auto out = static_cast<double>(shape[shape.rank() - 1]);
  double taps = 1;
  for (int d = 0; d + 2 < shape.rank(); ++d)
    taps *= static_cast<double>(shape[d]);
  return {taps * in, taps * out};
}

double fan_of(const Shape& shape, Fan fan) {
  const Fans fans = fans_of(shape);
  const double n = fan == Fan::In ? fans.in : fan == Fan::Out ? fans.out : (fans.in + fans.out) / 2;
  return std::max(n, 1.0);
}

/// A constant of the wanted type rounded once.
Tensor scaled(const Tensor& x, double factor) {
  return x * factor;
}

/// One step brings each singular value s to s (3 - s²) / 2, so those below √3 to 1: small ones grow
/// by 1.5 a step, and 1.5^48 is 3e8, beyond the condition of any random matrix that f32 can tell.
constexpr int kPolarSteps = 48;

Tensor orthonormal_columns(Tensor x) {
  x = x / sqrt(sum(square(x)));
  for (int i = 0; i < kPolarSteps; ++i) {
    const Tensor gram = tensordot(x, x, 0, 0);
    x = 1.5 * x - 0.5 * matmul(x, gram);
  }
  return x;
}

}  // namespace

Initializer::Initializer(double value)
    : function_([value](const Tensor&, const Shape& shape, DType dtype) {
        return full(shape, value, dtype);
      }),
      draws_(false) {}

Initializer zeros_init() {
  return Initializer(0.0);
}
Initializer ones_init() {
  return Initializer(1.0);
}
Initializer constant_init(double value) {
  return Initializer(value);
}

Initializer uniform_init(double low, double high) {
  return Initializer([=](const Tensor& key, const Shape& shape, DType dtype) {
    return random::uniform(key, shape, low, high, dtype);
  });
}

Initializer normal_init(double stddev, double mean) {
  return Initializer([=](const Tensor& key, const Shape& shape, DType dtype) {
    const Tensor x = scaled(random::normal(key, shape, dtype), stddev);
    return mean == 0 ? x : x + mean;
  });
}

Initializer truncated_normal_init(double stddev, double mean) {
  return Initializer([=](const Tensor& key, const Shape& shape, DType dtype) {
    const Tensor x = scaled(random::truncated_normal(key, -2, 2, shape, dtype), stddev);
    return mean == 0 ? x : x + mean;
  });
}

Initializer variance_scaling(double scale, Fan fan, Distribution distribution) {
  return Initializer([=](const Tensor& key, const Shape& shape, DType dtype) {
    const double variance = scale / fan_of(shape, fan);
    switch (distribution) {
      case Distribution::Uniform:
        return scaled(random::uniform(key, shape, -1.0, 1.0, dtype), std::sqrt(3 * variance));
      case Distribution::Normal:
        return scaled(random::normal(key, shape, dtype), std::sqrt(variance));
      case Distribution::TruncatedNormal:
        break;
    }
    // The standard deviation of a normal number cut at ±2.
    constexpr double kCut = 0.87962566103423978;
    return scaled(random::truncated_normal(key, -2, 2, shape, dtype), std::sqrt(variance) / kCut);
  });
}

Initializer glorot_uniform() {
  return variance_scaling(1, Fan::Average, Distribution::Uniform);
}
Initializer glorot_normal() {
  return variance_scaling(1, Fan::Average, Distribution::TruncatedNormal);
}
Initializer he_uniform() {
  return variance_scaling(2, Fan::In, Distribution::Uniform);
}
Initializer he_normal() {
  return variance_scaling(2, Fan::In, Distribution::TruncatedNormal);
}
Initializer lecun_uniform() {
  return variance_scaling(1, Fan::In, Distribution::Uniform);
}
Initializer lecun_normal() {
  return variance_scaling(1, Fan::In, Distribution::TruncatedNormal);
}

Initializer fan_in_truncated_normal() {
  return Initializer([](const Tensor& key, const Shape& shape, DType dtype) {
    const double stddev = 1 / std::sqrt(fan_of(shape, Fan::In));
    return scaled(random::truncated_normal(key, -2, 2, shape, dtype), stddev);
  });
}

Initializer orthogonal(double scale) {
  return Initializer([=](const Tensor& key, const Shape& shape, DType dtype) {
    if (shape.rank() < 2) {
      throw ShapeError(Message{
          "nn::orthogonal",
          fmt::format("no matrix; got shape {}, expected at least 2 dimensions", to_string(shape)),
          {},
          "take another initialiser for vectors"});
    }
    const int64_t columns = shape[shape.rank() - 1];
    const int64_t rows = columns == 0 ? 0 : shape.elements() / columns;
    if (rows == 0) return zeros(shape, dtype);
    const bool wide = rows < columns;
    const Shape tall = wide ? Shape{columns, rows} : Shape{rows, columns};
    const Tensor q = orthonormal_columns(random::normal(key, tall, dtype));
    return scaled(reshape(wide ? transpose(q) : q, shape), scale);
  });
}

Initializer identity_init(double scale) {
  return Initializer(
      [=](const Tensor&, const Shape& shape, DType dtype) {
        if (shape.rank() < 2) {
          throw ShapeError(
              Message{"nn::identity_init",
                      fmt::format("no matrix; got shape {}, expected at least 2 dimensions",
                                  to_string(shape)),
                      {},
                      "take another initialiser for vectors"});
        }
        const int rank = shape.rank();
        Tensor chosen = iota(shape, rank - 2) == iota(shape, rank - 1);
        for (int d = 0; d + 2 < rank; ++d)
          chosen = chosen & (iota(shape, d) == shape[d] / 2);
        return where(chosen, full(shape, scale, dtype), 0.0);
      },
      false);
}

}  // namespace gradus::nn
