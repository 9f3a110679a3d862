// sin, cos and atan2. An angle is reduced to x = k pi + r, |r| <= pi / 2, and sin(x) = (-1)^k
// sin(r).
//
// f32, all finite arguments, without a table look-up: the turns x / (2 pi) are wanted modulo 1, in
// f64. x is a multiple of 2^L, with L = exponent - 23, so the bits of 1 / (2 pi) above 2^-L give
// whole turns and are left out: five ranges of |x| have constants of their own, each as head and
// tail, wide enough that the head's product with x keeps seven bits below 1 and its error is found
// by one fma.
//
// f64: three terms of pi by fused multiply-adds, exact until the last, for |x| < 2^50; NaN beyond.
// Errors are below 1.7 ulp up to 2^48 and below 7 from there on.
#include <array>

#include "compiler/loop/math_parts.h"

namespace gradus::loop {

using namespace parts;

namespace {

// sin(2 pi t) = t p(t^2) on |t| <= 1/4, relative error 2^-27.5.
constexpr std::array kSinTurns{39.710775421297058, -76.574975896727324, 81.602230661213838,
                               -41.341677471572758, 6.283185273775187};
// sin(r) = r + r^3 p(r^2) on |r| <= pi / 2, relative error 2^-61.5.
constexpr std::array kSinF64{2.7214126380851329e-15, -7.643018861346282e-13,
                             1.6058940987902064e-10, -2.5052106904230474e-08,
                             2.7557319211568284e-06, -0.00019841269841212476,
                             0.0083333333333332066,  -0.16666666666666666};
// atan(t) = t + t^3 p(t^2) on |t| <= 1, relative error 2^-28.1 and 2^-57.2.
constexpr std::array kAtanF32{-0.00186316494, 0.0112391189,  -0.0318126082,
                              0.0586322509,   -0.0844564736, 0.109678805,
                              -0.142675698,   0.199989066,   -0.333333135};
constexpr std::array kAtanF64{
    1.3628748858318767e-05, -0.00015627926393978816, 0.00085078454040234694, -0.0029414510553140362,
    0.0073094356221027066,  -0.014065048458865666,   0.022165551946665873,   -0.030056630517493976,
    0.036742451304497568,   -0.042243548126696465,   0.047244057000042437,   -0.052541708149991109,
    0.05880684947832996,    -0.066664327037464943,   0.07692283695374337,    -0.090909073728405995,
    0.11111111031000305,    -0.14285714283541692,    0.19999999999972401,    -0.33333333333333243};

constexpr double kPi = 0x1.921fb54442d18p+1, kPiTail = 0x1.1a62633145c07p-53,
                 kPiLast = -0x1.f1976b7ed8fbcp-109;

/// 1 / (2 pi) for |x| from 2^from on, whole turns left out.
struct Turns {
  double from, head, tail;
};
constexpr std::array<Turns, 5> kTurns{{
    {0, 0x1.45f306dc9c883p-3, -0x1.6b01ec5417056p-57},
    {48, -0x1.236377d5ac07bp-27, -0x1.505c1596447e5p-83},
    {70, -0x1.f56b01ec54170p-49, -0x1.596447e493ad5p-103},
    {92, -0x1.ec54170565912p-73, 0x1.b6c52b3278872p-131},
    {114, -0x1.70565911f924fp-93, 0x1.2b32788720840p-147},
}};

/// The bit that flips a float's sign if the number of half turns is odd, and the sine without it.
struct Sine {
  V value, sign;
};

/// sin(x + 2 pi phase) for x >= 0; `phase` is 0 or a quarter.
Sine sine_f32(ScalarBuilder& s, V x, double phase) {
  const auto constant = [&](double c) { return s.constant(DType::F64, c); };
  V head = constant(kTurns[0].head), tail = constant(kTurns[0].tail);
  for (const Turns& t : std::span(kTurns).subspan(1)) {
    const V far = s.ge(x, s.constant_like(x, std::exp2(t.from)));
    head = s.select(far, constant(t.head), head);
    tail = s.select(far, constant(t.tail), tail);
  }
  const V wide = s.convert(x, DType::F64);
  const V product = s.mul(wide, head);
  const V rest = s.fma(wide, tail, s.fma(wide, head, s.neg(product)));
  const V turns = s.sub(product, s.round_even(product));
  V coarse = s.add(turns, rest);
  if (phase != 0) coarse = s.add(coarse, constant(phase));
  const V half_turns = s.round_even(s.add(coarse, coarse));
  // Largest parts first: whatever cancels does so exactly.
  const V whole = s.fma(half_turns, constant(-0.5), constant(phase));
  const V left = s.add(s.add(turns, whole), rest);
  const V y = s.mul(left, s.horner(s.mul(left, left), kSinTurns));
  const V odd = s.shl(s.convert(half_turns, DType::I32), s.constant(DType::I32, 31));
  return {s.convert(y, DType::F32), odd};
}

Sine sine_f64(ScalarBuilder& s, V x, double phase) {
  const auto constant = [&](double c) { return s.constant_like(x, c); };
  const V magic = constant(0x1.8p52), offset = constant(2 * phase);
  x = s.select(s.lt(x, constant(0x1p50)), x, constant(kNaN));
  const V shifted = s.add(s.fma(x, constant(1 / kPi), offset), magic);
  const V half_turns = s.sub(s.sub(shifted, magic), offset);
  const V back = s.neg(half_turns);
  V r = s.fma(back, constant(kPi), x);
  r = s.fma(back, constant(kPiTail), r);
  r = s.fma(back, constant(kPiLast), r);
  const V z = s.mul(r, r);
  const V odd = s.shl(s.bitcast(shifted, DType::I64), s.constant(DType::I64, 63));
  return {s.fma(s.mul(r, z), s.horner(z, kSinF64), r), odd};
}

Sine sine(ScalarBuilder& s, V x, double phase) {
  const V magnitude = s.abs(x);
  return s.dtype(x) == DType::F32 ? sine_f32(s, magnitude, phase) : sine_f64(s, magnitude, phase);
}

}  // namespace

V sin(ScalarBuilder& s, V x) {
  const Sine y = sine(s, x, 0);
  return flip_sign(s, y.value, s.bit_xor(y.sign, sign_bit(s, x)));
}

V cos(ScalarBuilder& s, V x) {
  const Sine y = sine(s, x, 0.25);
  return flip_sign(s, y.value, y.sign);
}

V atan2(ScalarBuilder& s, V y, V x) {
  const Format f = Format::of(s.dtype(x));
  const V zero = s.constant_like(x, 0), one = s.constant_like(x, 1);
  const V ax = s.abs(x), ay = s.abs(y);
  const V steep = s.gt(ay, ax);
  const V top = s.select(steep, ax, ay), bottom = s.select(steep, ay, ax);
  // Of two zeros the angle is 0, of two infinities pi / 4.
  const V equal = s.select(s.eq(bottom, zero), zero, one);
  const V t = s.select(s.eq(top, bottom), equal, s.div(top, bottom));
  const V z = s.mul(t, t);
  V angle = s.fma(s.mul(t, z), s.horner(z, f.pick(kAtanF32, kAtanF64)), t);
  const double head = f.pick(0x1.921fb6p+0, 0x1.921fb54442d18p+0);
  const double tail = f.pick(-0x1.777a5cp-25, 0x1.1a62633145c07p-54);
  const V turned = s.add(s.sub(s.constant_like(x, head), angle), s.constant_like(x, tail));
  angle = s.select(steep, turned, angle);
  const V back = s.sub(s.constant_like(x, 2 * head), s.sub(angle, s.constant_like(x, 2 * tail)));
  const V negative = s.ne(sign_bit(s, x), integer_constant(s, f, 0));
  return with_sign(s, s.select(negative, back, angle), sign_bit(s, y));
}

}  // namespace gradus::loop
