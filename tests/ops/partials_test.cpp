// Partial derivatives at the points where a careless rule gives NaN or the wrong share.
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "compiler/ops/build.h"
#include "compiler/reference.h"

namespace gradus::ops {
namespace {

constexpr double kInfinity = HUGE_VAL;

/// The partial of an elementwise op by one operand at a point, NaN-safe: only that rule is run.
double partial(std::string_view name, std::vector<double> x, int operand) {
  const OpDef& op = op_named(name);
  Builder b;
  std::vector<Value> in;
  std::vector<RefArray> inputs;
  const Type scalar{DType::F64, {}};
  for (double value : x) {
    in.push_back(b.parameter(scalar));
    inputs.push_back({scalar, {value}, {}});
  }
  const Value t = b.parameter(scalar);
  inputs.push_back({scalar, {1}, {}});
  const auto out = b.add_node(op, in, {});
  const Value tangent = op.jvp({{op, {}}, b, in, out, operand, t})[0];
  if (!tangent) return 0;
  return evaluate_reference(b.finish(std::array{tangent}), inputs)[0].real[0];
}

bool is_zero(std::string_view name, int operands) {
  const OpDef& op = op_named(name);
  Builder b;
  const Type scalar{DType::F64, {}};
  std::vector<Value> in;
  for (int i = 0; i < operands; ++i)
    in.push_back(b.parameter(scalar));
  const auto out = b.add_node(op, in, {});
  return !op.jvp({{op, {}}, b, in, out, 0, b.parameter(scalar)})[0];
}

}  // namespace

TEST_CASE("pow: each partial stands alone") {
  CHECK(partial("pow", {-3, 2}, 0) == -6);
  CHECK(partial("pow", {0, 2}, 0) == 0);
  CHECK(partial("pow", {0, 1}, 0) == 1);
  CHECK(partial("pow", {0, 0}, 0) == 0);
  CHECK(partial("pow", {-2, 0}, 0) == 0);
  CHECK(partial("pow", {0, 2}, 1) == 0);
  CHECK(partial("pow", {2, 3}, 1) == 8 * std::log(2.0));
  CHECK(std::isnan(partial("pow", {-3, 2}, 1)));
}

TEST_CASE("max and min: ties are shared, NaN has no share") {
  for (const char* name : {"max", "min"}) {
    CHECK(partial(name, {2, 2}, 0) == 0.5);
    CHECK(partial(name, {2, 2}, 1) == 0.5);
    CHECK(partial(name, {0.0, -0.0}, 0) == 0.5);
    CHECK(partial(name, {NAN, 1}, 0) == 0);
  }
  CHECK(partial("max", {3, 2}, 0) == 1);
  CHECK(partial("max", {3, 2}, 1) == 0);
  CHECK(partial("min", {3, 2}, 0) == 0);
  CHECK(partial("min", {kInfinity, -kInfinity}, 1) == 1);
}

TEST_CASE("corners of the functions") {
  CHECK(partial("abs", {0}, 0) == 0);
  CHECK(partial("abs", {-0.5}, 0) == -1);
  CHECK(partial("sqrt", {0}, 0) == kInfinity);
  CHECK(partial("log", {0}, 0) == kInfinity);
  CHECK(partial("tanh", {1000}, 0) == 0);
  CHECK(partial("logistic", {-1000}, 0) == 0);
  CHECK(partial("exp", {-kInfinity}, 0) == 0);
  CHECK(partial("div", {1, 2}, 1) == -0.25);
  CHECK(partial("rem", {7.5, 2}, 0) == 1);
  CHECK(partial("rem", {7.5, 2}, 1) == -3);
  CHECK(partial("rem", {-7.5, 2}, 1) == 3);
  CHECK(partial("atan2", {0, 1}, 0) == 1);
  CHECK(partial("fma", {2, 3, 5}, 1) == 2);
}

TEST_CASE("what is constant in pieces has no tangent") {
  for (const char* name : {"floor", "ceil", "round_even", "sign", "is_nan", "stop_gradient"}) {
    INFO(name);
    CHECK(is_zero(name, 1));
  }
  for (const char* name : {"eq", "lt", "ge"}) {
    INFO(name);
    CHECK(is_zero(name, 2));
  }
}

TEST_CASE("a select passes a tangent to the branch taken, none to the predicate") {
  const OpDef& op = op_named("select");
  Builder b;
  const Value p = b.parameter({DType::Bool, {2}});
  const Value x = b.parameter({DType::F64, {2}}), y = b.parameter({DType::F64, {2}});
  const Value t = b.parameter({DType::F64, {2}});
  const std::array in{p, x, y};
  const auto out = b.add_node(op, in, {});
  CHECK(!op.jvp({{op, {}}, b, in, out, 0, t})[0]);
  const Value yes = op.jvp({{op, {}}, b, in, out, 1, t})[0];
  const Value no = op.jvp({{op, {}}, b, in, out, 2, t})[0];
  const Type reals{DType::F64, {2}};
  // The branch not taken may be infinite or NaN.
  const std::vector<RefArray> inputs{{{DType::Bool, {2}}, {}, {1, 0}},
                                     {reals, {1, NAN}, {}},
                                     {reals, {kInfinity, 4}, {}},
                                     {reals, {5, 6}, {}}};
  const auto tangents = evaluate_reference(b.finish(std::array{yes, no}), inputs);
  CHECK(tangents[0].real == std::vector<double>{5, 0});
  CHECK(tangents[1].real == std::vector<double>{0, 6});
}

}  // namespace gradus::ops
