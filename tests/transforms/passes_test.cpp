// Each pass by what it must do and by what it must leave alone.
#include "compiler/transforms/passes.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include "compiler/ir/parse.h"
#include "compiler/ir/print.h"
#include "compiler/ops/build.h"
#include "compiler/reference.h"

#include "compiler/transforms/dce.h"
#include "compiler/transforms/decompose.h"
#include "compiler/transforms/fuse_multiply_add.h"
#include "compiler/transforms/gradient.h"
#include "compiler/transforms/inline_calls.h"
#include "compiler/transforms/polyphase.h"
#include "compiler/transforms/remove_stop_gradient.h"
#include "compiler/transforms/simplify.h"
#include "compiler/transforms/split_linear.h"
#include "tests/support/properties.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

using ir::Builder;
using ir::Graph;
using ir::Value;

/// A graph of vectors f32[4]: what `f` makes of inputs a, b, c.
template <class F>
Graph of_abc(F&& f) {
  Builder b("f");
  const Type type{DType::F32, {4}};
  const Value x = b.parameter(type, "a"), y = b.parameter(type, "b"), z = b.parameter(type, "c");
  const std::vector<Value> results = f(b, x, y, z);
  return b.finish(results);
}

using Values = std::vector<Value>;

std::string text_after_inputs(const Graph& graph) {
  const std::string text = ir::print(graph, {.sources = false});
  const size_t last_input = text.rfind("parameter");
  return text.substr(text.find('\n', last_input) + 1);
}

}  // namespace

TEST_CASE("fuse_multiply_add: every form of a product and a sum") {
  const auto fused = [](auto f) {
    return text_after_inputs(transforms::fuse_multiply_add(of_abc(f)));
  };
  const std::string plain = "  %3 = fma(%0, %1, %2): f32[4]\n  return %3\n}\n";
  CHECK(fused([](Builder& b, Value x, Value y, Value z) {
          return Values{ops::add(b, ops::mul(b, x, y), z)};
        }) == plain);
  CHECK(fused([](Builder& b, Value x, Value y, Value z) {
          return Values{ops::add(b, z, ops::mul(b, x, y))};
        }) == plain);
  CHECK(fused([](Builder& b, Value x, Value y, Value z) {
          return Values{ops::sub(b, z, ops::mul(b, x, y))};
        }) == "  %3 = neg(%0): f32[4]\n  %4 = fma(%3, %1, %2): f32[4]\n  return %4\n}\n");
  CHECK(fused([](Builder& b, Value x, Value y, Value z) {
          return Values{ops::sub(b, ops::mul(b, x, y), z)};
        }) == "  %3 = neg(%2): f32[4]\n  %4 = fma(%0, %1, %3): f32[4]\n  return %4\n}\n");
}

TEST_CASE("fuse_multiply_add: a constant factor takes the sign") {
  const Graph g = transforms::fuse_multiply_add(of_abc([](Builder& b, Value x, Value, Value z) {
    return Values{ops::sub(b, z, ops::mul(b, x, ops::constant_like(b, x, 0.5)))};
  }));
  CHECK(text_after_inputs(g) ==
        "  %3 = constant{value=splat -0.5}: f32[4]\n"
        "  %4 = fma(%3, %0, %2): f32[4]\n  return %4\n}\n");
}

TEST_CASE("fuse_multiply_add leaves products with other readers, and integers") {
  const Graph two = of_abc([](Builder& b, Value x, Value y, Value z) {
    const Value product = ops::mul(b, x, y);
    return Values{ops::add(b, product, z), ops::exp(b, product)};
  });
  CHECK(ir::structurally_equal(transforms::fuse_multiply_add(two), two));
  const Graph square = of_abc([](Builder& b, Value x, Value y, Value) {
    const Value product = ops::mul(b, x, y);
    return Values{ops::add(b, product, product)};
  });
  CHECK(ir::structurally_equal(transforms::fuse_multiply_add(square), square));
  Builder b("f");
  const Value x = b.parameter({DType::I32, {4}});
  const Value y = ops::add(b, ops::mul(b, x, x), x);
  const Graph integers = b.finish({&y, 1});
  CHECK(ir::structurally_equal(transforms::fuse_multiply_add(integers), integers));
}

