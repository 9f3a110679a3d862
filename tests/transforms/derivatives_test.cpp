// Derivatives of every row of the op table: forward mode against finite differences, reverse
// against forward, second derivatives, subsets of the operands.
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>

#include "compiler/transforms/linearize.h"
#include "tests/support/properties.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

bool has_float_result(const ir::Graph& f) {
  return !float_indices(f.output_types()).empty();
}

/// Calls f(sample, graph, operands, float operands) for every sample that has derivatives.
template <class F>
void for_each_differentiable(F&& f) {
  Random random(7);
  for (const ops::OpDef* op : ops::all_ops()) {
    for (const OpSample& sample : samples_of(*op)) {
      const ir::Graph graph = graph_of(sample);
      const auto wrt = float_indices(graph.input_types());
      if (wrt.empty() || !has_float_result(graph)) continue;
      if (op->name == "stop_gradient") continue;  // its derivative is none, see below
      // Rounding to single precision hides small steps from finite differences.
      const auto types = graph.output_types();
      const bool single =
          std::ranges::any_of(sample.operands,
                              [](const Type& t) { return t.dtype == DType::F32; }) ||
          std::ranges::any_of(types, [](const Type& t) { return t.dtype == DType::F32; });
      if (single) continue;
      INFO(to_string(sample));
      f(sample, graph, random_operands(sample, random), wrt, random);
    }
  }
}

std::vector<std::vector<int>> subsets(const std::vector<int>& all) {
  std::vector<std::vector<int>> sets;
  for (uint32_t bits = 1; bits < 1u << all.size(); ++bits) {
    sets.emplace_back();
    for (size_t i = 0; i < all.size(); ++i) {
      if (bits >> i & 1) sets.back().push_back(all[i]);
    }
  }
  return sets;
}

}  // namespace

TEST_CASE("JVP against finite differences, every op, every subset of its operands") {
  int checked = 0;
  for_each_differentiable([&](const OpSample&, const ir::Graph& f, const Arrays& x,
                              const std::vector<int>& all, Random& random) {
    for (const auto& wrt : subsets(all)) {
      CHECK(check_jvp(f, x, wrt, random) == "");
      ++checked;
    }
  });
  CHECK(checked > 200);
}

TEST_CASE("Transpose by the inner product, every op, every subset of its operands") {
  for_each_differentiable([&](const OpSample&, const ir::Graph& f, const Arrays& x,
                              const std::vector<int>& all, Random& random) {
    for (const auto& wrt : subsets(all))
      CHECK(check_transpose(f, x, wrt, random) == "");
  });
}

TEST_CASE("Second derivatives: forward and reverse over reverse, every op") {
  for_each_differentiable([&](const OpSample& sample, const ir::Graph& f, const Arrays& x,
                              const std::vector<int>& all, Random& random) {
    const ir::Graph g = pullback(f, all);
    Arrays inputs = x;
    for (const Type& type : f.output_types()) {
      if (is_float(type.dtype)) inputs.push_back(random_array(type, {-1, 1}, random));
    }
    // The gradient depends on the operands and on the cotangents, linearly.
    const auto wrt = float_indices(g.input_types());
    CHECK(check_jvp(g, inputs, wrt, random, 1e-5) == "");
    CHECK(check_transpose(g, inputs, wrt, random, 1e-9) == "");
    CHECK(sample.op != nullptr);
  });
}

TEST_CASE("stop_gradient has the derivative zero") {
  Random random(7);
  const OpSample sample = samples_of(ops::op_named("stop_gradient"))[0];
  const ir::Graph f = graph_of(sample);
  const int wrt[] = {0};
  const auto derivative = transforms::linearize(f, wrt);
  CHECK(derivative.tangent == std::vector{-1});
  CHECK(derivative.graph.outputs().size() == 1);
}

TEST_CASE("A gradient by one operand is the component of the gradient by all, NaN or not") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double inf = std::numeric_limits<double>::infinity();
  for_each_differentiable([&](const OpSample&, const ir::Graph& f, Arrays x,
                              const std::vector<int>& all, Random& random) {
    CHECK(check_subsets(f, x, random) == "");
    for (int i : all) {
      Arrays special = x;
      auto& elements = special[static_cast<size_t>(i)].real;
      const double values[] = {0, nan, -1, inf, -0.0, 1};
      for (size_t k = 0; k < elements.size(); ++k)
        elements[k] = values[k % std::size(values)];
      CHECK(check_subsets(f, special, random) == "");
    }
  });
}
