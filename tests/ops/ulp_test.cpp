// The largest errors of the functions of real numbers, in units in the last place, and how many
// operations they take. f32 against libm in f64 over all exponents, f64 against libm in long
// double.
#include <fmt/format.h>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <random>

#include "compiler/loop/math.h"
#include "tests/ops/program.h"

namespace gradus::testing {
namespace {

using loop::ScalarBuilder;
using loop::V;

struct Function {
  const char* name;
  V (*program)(ScalarBuilder&, V);
  std::function<long double(long double)> exact;
  double f32, f64;  // bounds
  int operations;   // of f32
};

/// Halley's method on erf.
long double erf_inv(long double x) {
  if (std::isnan(x) || std::fabs(x) > 1) return std::nanl("");
  if (std::fabs(x) == 1) return x * HUGE_VALL;
  const long double slope = 1.12837916709551257389616L;
  if (std::fabs(x) < 1e-9L) return x / slope;
  const long double l = std::log1p(-x * x), a = 4.33L + l / 2;
  long double y = std::sqrt(std::sqrt(a * a - l / 0.147L) - a);
  for (int i = 0; i < 7; ++i) {
    const long double ax = std::fabs(x);
    const long double error = ax > 0.5L ? (1 - ax) - std::erfc(y) : std::erf(y) - ax;
    y -= error / (slope * std::exp(-y * y) + y * error);
  }
  return std::copysign(y, x);
}

const Function kFunctions[] = {
    {"exp", loop::exp, [](long double x) { return std::exp(x); }, 0.9, 0.9, 20},
    {"expm1", loop::expm1, [](long double x) { return std::expm1(x); }, 1.4, 1.9, 22},
    {"log", loop::log, [](long double x) { return std::log(x); }, 0.95, 0.85, 27},
    {"log1p", loop::log1p, [](long double x) { return std::log1p(x); }, 1.5, 1.4, 29},
    {"tanh", loop::tanh, [](long double x) { return std::tanh(x); }, 1.7, 2.0, 29},
    {"logistic", loop::logistic, [](long double x) { return 1 / (1 + std::exp(-x)); }, 2.4, 2.1,
     21},
    {"sin", loop::sin, [](long double x) { return std::sin(x); }, 0.6, 1.7, 38},
    {"cos", loop::cos, [](long double x) { return std::cos(x); }, 0.6, 1.7, 37},
    {"erf", loop::erf, [](long double x) { return std::erf(x); }, 1.1, 1.1, 36},
    {"erf_inv", loop::erf_inv, erf_inv, 64, 4, 58},
};

struct Worst {
  double ulps = 0, at = 0;
  size_t count = 0;

  void see(double error, double x) {
    ++count;
    if (!(error > ulps)) return;
    ulps = error;
    at = x;
  }
};

Worst measure_f32(const Function& f, uint64_t step) {
  ScalarBuilder s;
  const V y = f.program(s, s.input(DType::F32, 0));
  Program program(std::move(s), {y});
  Worst worst;
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += step) {
    const double x = real_of(DType::F32, bits);
    worst.see(ulps(DType::F32, real_of(DType::F32, program(std::array{bits})), f.exact(x)), x);
  }
  return worst;
}

Worst measure_f64(const Function& f, int samples) {
  ScalarBuilder s;
  const V y = f.program(s, s.input(DType::F64, 0));
  Program program(std::move(s), {y});
  Worst worst;
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal;
  const bool periodic = f.name == std::string("sin") || f.name == std::string("cos");
  const auto see = [&](double x) {
    if (periodic && std::fabs(x) >= 0x1p50) return;
    const Bits bits = program(std::array{loop::bits_of(x)});
    // From 2^48 on half turns are counted in steps of 2^-5, and the angle that is left passes the
    // ends of the polynomial's range: up to 7 ulp there.
    const double allowed = periodic && std::fabs(x) >= 0x1p48 ? 4 : 1;
    worst.see(ulps(DType::F64, real_of(DType::F64, bits), f.exact(x)) / allowed, x);
  };
  for (Bits bits : special_bits(DType::F64))
    see(real_of(DType::F64, bits));
  for (int i = 0; i < samples; ++i) {
    see(normal(random));
    see(normal(random) * std::exp2(static_cast<double>(random() % 16) - 5));
    see(loop::from_bits<double>(random()));
  }
  return worst;
}

void check(uint64_t step, int samples) {
  for (const Function& f : kFunctions) {
    ScalarBuilder s;
    const V y = f.program(s, s.input(DType::F32, 0));
    const int operations = Program(std::move(s), {y}).operations();
    const Worst f32 = measure_f32(f, step), f64 = measure_f64(f, samples);
    UNSCOPED_INFO(fmt::format("{}: {} operations; f32 {:.3f} ulp at {}; f64 {:.3f} ulp at {}",
                              f.name, operations, f32.ulps, f32.at, f64.ulps, f64.at));
    fmt::print("{:9} {:3} operations; f32 {:6.3f} ulp at {:<15.9g}; f64 {:6.3f} ulp at {}\n",
               f.name, operations, f32.ulps, f32.at, f64.ulps, f64.at);
    CHECK(f32.ulps <= f.f32);
    CHECK(f64.ulps <= f.f64);
    CHECK(operations <= f.operations);
  }
}

}  // namespace

TEST_CASE("errors of the functions of real numbers") {
  check(40'009, 20'000);
}

TEST_CASE("errors of the functions of real numbers, densely", "[slow]") {
  check(4'001, 200'000);
}

}  // namespace gradus::testing
