// pow(x, y) = exp(y log |x|), signs and special values as in C. The logarithm needs as many more
// bits than the result as the product can have before the point: f32 goes through f64, f64 carries
// a head and a tail.
#include <array>

#include "compiler/loop/math_parts.h"

namespace gradus::loop {

using namespace parts;

namespace {

// 2 atanh(s) = 2 s + s^3 p(s^2), relative error 2^-37.5.
constexpr std::array kAtanh{0.23566362352718398, 0.28538283433780437, 0.40000316316281714,
                            0.6666666575718172};
// 2 atanh(s) = 2 s + 2/3 s^3 + s^5 p(s^2), relative error 2^-65.6.
constexpr std::array kAtanhTail{0.13120785817282954, 0.13265553030959593, 0.15386351469648554,
                                0.18181793998151846, 0.22222222397953695, 0.28571428570871249,
                                0.40000000000000385};
// exp(r) on |r| <= ln 2 / 2, relative error 2^-33.6.
constexpr std::array kExpShort{0.00019695306238621773,
                               0.0013948555331443708,
                               0.0083336798607198063,
                               0.041666243236988816,
                               0.16666665054458529,
                               0.50000000810431677,
                               1.0,
                               1.0};

// 40 bits, so that products with exponents are exact, and the rest.
constexpr double kLn2Short = 0x1.62e42fefa2000p-1, kLn2ShortTail = 0x1.9ef35793c7673p-41;
constexpr double kTwoThirds = 0x1.5555555555555p-1, kTwoThirdsTail = 0x1.5555555555555p-55;

struct Pair {
  V head, tail;
};

/// x + y and its error, for |x| >= |y| or x = 0.
Pair fast_sum(ScalarBuilder& s, V x, V y) {
  const V sum = s.add(x, y);
  return {sum, s.sub(y, s.sub(sum, x))};
}

Pair product(ScalarBuilder& s, V x, V y) {
  const V p = s.mul(x, y);
  return {p, s.fma(x, y, s.neg(p))};
}

V clamp(ScalarBuilder& s, V x, double low, double high) {
  const V l = s.constant_like(x, low), h = s.constant_like(x, high);
  x = s.select(s.lt(x, l), l, x);
  return s.select(s.gt(x, h), h, x);
}

/// |x|^y in f64 for operands that were f32, to some 2^-33.
V magnitude_f32(ScalarBuilder& s, V x, V y) {
  const V one = s.constant_like(x, 1), two = s.constant_like(x, 2);
  const LogArgument a = split_exponent(s, x, false);
  const V f = s.sub(a.m, one);
  const V t = s.div(f, s.add(f, two));
  const V z = s.mul(t, t);
  const V log = s.fma(s.mul(t, z), s.horner(z, kAtanh), s.add(t, t));
  const V exponent = s.mul(y, s.fma(a.e, s.constant_like(x, kLn2F64), log));
  const V magic = s.constant_like(x, magic_number(Format::of(DType::F64), 0));
  const ExpArgument e = reduce_exp(s, clamp(s, exponent, -200, 200), magic);
  return s.mul(s.horner(e.r, kExpShort), power_of_two(s, e));
}

/// log x with some 2^-68 of relative error.
Pair log_pair(ScalarBuilder& s, V x) {
  const auto constant = [&](double c) { return s.constant_like(x, c); };
  const LogArgument a = split_exponent(s, x, true);
  const V f = s.sub(a.m, constant(1)), two = constant(2);
  // t = f / (2 + f), in two parts.
  const V bottom = s.add(f, two);
  const V bottom_tail = s.sub(f, s.sub(bottom, two));
  const V inverse = s.div(constant(1), bottom);
  const V t = s.mul(f, inverse);
  const V left = s.fma(s.neg(t), bottom_tail, s.fma(s.neg(t), bottom, f));
  const V t_tail = s.mul(left, inverse);
  // 2/3 t^3, in two parts.
  const Pair z = product(s, t, t);
  const V z_tail = s.fma(s.add(t, t), t_tail, z.tail);
  const Pair cube = product(s, t, z.head);
  const V cube_tail = s.fma(t, z_tail, s.fma(t_tail, z.head, cube.tail));
  const Pair third = product(s, cube.head, constant(kTwoThirds));
  V tail = s.fma(cube.head, constant(kTwoThirdsTail), third.tail);
  tail = s.fma(cube_tail, constant(kTwoThirds), tail);
  tail = s.fma(s.mul(cube.head, z.head), s.horner(z.head, kAtanhTail), tail);
  tail = s.fma(a.e, constant(kLn2ShortTail), s.fma(t_tail, two, tail));
  const Pair first = fast_sum(s, s.mul(a.e, constant(kLn2Short)), s.add(t, t));
  const Pair second = fast_sum(s, first.head, third.head);
  return fast_sum(s, second.head, s.add(second.tail, s.add(first.tail, tail)));
}

V magnitude_f64(ScalarBuilder& s, V x, V y) {
  const Pair log = log_pair(s, x);
  const Pair whole = product(s, y, log.head);
  const V exponent = clamp(s, whole.head, -750, 720);
  const V tail =
      s.select(s.eq(exponent, whole.head), s.fma(y, log.tail, whole.tail), s.constant_like(x, 0));
  const V negative = s.lt(exponent, s.constant_like(x, 0));
  const Format f = Format::of(DType::F64);
  const V magic = s.select(negative, s.constant_like(x, magic_number(f, 512)),
                           s.constant_like(x, magic_number(f, -512)));
  const V factor = s.select(negative, s.constant_like(x, 0x1p-512), s.constant_like(x, 0x1p512));
  ExpArgument a = reduce_exp(s, exponent, magic);
  a.r = s.add(a.r, tail);
  return s.mul(s.mul(exp_polynomial(s, a.r), power_of_two(s, a)), factor);
}

}  // namespace

V pow(ScalarBuilder& s, V x, V y) {
  const Format f = Format::of(s.dtype(x));
  const auto constant = [&](double c) { return s.constant_like(x, c); };
  const V zero = constant(0), one = constant(1), infinity = constant(kInfinity);
  const V ax = s.abs(x);
  // Beyond these bounds only x = 1 gives anything but 0 and infinity.
  V y_bounded = clamp(s, y, f.pick(-1e10, -1e20), f.pick(1e10, 1e20));
  V result;
  if (f.is_double()) {
    result = magnitude_f64(s, ax, y_bounded);
  } else {
    const V wide = magnitude_f32(s, s.convert(ax, DType::F64), s.convert(y_bounded, DType::F64));
    result = s.convert(wide, DType::F32);
  }
  const V x_zero = s.eq(ax, zero);
  const V edge = s.bit_or(x_zero, s.eq(ax, infinity));
  const V vanishes = s.bit_xor(s.bit_not(x_zero), s.gt(y, zero));
  result = s.select(edge, s.select(vanishes, zero, infinity), result);

  const V half = s.mul(y, constant(0.5));
  const V whole = s.eq(y, s.floor(y));
  const V odd = s.bit_and(whole, s.ne(half, s.floor(half)));
  const V no_sign = integer_constant(s, f, 0);
  result = flip_sign(s, result, s.select(odd, sign_bit(s, x), no_sign));
  const V real = s.bit_or(s.bit_or(s.ge(x, zero), whole), edge);
  const V nan = s.bit_or(s.bit_not(real), s.bit_or(s.ne(x, x), s.ne(y, y)));
  result = s.select(nan, constant(kNaN), result);
  return s.select(s.bit_or(s.eq(x, one), s.eq(y, zero)), one, result);
}

}  // namespace gradus::loop
