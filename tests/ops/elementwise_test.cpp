// Every elementwise row: its scalar program, by loop::evaluate, against its f64 reference, for
// every dtype that its type rule takes, on special values (all pairs and triples) and random ones.
#include <fmt/format.h>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <random>

#include "compiler/ops/reference_values.h"
#include "tests/ops/program.h"

namespace gradus::testing {
namespace {

using ops::OpDef;
using ops::RefArray;

constexpr DType kDTypes[] = {DType::Bool, DType::I8,  DType::I16, DType::I32,
                             DType::I64,  DType::U8,  DType::U16, DType::U32,
                             DType::U64,  DType::F32, DType::F64, DType::Key};

/// Rows that are not rounded correctly: ulps in f32 and f64, against libm in f64 (itself 1 off).
const std::map<std::string, std::pair<double, double>> kTolerance{
    {"exp", {1.1, 2}},   {"expm1", {1.5, 3}}, {"log", {1, 2}},       {"log1p", {1.5, 2.5}},
    {"tanh", {2, 3}},    {"sin", {1.5, 3}},   {"logistic", {3, 4}},  {"cos", {1.5, 3}},
    {"erf", {3, 3}},     {"pow", {1, 2.5}},   {"erf_inv", {100, 6}}, {"atan2", {2, 3}},
    {"rsqrt", {1.5, 1}}, {"fma", {0.51, 0.5}}};

struct Case {
  const OpDef* op;
  ir::Attrs attrs;
  std::vector<DType> operands;
  std::vector<Type> results;
};

/// The cases among those where all operands, or all but a leading predicate, have one dtype.
std::vector<Case> cases_of(const OpDef& op) {
  std::vector<ir::Attrs> choices{{}};
  if (!op.attributes.empty()) {
    choices.clear();
    for (DType to : kDTypes)
      choices.push_back({to});
  }
  std::vector<Case> cases;
  for (const ir::Attrs& attrs : choices) {
    for (DType dtype : kDTypes) {
      for (bool predicate : {false, true}) {
        if (predicate && (op.operands < 3 || dtype == DType::Bool)) continue;
        std::vector<DType> dtypes(static_cast<size_t>(op.operands), dtype);
        if (predicate) dtypes[0] = DType::Bool;
        std::vector<Type> types;
        for (DType d : dtypes)
          types.push_back({d, {1}});
        try {
          cases.push_back({&op, attrs, dtypes, op.infer({{op, attrs}, types, {}})});
        } catch (const DTypeError&) {
          continue;
        }
      }
    }
  }
  return cases;
}

Bits random_bits(DType dtype, std::mt19937_64& random) {
  const Bits any = random();
  if (dtype == DType::Bool) return any & 1;
  if (is_float(dtype) && any % 4 != 0) {
    const double scale = std::exp2(static_cast<double>(any % 12) - 5);
    return bits_of_real(dtype, std::normal_distribution<double>()(random) * scale);
  }
  const Bits mask = ~Bits{0} >> (64 - 8 * size_of(dtype));
  // Small integers, as shift amounts and divisors, half of the time.
  return (is_integer(dtype) && any % 2 == 0 ? random() % 70 : random()) & mask;
}

std::vector<std::vector<Bits>> inputs_of(const Case& c) {
  std::vector<std::vector<Bits>> columns(c.operands.size());
  const auto push = [&](std::span<const Bits> row) {
    for (size_t i = 0; i < row.size(); ++i)
      columns[i].push_back(row[i]);
  };
  std::vector<std::vector<Bits>> special;
  size_t combinations = 1;
  for (DType d : c.operands) {
    special.push_back(special_bits(d));
    combinations *= special.back().size();
  }
  std::mt19937_64 random(7);
  // All combinations of special values, or a sample of them.
  const size_t most = 6000;
  for (size_t n = 0; n < std::min(combinations, most); ++n) {
    size_t rest = combinations <= most ? n : random() % combinations;
    std::vector<Bits> row;
    for (const auto& values : special) {
      row.push_back(values[rest % values.size()]);
      rest /= values.size();
    }
    push(row);
  }
  for (int n = 0; n < 1500; ++n) {
    std::vector<Bits> row;
    for (DType d : c.operands)
      row.push_back(random_bits(d, random));
    push(row);
  }
  return columns;
}

/// f64 sin and cos are for |x| < 2^50; the reference, holding f32 in f64, cannot keep a signalling
/// NaN.
bool outside_domain(const Case& c, std::span<const Bits> row) {
  if (!is_float(c.operands[0])) return false;
  const double x = real_of(c.operands[0], row[0]);
  if (c.op->name == "bitcast") return std::isnan(x);
  const bool periodic = c.op->name == "sin" || c.op->name == "cos";
  return periodic && c.operands[0] == DType::F64 && std::fabs(x) >= 0x1p50;
}

std::string check(const Case& c, size_t result, Bits got, const RefArray& expected, size_t i) {
  const DType dtype = c.results[result].dtype;
  if (!is_float(dtype)) {
    const std::vector<Bits> one{got};
    const RefArray x = array_of(dtype, one);
    if (x.integer[0] == expected.integer[i]) return {};
    return fmt::format("got {}, expected {}", x.integer[0], expected.integer[i]);
  }
  const double x = real_of(dtype, got), y = expected.real[i];
  const auto it = kTolerance.find(c.op->name);
  double tolerance = 0.5;
  if (it != kTolerance.end())
    tolerance = dtype == DType::F32 ? it->second.first : it->second.second;
  const double error = ulps(dtype, x, y);
  if (error > tolerance) return fmt::format("got {}, expected {}: {} ulp", x, y, error);
  const bool ties = c.op->name == "max" || c.op->name == "min";
  if (x == 0 && y == 0 && !ties && std::signbit(x) != std::signbit(y)) return "sign of zero";
  return {};
}

}  // namespace

TEST_CASE("scalar programs agree with the references for every dtype") {
  for (const OpDef* op : ops::all_ops()) {
    if (op->family != ops::Family::Elementwise) continue;
    const auto cases = cases_of(*op);
    INFO(op->name);
    REQUIRE(!cases.empty());
    for (const Case& c : cases) {
      const auto columns = inputs_of(c);
      const size_t n = columns[0].size();
      std::vector<RefArray> arrays;
      for (size_t k = 0; k < columns.size(); ++k)
        arrays.push_back(array_of(c.operands[k], columns[k]));
      std::vector<Type> types = c.results;
      for (Type& t : types)
        t.shape = {static_cast<int64_t>(n)};
      const auto expected = op->reference({{*op, c.attrs}, arrays, types});
      Program program(*op, c.attrs, c.operands, c.results);
      int wrong = 0;
      for (size_t i = 0; i < n && wrong < 5; ++i) {
        std::vector<Bits> row;
        for (const auto& column : columns)
          row.push_back(column[i]);
        if (outside_domain(c, row)) continue;
        const auto out = program.run(row);
        for (size_t k = 0; k < out.size(); ++k) {
          const std::string what = check(c, k, out[k], expected[k], i);
          if (what.empty()) continue;
          std::string text = fmt::format("{}[{}]", op->name, k);
          for (size_t j = 0; j < row.size(); ++j) {
            text += fmt::format(" {} {:#x}", name_of(c.operands[j]), row[j]);
            if (is_float(c.operands[j]))
              text += fmt::format(" ({})", real_of(c.operands[j], row[j]));
          }
          FAIL_CHECK(text << ": " << what);
          ++wrong;
        }
      }
    }
  }
}

TEST_CASE("integers of 8 bits: every pair of operands") {
  for (const OpDef* op : ops::all_ops()) {
    if (op->family != ops::Family::Elementwise || op->operands != 2 || op->results != 1) continue;
    for (const Case& c : cases_of(*op)) {
      if (c.operands[0] != DType::I8 && c.operands[0] != DType::U8) continue;
      std::vector<Bits> x, y;
      for (Bits i = 0; i < 65536; ++i) {
        x.push_back(i & 255);
        y.push_back(i >> 8);
      }
      const std::vector arrays{array_of(c.operands[0], x), array_of(c.operands[1], y)};
      const std::vector types{Type{c.results[0].dtype, {65536}}};
      const auto expected = op->reference({{*op, c.attrs}, arrays, types});
      Program program(*op, c.attrs, c.operands, c.results);
      std::vector<Bits> out;
      for (size_t i = 0; i < x.size(); ++i)
        out.push_back(program(std::array{x[i], y[i]}));
      INFO(op->name << " " << name_of(c.operands[0]));
      CHECK(array_of(types[0].dtype, out).integer == expected[0].integer);
    }
  }
}

TEST_CASE("f64 sin and cos say that they know no turns beyond 2^50") {
  for (const char* name : {"sin", "cos"}) {
    const OpDef& op = ops::op_named(name);
    const std::vector types{Type{DType::F64, {}}};
    Program program(op, {}, std::vector{DType::F64}, types);
    CHECK(std::isnan(real_of(DType::F64, program(std::array{loop::bits_of(0x1p50)}))));
    CHECK(std::isfinite(real_of(DType::F64, program(std::array{loop::bits_of(0x1.fffffp49)}))));
  }
}

}  // namespace gradus::testing
