// Derivatives of derivatives stay small, and deep graphs stay cheap.
#include <catch2/catch_test_macros.hpp>

#include <ctime>
#include <numeric>

#include "compiler/ops/build.h"
#include "compiler/transforms/batch.h"
#include "compiler/transforms/gradient.h"
#include "compiler/transforms/linearize.h"
#include "compiler/transforms/passes.h"
#include "compiler/transforms/simplify.h"
#include "tests/support/workloads.h"

using namespace gradus;

namespace {

constexpr int kFirst[] = {0};

/// n ops in a row: sin, a product and a sum with the input, exp(-y).
ir::Graph chain(int n, const Shape& shape) {
  ir::Builder b("chain");
  const ir::Value x = b.parameter({DType::F64, shape}, "x");
  ir::Value y = x;
  for (int i = 0; i < n; ++i) {
    switch (i % 4) {
      case 0:
        y = ops::sin(b, y);
        break;
      case 1:
        y = ops::mul(b, y, x);
        break;
      case 2:
        y = ops::add(b, y, x);
        break;
      default:
        y = ops::exp(b, ops::neg(b, y));
    }
  }
  if (shape.rank() == 1) y = ops::reduce_sum(b, y, {0});
  return b.finish({&y, 1});
}

template <class F>
ir::Graph of_input(F&& f) {
  ir::Builder b("f");
  const ir::Value y = f(b, b.parameter({DType::F64, {}}, "x"));
  return b.finish({&y, 1});
}

/// Sizes of f and of its derivatives of order 1 to 5.
template <class Derivative>
std::vector<size_t> orders(ir::Graph f, Derivative&& derivative) {
  std::vector<size_t> sizes{f.size()};
  for (int order = 1; order <= 5; ++order) {
    f = derivative(f);
    sizes.push_back(f.size());
  }
  return sizes;
}

std::vector<size_t> orders(const ir::Graph& f) {
  return orders(f, [](const ir::Graph& g) { return transforms::gradient(g, kFirst); });
}

/// The sum of all gradients by the parameters, weighted: a scalar again.
ir::Graph directional(const ir::Graph& f) {
  std::vector<int> wrt(f.inputs().size() - 2);
  std::iota(wrt.begin(), wrt.end(), 0);
  const ir::Graph gradient = transforms::gradient(f, wrt);
  ir::Builder b("directional");
  std::vector<ir::Value> inputs;
  for (size_t i = 0; i < f.inputs().size(); ++i) {
    inputs.push_back(b.parameter(f.type(f.inputs()[i]), f.input_name(i)));
  }
  ir::Value sum;
  for (ir::Value g : b.inline_graph(gradient, inputs)) {
    ir::Ints axes(static_cast<size_t>(b.type(g).rank()));
    std::iota(axes.begin(), axes.end(), 0);
    const ir::Value part = ops::reduce_sum(b, ops::mul(b, g, ops::constant_like(b, g, 0.5)), axes);
    sum = sum ? ops::add(b, sum, part) : part;
  }
  return b.finish({&sum, 1});
}

/// Of this process's CPU time: other programs do not count.
double seconds(auto&& f) {
  const std::clock_t start = std::clock();
  f();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

}  // namespace

TEST_CASE("Derivatives of order 1 to 5 have few nodes") {
  using Sizes = std::vector<size_t>;
  CHECK(orders(of_input([](auto& b, auto x) { return ops::sin(b, x); })) ==
        Sizes{2, 2, 3, 3, 2, 2});
  CHECK(orders(of_input([](auto& b, auto x) { return ops::exp(b, x); })) ==
        Sizes{2, 2, 2, 2, 2, 2});
  CHECK(orders(of_input([](auto& b, auto x) { return ops::tanh(b, x); })) ==
        Sizes{2, 5, 8, 13, 24, 48});
  // About twice as many with each order: the product rule, no more.
  CHECK(orders(chain(4, {})) == Sizes{6, 13, 26, 51, 94, 177});
  CHECK(orders(chain(8, {})) == Sizes{11, 26, 58, 130, 280, 604});
  CHECK(orders(chain(16, {})) == Sizes{21, 52, 122, 288, 652, 1458});
}

TEST_CASE("Derivatives of order 1 to 5 of a small network have few nodes") {
  const testing::MlpSizes sizes{.layers = {4, 5, 3}, .batch = 2, .dtype = DType::F64};
  CHECK(orders(testing::mlp_loss(sizes), directional) ==
        std::vector<size_t>{29, 55, 76, 107, 165, 301});
}

TEST_CASE("A chain of 100,000 nodes is differentiated, batched and simplified in linear time") {
  const auto run = [](int n) {
    ir::Graph gradient, batched, simplified;
    const double time = seconds([&] {
      const ir::Graph f = chain(n, {3});
      gradient = transforms::gradient(f, kFirst);
      batched = transforms::batch(f, kFirst, kFirst, 2);
      simplified = transforms::simplify(f);
    });
    CHECK(gradient.size() > static_cast<size_t>(2 * n));
    CHECK(batched.size() > static_cast<size_t>(n));
    CHECK(simplified.size() > static_cast<size_t>(n));
    return time / n;
  };
  run(1000);
  const double small = run(10'000), large = run(100'000);
  CHECK(large < 4 * small);
}

TEST_CASE("Every pass takes a deep chain") {
  ir::Graph g = transforms::jvp(chain(20'000, {3}), kFirst);
  for (const transforms::Pass& pass : transforms::passes())
    g = pass.run(g);
  CHECK(g.size() > 40'000);
}

TEST_CASE("Linearising a deep chain copies each node once") {
  const ir::Graph f = chain(20'000, {});
  const auto linearized = transforms::linearize(f, kFirst);
  CHECK(linearized.graph.size() < 4 * f.size());
}