TEST_CASE("dce drops what nothing needs and keeps inputs, outputs and names") {
  Builder b("f");
  const Value x = b.parameter({DType::F32, {4}}, "x");
  b.parameter({DType::F32, {2}}, "unused");
  ops::exp(b, x);
  const Value y = ops::sin(b, x);
  const std::vector outputs{y, y, x};
  const Graph g = transforms::dce(b.finish(outputs, {"y", "again", "x"}));
  CHECK(g.size() == 3);
  CHECK(g.inputs().size() == 2);
  CHECK(g.input_name(1) == "unused");
  CHECK(g.output_name(1) == "again");
  CHECK(g.outputs()[0] == g.outputs()[1]);
}

TEST_CASE("inline_calls opens calls in calls, each body as often as it is called") {
  Builder inner("inner");
  const Value p = inner.parameter({DType::F32, {3}});
  const Value q = ops::sin(inner, p);
  const auto body = std::make_shared<const Graph>(inner.finish({&q, 1}));
  Builder middle("middle");
  const Value r = middle.parameter({DType::F32, {3}});
  const Value s = ops::exp(middle, ops::call(middle, body, std::vector{r})[0]);
  const auto twice = std::make_shared<const Graph>(middle.finish({&s, 1}));
  Builder b("f");
  const Value x = b.parameter({DType::F32, {3}}, "x");
  const Value y = ops::call(b, twice, std::vector{ops::call(b, twice, std::vector{x})[0]})[0];
  const Graph g = transforms::inline_calls(b.finish({&y, 1}));
  CHECK(ir::print(g, {.sources = false}) ==
        "graph f {\n"
        "  %0 \"x\" = parameter{index=0}: f32[3]\n"
        "  %1 = sin(%0): f32[3]\n"
        "  %2 = exp(%1): f32[3]\n"
        "  %3 = sin(%2): f32[3]\n"
        "  %4 = exp(%3): f32[3]\n"
        "  return %4\n"
        "}\n");
}

TEST_CASE("remove_stop_gradient leaves the operand") {
  const Graph g = transforms::remove_stop_gradient(of_abc([](Builder& b, Value x, Value y, Value) {
    return Values{ops::add(b, ops::stop_gradient(b, ops::stop_gradient(b, x)), y)};
  }));
  CHECK(text_after_inputs(g) == "  %3 = add(%0, %1): f32[4]\n  return %3\n}\n");
}

TEST_CASE("decompose: interior padding without interior padding, the same values") {
  Random random(9);
  int with_interior = 0;
  for (const OpSample& sample : samples_of(ops::op_named("pad"))) {
    INFO(to_string(sample));
    const Graph f = graph_of(sample);
    const Graph g = transforms::decompose(f);
    for (ir::NodeId n = 0; n < g.size(); ++n) {
      if (g.op(n).name != "pad") continue;
      for (int64_t i : g.attr<ir::Ints>(n, "interior"))
        CHECK(i == 0);
    }
    with_interior += !ir::structurally_equal(f, g);
    const Arrays x = random_operands(sample, random);
    CHECK(difference(evaluate_reference(g, x), evaluate_reference(f, x), 0) == "");
  }
  CHECK(with_interior >= 3);
}

