// What the functions of math.h are built from.
#pragma once

#include <cmath>
#include <limits>
#include <span>

#include "compiler/loop/math.h"

namespace gradus::loop::parts {

/// The layout of f32 or f64.
struct Format {
  DType real, integer;
  int mantissa;  // stored bits
  int64_t bias;
  double min_normal;

  static Format of(DType dtype) {
    if (dtype == DType::F64) return {DType::F64, DType::I64, 52, 1023, 0x1p-1022};
    return {DType::F32, DType::I32, 23, 127, 0x1p-126};
  }
  bool is_double() const { return real == DType::F64; }
  double pick(double f32, double f64) const { return is_double() ? f64 : f32; }
  std::span<const double> pick(std::span<const double> f32, std::span<const double> f64) const {
    return is_double() ? f64 : f32;
  }
};

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// ln 2 as head and tail: the head is rounded to the dtype.
inline constexpr double kLog2E = 0x1.71547652b82fep+0;
inline constexpr double kLn2F64 = 0x1.62e42fefa39efp-1, kLn2TailF64 = 0x1.abc9e3b39803fp-56;
inline constexpr double kLn2F32 = 0x1.62e43p-1, kLn2TailF32 = -0x1.05c61p-29;

inline V integer_constant(ScalarBuilder& s, const Format& f, int64_t x) {
  const Bits mask = f.is_double() ? ~Bits{0} : 0xffffffff;
  return s.constant_bits(f.integer, static_cast<Bits>(x) & mask);
}

/// The sign bit of x in an integer, other bits zero.
V sign_bit(ScalarBuilder& s, V x);
/// x, not negative, with those sign bits; or x with its sign flipped by them.
V with_sign(ScalarBuilder& s, V x, V sign);
V flip_sign(ScalarBuilder& s, V x, V sign);

/// x = n ln 2 + r, |r| <= ln 2 / 2, with 2^(n + scale) ready to be made of bits: `scale` is a
/// constant, or chosen by a select of constants. |n + scale| must stay within the exponents.
struct ExpArgument {
  V shifted, n, r;
};
/// `magic` is magic_number(scale).
ExpArgument reduce_exp(ScalarBuilder& s, V x, V magic);
double magic_number(const Format& f, double scale);
/// 2^(n + scale).
V power_of_two(ScalarBuilder& s, const ExpArgument& a);
/// exp(r), exp(r) - 1.
V exp_polynomial(ScalarBuilder& s, V r);
V expm1_polynomial(ScalarBuilder& s, V r);

/// x = 2^e m, sqrt(1/2) <= m < sqrt(2), for positive finite x.
struct LogArgument {
  V e;     // as a float
  V bits;  // e shifted to the exponent's place
  V m;
};
LogArgument split_exponent(ScalarBuilder& s, V x, bool may_be_subnormal);
/// log(2^e (1 + f)).
V log_polynomial(ScalarBuilder& s, V e, V f);

}  // namespace gradus::loop::parts
