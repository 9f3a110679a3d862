// Functions of real numbers. Their polynomials stand in compiler/loop/math*.cpp.
#include <cmath>
#include <numbers>

#include "compiler/loop/math.h"
#include "compiler/ops/elementwise.h"

namespace gradus::ops {
namespace {

using loop::V;
using S = loop::ScalarBuilder;
using D = Partial;
using In = std::span<const Value>;

constexpr double kTwoOverSqrtPi = 2 * std::numbers::inv_sqrtpi;

/// Newton's method on erf from a rough start: independent of the polynomial in the scalar program.
double reference_erf_inv(double x) {
  if (std::isnan(x) || std::fabs(x) > 1) return std::nan("");
  if (std::fabs(x) == 1) return std::copysign(HUGE_VAL, x);
  const double l = std::log1p(-x * x), a = 4.33 + l / 2;
  double y = std::copysign(std::sqrt(std::sqrt(a * a - l / 0.147) - a), x);
  for (int i = 0; i < 6; ++i) {
    // 1 - |x| keeps its digits where erf is about 1.
    const double tail = std::erfc(std::fabs(y)) - (1 - std::fabs(x));
    const double error = std::fabs(x) > 0.5 ? std::copysign(1, -x) * tail : std::erf(y) - x;
    y -= error / (kTwoOverSqrtPi * std::exp(-y * y) + y * error);
  }
  return x == 0 ? x : y;
}

void register_exponentials(Registry& r) {
  elementwise(r, "exp", kFloat)
      .scalar([](S& s, V x) { return loop::exp(s, x); })
      .ref([](double x) { return std::exp(x); })
      .jvp([](const D& d) { return d.t * d.out; })
      .flops(16);
  elementwise(r, "expm1", kFloat)
      .scalar([](S& s, V x) { return loop::expm1(s, x); })
      .ref([](double x) { return std::expm1(x); })
      .jvp([](const D& d) { return d.t * (d.out + 1); })
      .flops(24);
  elementwise(r, "log", kFloat)
      .scalar([](S& s, V x) { return loop::log(s, x); })
      .ref([](double x) { return std::log(x); })
      .jvp([](const D& d) { return d.t / d.x; })
      .flops(24);
  elementwise(r, "log1p", kFloat)
      .scalar([](S& s, V x) { return loop::log1p(s, x); })
      .ref([](double x) { return std::log1p(x); })
      .jvp([](const D& d) { return d.t / (d.x + 1); })
      .flops(28);
  elementwise(r, "tanh", kFloat)
      .scalar([](S& s, V x) { return loop::tanh(s, x); })
      .ref([](double x) { return std::tanh(x); })
      .jvp([](const D& d) { return d.t * (1 - d.out * d.out); })
      .flops(32);
  elementwise(r, "logistic", kFloat)
      .scalar([](S& s, V x) { return loop::logistic(s, x); })
      .ref(
          [](double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); })
      .jvp([](const D& d) { return d.t * (d.out * (1 - d.out)); })
      .flops(24);
}

Value simplify_pow(Builder& b, In in) {
  const ir::Literal* power = b.literal(in[1]);
  if (!power) return {};
  if (power->is_splat_of(0)) return constant_like(b, in[0], 1);
  if (power->is_splat_of(1)) return in[0];
  if (power->is_splat_of(2)) return mul(b, in[0], in[0]);
  if (power->is_splat_of(-1)) return div(b, constant_like(b, in[0], 1), in[0]);
  return {};
}

void register_powers(Registry& r) {
  elementwise(r, "sqrt", kFloat)
      .scalar([](S& s, V x) { return s.sqrt(x); })
      .ref([](double x) { return std::sqrt(x); })
      .jvp([](const D& d) { return d.t * (0.5 / d.out); })
      .flops(8);
  elementwise(r, "rsqrt", kFloat)
      .scalar([](S& s, V x) { return s.div(s.constant_like(x, 1), s.sqrt(x)); })
      .ref([](double x) { return 1 / std::sqrt(x); })
      .jvp([](const D& d) { return d.t * (-0.5 * (d.out / d.x)); })
      .flops(8);
  // Each partial is finite wherever the other operand alone would spoil it: x^y by x at y = 0, by y
  // at x = 0.
  elementwise(r, "pow", kFloat, 2)
      .scalar([](S& s, V x, V y) { return loop::pow(s, x, y); })
      .ref([](double x, double y) { return std::pow(x, y); })
      .jvp(
          [](const D& d) {
            const Expr zero = like(d.x, 0), one = like(d.x, 1), none = d.y == zero;
            return d.t * select(none, zero, d.y * pow(d.x, select(none, one, d.y - one)));
          },
          [](const D& d) {
            const Expr one = like(d.x, 1);
            return d.t * (log(select(d.x == 0.0, one, d.x)) * d.out);
          })
      .simplify(simplify_pow)
      .flops(48);
}

void register_trigonometry(Registry& r) {
  elementwise(r, "sin", kFloat)
      .scalar([](S& s, V x) { return loop::sin(s, x); })
      .ref([](double x) { return std::sin(x); })
      .jvp([](const D& d) { return d.t * cos(d.x); })
      .flops(32);
  elementwise(r, "cos", kFloat)
      .scalar([](S& s, V x) { return loop::cos(s, x); })
      .ref([](double x) { return std::cos(x); })
      .jvp([](const D& d) { return -(d.t * sin(d.x)); })
      .flops(32);
  elementwise(r, "atan2", kFloat, 2)
      .scalar([](S& s, V y, V x) { return loop::atan2(s, y, x); })
      .ref([](double y, double x) { return std::atan2(y, x); })
      .jvp([](const D& d) { return d.t * (d.y / (d.x * d.x + d.y * d.y)); },
           [](const D& d) { return -(d.t * (d.x / (d.x * d.x + d.y * d.y))); })
      .flops(40);
}

void register_error_functions(Registry& r) {
  elementwise(r, "erf", kFloat)
      .scalar([](S& s, V x) { return loop::erf(s, x); })
      .ref([](double x) { return std::erf(x); })
      .jvp([](const D& d) { return d.t * (kTwoOverSqrtPi * exp(-(d.x * d.x))); })
      .flops(40);
  elementwise(r, "erf_inv", kFloat)
      .scalar([](S& s, V x) { return loop::erf_inv(s, x); })
      .ref(reference_erf_inv)
      .jvp([](const D& d) { return d.t * ((1 / kTwoOverSqrtPi) * exp(d.out * d.out)); })
      .flops(48);
}

}  // namespace

void register_math(Registry& registry) {
  register_exponentials(registry);
  register_powers(registry);
  register_trigonometry(registry);
  register_error_functions(registry);
}

}  // namespace gradus::ops