TEST_CASE("polyphase: no convolution of an array spread out by zeros, and the same values") {
  Random random(5);
  const auto upto = [&](uint64_t n) { return static_cast<int64_t>(random() % (n + 1)); };
  for (int round = 0; round < 60; ++round) {
    const int64_t rows = 1 + upto(4), columns = 1 + upto(4), taps = 1 + upto(4), across = 1 + upto(3);
    const int64_t down = upto(3), right = upto(2);  // zeros between neighbours
    Builder b("spread");
    const Value x = b.parameter({DType::F64, {2, rows, columns, 3}});
    const Value w = b.parameter({DType::F64, {taps, across, 3, 2}});
    const Value spread = ops::pad(b, x, b.zeros({DType::F64, {}}), {0, 0, 0, 0}, {0, 0, 0, 0},
                                  {0, down, right, 0});
    // Padding to either side, or a crop, that leaves a place at least.
    const auto fit = [&](int64_t extent, int64_t reach, int64_t low) {
      return std::max(upto(3) - 1, reach - extent - low);
    };
    const int64_t top = upto(4) - 1, left = upto(3) - 1;
    const ops::ConvDims dims{0, {1, 1}, {top, left},
                             {fit(rows + (rows - 1) * down, taps, top),
                              fit(columns + (columns - 1) * right, across, left)}, {1, 1}};
    const Graph graph = b.finish(Values{ops::conv(b, spread, w, dims)});
    const Graph split = transforms::polyphase(graph);
    INFO(ir::print(graph));
    for (ir::NodeId n = 0; n < split.size(); ++n) {
      const bool spreads = split.op(n).name == "pad" && (down > 0 || right > 0);
      CHECK_FALSE(spreads);
    }
    Arrays inputs;
    for (const Type& t : graph.input_types()) inputs.push_back(random_array(t, {-1, 1}, random));
    CHECK(difference(evaluate_reference(split, inputs), evaluate_reference(graph, inputs), 1e-12) ==
          "");
  }
}

TEST_CASE("Every pass keeps the values of every op") {
  Random random(10);
  for (const ops::OpDef* op : ops::all_ops()) {
    for (const OpSample& sample : samples_of(*op)) {
      INFO(to_string(sample));
      const Graph f = graph_of(sample);
      const Arrays x = random_operands(sample, random);
      const Arrays expected = evaluate_reference(f, x);
      for (const transforms::Pass& pass : transforms::passes()) {
        CHECK(difference(evaluate_reference(pass.run(f), x), expected, 0) == "");
      }
    }
  }
}

TEST_CASE("Passes have distinct names by which they are found") {
  for (const transforms::Pass& pass : transforms::passes()) {
    CHECK(transforms::find_pass(pass.name) == &pass);
  }
  CHECK(transforms::find_pass("no such pass") == nullptr);
}

TEST_CASE("Errors of derivatives name the argument or say what the result is") {
  using Catch::Matchers::Message;
  const int first[] = {0};
  Builder b("f");
  b.set_source({"user.cpp", 12});
  const Value n = b.parameter({DType::I32, {3}}, "batch.labels");
  const Value x = b.parameter({DType::F32, {3}}, "x");
  const Value y = ops::add(b, x, ops::convert(b, n, DType::F32));
  const Graph f = b.finish({&y, 1});
  CHECK_THROWS_MATCHES(
      transforms::vjp(f, first), TransformError,
      Message("[grad] batch.labels is not differentiable; got i32[3], expected f32 "
              "or f64; user.cpp:12; convert it, or do not differentiate with "
              "respect to it"));
  const int second[] = {1};
  CHECK_THROWS_MATCHES(transforms::gradient(f, second), TransformError,
                       Message("[grad] the function's result is not a float scalar; got f32[3], "
                               "expected f32[] or f64[]; user.cpp:12; reduce it to one number with "
                               "sum or mean, or use vjp"));
}

TEST_CASE("simplify computes before it broadcasts") {
  Builder b("f");
  const Value x = b.parameter({DType::F32, {3}}, "x"), y = b.parameter({DType::F32, {3}}, "y");
  const auto wide = [&](Value v) { return ops::broadcast(b, v, {2, 3}, {1}); };
  const Value product = ops::mul(b, wide(x), wide(y));
  const Value z = ops::exp(b, ops::add(b, product, ops::constant_like(b, product, 2)));
  const Graph g = transforms::simplify(b.finish({&z, 1}));
  CHECK(text_after_inputs(g) ==
        "  %2 = mul(%0, %1): f32[3]\n"
        "  %3 = constant{value=splat 2.0}: f32[3]\n"
        "  %4 = add(%2, %3): f32[3]\n"
        "  %5 = exp(%4): f32[3]\n"
        "  %6 = broadcast(%5){shape=[2,3], dims=[1]}: f32[2,3]\n"
        "  return %6\n}\n");
}

