// log and log1p. x = 2^e (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2); the bits of sqrt(1/2) are taken
// off those of x, so that the exponent field counts from there.
#include <array>

#include "compiler/loop/math_parts.h"

namespace gradus::loop {
namespace parts {
namespace {

// log(1 + f) = f + f^2 p(f), relative error 2^-27.3.
constexpr std::array kLogF32{-0.0764461458, 0.127679512,  -0.131595522, 0.142008781, -0.166233271,
                             0.200012624,   -0.250008225, 0.333333313,  -0.5};
// 2 atanh(s) = 2 s + s^3 r(s^2) with s = f / (2 + f), relative error 2^-59.3.
constexpr std::array kLogF64{0.14774154283130805, 0.15316395982384495, 0.18183464298046112,
                             0.22222200712384516, 0.28571428718581404, 0.39999999999542313,
                             0.66666666666667096};

constexpr int64_t kSqrtHalfBitsF32 = 0x3f3504f3;
constexpr int64_t kSqrtHalfBitsF64 = 0x3fe6a09e667f3bcd;

int64_t sqrt_half_bits(const Format& f) {
  return f.is_double() ? kSqrtHalfBitsF64 : kSqrtHalfBitsF32;
}

}  // namespace

LogArgument split_exponent(ScalarBuilder& s, V x, bool may_be_subnormal) {
  const Format f = Format::of(s.dtype(x));
  const V base = integer_constant(s, f, sqrt_half_bits(f));
  V offset = base;
  if (may_be_subnormal) {
    const V tiny = s.lt(x, s.constant_like(x, f.min_normal));
    const int64_t lifted = sqrt_half_bits(f) + (int64_t{f.mantissa} << f.mantissa);
    x = s.select(tiny, s.mul(x, s.constant_like(x, std::exp2(f.mantissa))), x);
    offset = s.select(tiny, integer_constant(s, f, lifted), base);
  }
  const V k = s.sub(s.bitcast(x, f.integer), offset);
  const V e = s.shr_arith(k, integer_constant(s, f, f.mantissa));
  const V low = s.bit_and(k, integer_constant(s, f, (int64_t{1} << f.mantissa) - 1));
  return {.e = s.convert(e, f.real),
          .bits = s.shl(e, integer_constant(s, f, f.mantissa)),
          .m = s.bitcast(s.add(low, base), f.real)};
}

V log_polynomial(ScalarBuilder& s, V e, V f) {
  if (s.dtype(f) == DType::F32) {
    const V square = s.mul(f, f);
    const V y = s.fma(square, s.horner(f, kLogF32), f);
    return s.fma(e, s.constant_like(f, kLn2F32), y);
  }
  const V quotient = s.div(f, s.add(f, s.constant_like(f, 2)));
  const V z = s.mul(quotient, quotient);
  const V half_square = s.mul(s.mul(f, f), s.constant_like(f, 0.5));
  const V r = s.fma(z, s.horner(z, kLogF64), half_square);
  const V tail = s.fma(quotient, r, s.mul(e, s.constant_like(f, kLn2TailF64)));
  const V y = s.sub(f, s.sub(half_square, tail));
  return s.fma(e, s.constant_like(f, kLn2F64), y);
}

}  // namespace parts

using namespace parts;

V log(ScalarBuilder& s, V x) {
  const V zero = s.constant_like(x, 0), infinity = s.constant_like(x, kInfinity);
  const LogArgument a = split_exponent(s, x, true);
  const V y = log_polynomial(s, a.e, s.sub(a.m, s.constant_like(x, 1)));
  const V domain =
      s.select(s.eq(x, zero), s.constant_like(x, -kInfinity), s.constant_like(x, kNaN));
  return s.select(s.gt(x, zero), s.select(s.lt(x, infinity), y, infinity), domain);
}

/// The exponent is that of 1 + x, rounded; f = 2^-e (1 + x) - 1 is exact but for one rounding, as x
/// itself enters it.
V log1p(ScalarBuilder& s, V x) {
  const Format f = Format::of(s.dtype(x));
  const V one = s.constant_like(x, 1), quarter = s.constant_like(x, 0.25);
  const V infinity = s.constant_like(x, kInfinity), minus_one = s.constant_like(x, -1);
  const LogArgument a = split_exponent(s, s.add(x, one), false);
  // 2^(2-e): 2^-e itself may be subnormal.
  const V exponent = s.sub(integer_constant(s, f, (f.bias + 2) << f.mantissa), a.bits);
  const V scale = s.bitcast(exponent, f.real);
  const V fraction = s.fma(scale, s.mul(x, quarter), s.fma(scale, quarter, minus_one));
  const V y = log_polynomial(s, a.e, fraction);
  const V domain =
      s.select(s.eq(x, minus_one), s.constant_like(x, -kInfinity), s.constant_like(x, kNaN));
  const V inside = s.select(s.gt(x, minus_one), s.select(s.lt(x, infinity), y, infinity), domain);
  const V tiny = s.lt(s.abs(x), s.constant_like(x, f.pick(0x1p-25, 0x1p-54)));
  return s.select(tiny, x, inside);
}

}  // namespace gradus::loop
