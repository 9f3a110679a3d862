// exp and its kin. With n = round(x / ln 2) and r = x - n ln 2, exp(x) = 2^n exp(r). Adding
// 1.5 * 2^mantissa rounds to an integer and leaves it in the low bits; with the exponent's bias
// added too, a shift makes 2^n of them. Coefficients: minimax fits of (exp(r) - 1 - r) / r^2 on |r|
// <= ln 2 / 2.
#include <array>
#include <utility>

#include "compiler/loop/math_parts.h"

namespace gradus::loop {
namespace parts {
namespace {

// Relative error 2^-28.1 and 2^-62.2 of exp(r), highest power first.
constexpr std::array kExpF32{0.00138277328, 0.00836857967, 0.0416682027, 0.166665226,
                             0.49999994,    1.0,           1.0};
constexpr std::array kExpF64{2.0723650090257023e-09,
                             2.5109626916464097e-08,
                             2.7557931567454267e-07,
                             2.7557243494526454e-06,
                             2.4801586517412002e-05,
                             0.00019841269885453132,
                             0.0013888888889294169,
                             0.0083333333333226664,
                             0.04166666666666597,
                             0.16666666666666674,
                             0.5,
                             1.0,
                             1.0};
// Relative error 2^-28.0 and 2^-60.5 of exp(r) - 1.
constexpr std::array kExpm1F32{0.000156304377, 0.00139336882, 0.00834099762,
                               0.0416664854,   0.166666359,   0.5};
constexpr std::array kExpm1F64{2.0826849791509611e-09,
                               2.5108078774802716e-08,
                               2.7557562252630645e-07,
                               2.7557247538534289e-06,
                               2.4801586992939439e-05,
                               0.00019841269882121438,
                               0.0013888888889037197,
                               0.0083333333333235095,
                               0.041666666666666449,
                               0.16666666666666674,
                               0.5};

}  // namespace

V sign_bit(ScalarBuilder& s, V x) {
  const Format f = Format::of(s.dtype(x));
  const V mask = integer_constant(s, f, f.is_double() ? INT64_MIN : INT32_MIN);
  return s.bit_and(s.bitcast(x, f.integer), mask);
}

V with_sign(ScalarBuilder& s, V x, V sign) {
  return s.bitcast(s.bit_or(s.bitcast(x, s.dtype(sign)), sign), s.dtype(x));
}

V flip_sign(ScalarBuilder& s, V x, V sign) {
  return s.bitcast(s.bit_xor(s.bitcast(x, s.dtype(sign)), sign), s.dtype(x));
}

double magic_number(const Format& f, double scale) {
  return std::ldexp(1.5, f.mantissa) + static_cast<double>(f.bias) + scale;
}

ExpArgument reduce_exp(ScalarBuilder& s, V x, V magic) {
  const Format f = Format::of(s.dtype(x));
  const V shifted = s.fma(x, s.constant_like(x, kLog2E), magic);
  const V n = s.sub(shifted, magic);
  V r = s.fma(n, s.constant_like(x, -f.pick(kLn2F32, kLn2F64)), x);
  r = s.fma(n, s.constant_like(x, -f.pick(kLn2TailF32, kLn2TailF64)), r);
  return {shifted, n, r};
}

V power_of_two(ScalarBuilder& s, const ExpArgument& a) {
  const Format f = Format::of(s.dtype(a.r));
  const V bits = s.bitcast(a.shifted, f.integer);
  return s.bitcast(s.shl(bits, integer_constant(s, f, f.mantissa)), f.real);
}

V exp_polynomial(ScalarBuilder& s, V r) {
  return s.horner(r, Format::of(s.dtype(r)).pick(kExpF32, kExpF64));
}

V expm1_polynomial(ScalarBuilder& s, V r) {
  const V q = s.horner(r, Format::of(s.dtype(r)).pick(kExpm1F32, kExpm1F64));
  return s.fma(s.mul(r, r), q, r);
}

}  // namespace parts

using namespace parts;

namespace {

/// x, or the bound beyond it; NaN stays.
V at_least(ScalarBuilder& s, V x, double low) {
  const V bound = s.constant_like(x, low);
  return s.select(s.lt(x, bound), bound, x);
}

V at_most(ScalarBuilder& s, V x, double high) {
  const V bound = s.constant_like(x, high);
  return s.select(s.gt(x, bound), bound, x);
}

}  // namespace

V max(ScalarBuilder& s, V x, V y) {
  if (s.is_constant(x)) std::swap(x, y);
  if (s.dtype(x) == DType::Bool) return s.bit_or(x, y);
  return s.select(s.bit_or(s.lt(x, y), s.is_nan(y)), y, x);
}

V min(ScalarBuilder& s, V x, V y) {
  if (s.is_constant(x)) std::swap(x, y);
  if (s.dtype(x) == DType::Bool) return s.bit_and(x, y);
  return s.select(s.bit_or(s.gt(x, y), s.is_nan(y)), y, x);
}

V exp(ScalarBuilder& s, V x) {
  const Format f = Format::of(s.dtype(x));
  x = at_most(s, at_least(s, x, f.pick(-104, -746)), f.pick(89, 710));
  // Half of the range lies in a second factor, so that subnormal results round once.
  const double half = f.pick(64, 512);
  const V negative = s.lt(x, s.constant_like(x, 0));
  const V magic = s.select(negative, s.constant_like(x, magic_number(f, half)),
                           s.constant_like(x, magic_number(f, -half)));
  const V factor =
      s.select(negative, s.constant_like(x, std::exp2(-half)), s.constant_like(x, std::exp2(half)));
  const ExpArgument a = reduce_exp(s, x, magic);
  return s.mul(s.mul(exp_polynomial(s, a.r), power_of_two(s, a)), factor);
}

V expm1(ScalarBuilder& s, V x) {
  const Format f = Format::of(s.dtype(x));
  const V bounded = at_most(s, at_least(s, x, f.pick(-20, -40)), f.pick(89, 710));
  // 2^(n-1) is finite where 2^n no longer is.
  const ExpArgument a = reduce_exp(s, bounded, s.constant_like(x, magic_number(f, -1)));
  const V scale = power_of_two(s, a);
  const V rest = s.sub(scale, s.constant_like(x, 0.5));
  const V y = s.mul(s.fma(scale, expm1_polynomial(s, a.r), rest), s.constant_like(x, 2));
  // Keeps -0 and subnormals.
  const V tiny = s.lt(s.abs(x), s.constant_like(x, f.pick(0x1p-25, 0x1p-54)));
  return s.select(tiny, x, y);
}

/// With e = exp(2|x|) - 1: tanh |x| = e / (e + 2), the quotient corrected by what rounding e + 2
/// and the quotient itself left.
V tanh(ScalarBuilder& s, V x) {
  const Format f = Format::of(s.dtype(x));
  const V one = s.constant_like(x, 1), two = s.constant_like(x, 2);
  const V doubled = at_most(s, s.mul(s.abs(x), two), f.pick(19, 40));
  const ExpArgument a = reduce_exp(s, doubled, s.constant_like(x, magic_number(f, 0)));
  const V scale = power_of_two(s, a);
  const V e = s.fma(scale, expm1_polynomial(s, a.r), s.sub(scale, one));
  const V bottom = s.add(e, two);
  const V excess = s.sub(s.sub(bottom, two), e);
  const V inverse = s.div(one, bottom);
  const V quotient = s.mul(e, inverse);
  V rest = s.fma(s.neg(quotient), bottom, e);
  rest = s.fma(quotient, excess, rest);
  return with_sign(s, s.fma(rest, inverse, quotient), sign_bit(s, x));
}

/// With z = exp(-|x|): 1 / (1 + z), or z / (1 + z) for negative x.
V logistic(ScalarBuilder& s, V x) {
  const Format f = Format::of(s.dtype(x));
  const V bounded = at_least(s, s.neg(s.abs(x)), f.pick(-104, -746));
  const double half = f.pick(64, 512);
  const ExpArgument a = reduce_exp(s, bounded, s.constant_like(x, magic_number(f, half)));
  const V scaled = s.mul(exp_polynomial(s, a.r), power_of_two(s, a));
  const V z = s.mul(scaled, s.constant_like(x, std::exp2(-half)));
  const V one = s.constant_like(x, 1);
  const V top = s.select(s.lt(x, s.constant_like(x, 0)), z, one);
  return s.div(top, s.add(one, z));
}

}  // namespace gradus::loop