TEST_CASE("Rows simplify what changes no bit") {
  Builder b("f");
  const Value x = b.parameter({DType::F32, {4, 6}}, "x"), v = b.parameter({DType::F32, {6}}, "v");
  // Layout ops that undo each other, or do nothing.
  CHECK(ops::transpose(b, ops::transpose(b, x, {1, 0}), {1, 0}) == x);
  CHECK(ops::reshape(b, ops::reshape(b, x, {24}), {4, 6}) == x);
  CHECK(ops::reverse(b, ops::reverse(b, x, {0, 1}), {0, 1}) == x);
  CHECK(ops::slice(b, x, {0, 0}, {4, 6}, {1, 1}) == x);
  CHECK(ops::pad(b, x, b.zeros({DType::F32, {}}), {0, 0}, {0, 0}, {0, 0}) == x);
  CHECK(ops::broadcast(b, x, {4, 6}, {0, 1}) == x);
  CHECK(ops::reduce_sum(b, x, {}) == x);
  // Compositions.
  CHECK(ops::slice(b, ops::slice(b, x, {1, 0}, {4, 6}, {1, 2}), {1, 1}, {3, 3}, {1, 1}) ==
        ops::slice(b, x, {2, 2}, {4, 5}, {1, 2}));
  CHECK(ops::transpose(b, ops::broadcast(b, v, {3, 6}, {1}), {1, 0}) ==
        ops::broadcast(b, v, {6, 3}, {0}));
  CHECK(ops::slice(b, ops::broadcast(b, v, {3, 6}, {1}), {1, 0}, {2, 6}, {1, 1}) ==
        ops::broadcast(b, v, {1, 6}, {1}));
  const Value left = ops::slice(b, x, {0, 0}, {4, 2}, {1, 1});
  const Value right = ops::slice(b, x, {0, 2}, {4, 6}, {1, 1});
  CHECK(ops::concatenate(b, std::vector{left, right}, 1) == x);
  CHECK(ops::concatenate(b, std::vector{right, left}, 1) != x);
  CHECK(ops::slice(b, ops::concatenate(b, std::vector{right, left}, 1), {0, 4}, {4, 6}, {1, 1}) ==
        left);
  // Constants, however large.
  const Value ones = b.splat({DType::F32, {1000, 1000}}, 1);
  CHECK(b.literal(ops::reduce_sum(b, ones, {0}))->is_splat_of(1000));
  CHECK(b.literal(ops::reduce_max(b, ones, {0, 1}))->is_splat_of(1));
  CHECK(b.literal(ops::transpose(b, ops::reverse(b, ones, {0}), {1, 0}))->is_splat_of(1));
  // 0.1 a million times is rounded on the way: the sum stays.
  const Value tenths = b.splat({DType::F32, {1000, 1000}}, 0.1);
  CHECK(b.literal(ops::reduce_sum(b, tenths, {0})) == nullptr);
  // A product reads through transposes.
  const Value y = b.parameter({DType::F32, {6, 5}}, "y");
  CHECK(ops::dot(b, ops::transpose(b, x, {1, 0}), y, {{0}, {0}, {}, {}}) ==
        ops::dot(b, x, y, {{1}, {0}, {}, {}}));
}

TEST_CASE("split_linear stores no broadcasts and no constants") {
  Builder b("f");
  const Value x = b.parameter({DType::F32, {3}}, "x"), y = b.parameter({DType::F32, {2, 3}}, "y");
  const Value wide = ops::broadcast(b, ops::sin(b, x), {2, 3}, {1});
  const Value z = ops::mul(b, ops::mul(b, y, wide), ops::constant_like(b, y, 3));
  const int wrt[] = {1};
  const auto split = transforms::split_linear(transforms::linearize(b.finish({&z, 1}), wrt));
  REQUIRE(split.residuals == 1);
  const Value residual = split.primal.outputs()[1];
  CHECK(split.primal.type(residual) == (Type{DType::F32, {3}}));
}
