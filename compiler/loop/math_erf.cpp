// erf and its inverse.
#include <array>

#include "compiler/loop/math_parts.h"

namespace gradus::loop {

using namespace parts;

namespace {

// erf(x) = x + x p(x^2), relative error 2^-29.8 on |x| <= 0.95 and 2^-56 on |x| <= 1.
constexpr std::array kErfF32{8.00283742e-05, -0.000805081159, 0.00519246049, -0.0268557407,
                             0.112836257,    -0.376126289,    0.128379166};
constexpr std::array kErfF64{
    5.9452526867279805e-11,  -1.1365668855596886e-09, 1.4657883029858183e-08,
    -1.6350026112082649e-07, 1.6460972945979844e-06,  -1.4925593518170006e-05,
    0.00012055331037525277,  -0.00085483269787643452, 0.0052239776247813537,
    -0.026866170645072959,   0.11283791670954858,     -0.37612638903183748,
    0.12837916709551259};
// log(erfc(x)) = x p(x) - x on 0.94 <= x <= 4; error of erf 2^-27.6.
constexpr std::array kLogErfcF32{-1.87258465e-05, 0.000383728038, -0.00383748929, 0.024073137,
                                 -0.106491983,    -0.635054231,   -0.128659964};
// exp(x^2) erfc(x) = p((x - 2) / (x + 2)) on 0.99 <= x <= 6; error of erf 2^-62.9.
constexpr std::array kErfcxF64{
    8.8606032977187906e-07,  -6.4726442323938797e-07, -1.4348902149429693e-05,
    -2.7402040028037731e-05, 2.7613142115086397e-05,  0.00017436569514968055,
    4.355162528045351e-05,   -0.0009819777106305559,  -0.00084714321400650139,
    0.0069974617548655684,   0.0037328924048647717,   -0.078978581015826471,
    0.24165819424246096,     -0.42718584741395832,    0.25539567631050575};

// Giles, "Approximating the erfinv function", 2011, single precision: the polynomials of
// erf_inv(x) / x that XLA uses, for w - 2.5 if w < 5, else sqrt(w) - 3, w = -log(1 - x^2).
constexpr std::array kErfInvNear{2.81022636e-08,  3.43273939e-07, -3.5233877e-06,
                                 -4.39150654e-06, 0.00021858087,  -0.00125372503,
                                 -0.00417768164,  0.246640727,    1.50140941};
constexpr std::array kErfInvFar{-0.000200214257, 0.000100950558, 0.00134934322,
                                -0.00367342844,  0.00573950773,  -0.0076224613,
                                0.00943887047,   1.00167406,     2.83297682};
// The same in f64: w - 3.125 if w < 6.25, sqrt(w) - 3.25 if w < 16, else sqrt(w) - 5; relative
// error 2^-51.8.
constexpr std::array kErfInvNearF64{
    -1.6560861775080615e-19, 1.0836391190015033e-18,  1.0990202164116744e-17,
    -1.284872248773126e-16,  2.5105316656787973e-17,  6.5727152989330847e-15,
    -4.0602322381395584e-14, -8.0980544985145215e-14, 2.6339826726081652e-12,
    -1.2977983408801204e-11, -5.4156600819364297e-11, 1.0512218531050939e-09,
    -4.1126258986323686e-09, -2.9070389738375574e-08, 4.2347876260269966e-07,
    -1.3654691767380174e-06, -1.3882523346275308e-05, 0.00018673420802032544,
    -0.00074070253417411725, -0.0060336708714271254,  0.2401581824255907,
    1.6536545626831027};
constexpr std::array kErfInvMiddleF64{
    9.0428154998111673e-08, -2.6993224246676287e-07, 1.8757763411566949e-08,
    1.4975870452399043e-06, -4.0140751803247317e-06, 2.9261734568051526e-06,
    1.2475226769373048e-05, -4.7319074205889384e-05, 6.8284942116894696e-05,
    2.4031266473578504e-05, -0.00035503755027227327, 0.00095328936292100722,
    -0.0016882755515359022, 0.0024914420970958652,   -0.0037512085078643181,
    0.005370914553563224,   1.0052589676941655,      3.0838856104922208};
constexpr std::array kErfInvFarF64{
    -6.488736554116937e-12,  -2.466162154821608e-10,  1.426207443649221e-09,
    -3.8237036085242102e-09, 7.7455588694933064e-09,  -1.4907769538793121e-08,
    2.9041064829950568e-08,  -6.7752458818300191e-08, 2.2905300573676702e-07,
    -9.929660406084188e-07,  4.5260509868044624e-06,  -1.9681781613918452e-05,
    7.5995278373693732e-05,  -0.00021503011897838886, -0.00013871931839356787,
    1.010300464864526,       4.8499064014085844};

V exp_of_negative(ScalarBuilder& s, V x) {
  const Format f = Format::of(s.dtype(x));
  const ExpArgument a = reduce_exp(s, x, s.constant_like(x, magic_number(f, 0)));
  return s.mul(exp_polynomial(s, a.r), power_of_two(s, a));
}

/// erfc(x) from 0.95 on, up to where erf is 1.
V far_erfc(ScalarBuilder& s, V x) {
  if (s.dtype(x) == DType::F32) {
    return exp_of_negative(s, s.fma(x, s.horner(x, kLogErfcF32), s.neg(x)));
  }
  const V two = s.constant_like(x, 2);
  const V t = s.div(s.sub(x, two), s.add(x, two));
  return s.mul(s.horner(t, kErfcxF64), exp_of_negative(s, s.neg(s.mul(x, x))));
}

V erf_inv_f32(ScalarBuilder& s, V x) {
  // As XLA writes it: random normals are made of this.
  const V w = s.neg(log1p(s, s.mul(s.neg(x), x)));
  const V near = s.horner(s.sub(w, s.constant_like(x, 2.5)), kErfInvNear);
  const V far = s.horner(s.sub(s.sqrt(w), s.constant_like(x, 3)), kErfInvFar);
  return s.mul(s.select(s.lt(w, s.constant_like(x, 5)), near, far), x);
}

V erf_inv_f64(ScalarBuilder& s, V x) {
  const V one = s.constant_like(x, 1), magnitude = s.abs(x);
  const V w = s.neg(log(s, s.mul(s.sub(one, magnitude), s.add(one, magnitude))));
  const V root = s.sqrt(w);
  const V near = s.horner(s.sub(w, s.constant_like(x, 3.125)), kErfInvNearF64);
  const V middle = s.horner(s.sub(root, s.constant_like(x, 3.25)), kErfInvMiddleF64);
  const V far = s.horner(s.sub(root, s.constant_like(x, 5)), kErfInvFarF64);
  const V tail = s.select(s.lt(w, s.constant_like(x, 16)), middle, far);
  return s.mul(s.select(s.lt(w, s.constant_like(x, 6.25)), near, tail), x);
}

}  // namespace

V erf(ScalarBuilder& s, V x) {
  const Format f = Format::of(s.dtype(x));
  const V magnitude = s.abs(x);
  const V small = s.fma(x, s.horner(s.mul(x, x), f.pick(kErfF32, kErfF64)), x);
  const V limit = s.constant_like(x, f.pick(4, 6));
  const V bounded = s.select(s.gt(magnitude, limit), limit, magnitude);
  const V large = s.sub(s.constant_like(x, 1), far_erfc(s, bounded));
  const V near = s.lt(magnitude, s.constant_like(x, f.pick(0.945, 0.995)));
  return s.select(near, small, with_sign(s, large, sign_bit(s, x)));
}

V erf_inv(ScalarBuilder& s, V x) {
  const V y = s.dtype(x) == DType::F32 ? erf_inv_f32(s, x) : erf_inv_f64(s, x);
  const V border = s.eq(s.abs(x), s.constant_like(x, 1));
  return s.select(border, s.mul(x, s.constant_like(x, kInfinity)), y);
}

}  // namespace gradus::loop
