// How layout ops compose into index maps: what is a node, and what it reads where.
#include <catch2/catch_test_macros.hpp>

#include "compiler/ops/build.h"
#include "compiler/reference.h"
#include "tests/schedule/compare.h"

namespace gradus::schedule {
namespace {

using ir::Builder;
using ir::Ints;
using ir::Value;

const Type kVector{DType::F64, {12}};

Type f64(const Shape& shape) {
  return {DType::F64, shape};
}

/// The schedule of a graph whose maps are right.
Schedule translated(Builder& b, std::initializer_list<Value> outputs) {
  const ir::Graph graph = testing::lowered(b.finish(std::span(outputs.begin(), outputs.size())));
  testing::Random random(1);
  CHECK(testing::compare(graph, testing::random_inputs(graph, random)) == "");
  return translate(graph);
}

/// The node of the first output.
const Node& result(const Schedule& s) {
  return s.nodes[s.outputs[0]];
}
int computed(const Schedule& s) {
  int n = 0;
  for (const Node& node : s.nodes)
    n += node.kind != NodeKind::Input;
  return n;
}

TEST_CASE("reshapes re-bracket atoms") {
  Builder b;
  const Value x = b.parameter(f64({6, 4}));
  const Value flat = ops::reshape(b, x, {24});
  const Value y = ops::transpose(b, ops::reshape(b, flat, {2, 3, 4}), {2, 0, 1});
  const Schedule s = translated(b, {ops::neg(b, y)});
  CHECK(computed(s) == 1);
  CHECK(result(s).extents == std::vector<int64_t>{4, 2, 3});
  const Read& r = result(s).reads[0];
  REQUIRE(r.spans.size() == 3);
  CHECK(r.spans[0].index == Affine{{{1, 1}}, 0});
  CHECK(r.spans[2].index == Affine{{{0, 1}}, 0});
  CHECK(r.same == std::vector<std::pair<int, int>>{{0, 1}, {1, 2}, {2, 0}});
}

TEST_CASE("cuts cross chains of elementwise ops and of reshapes") {
  Builder b;
  Value x = b.parameter(f64({24}));
  x = ops::tanh(b, x);
  for (const Shape& shape : {Shape{2, 12}, Shape{6, 4}, Shape{24}, Shape{3, 8}}) {
    x = ops::neg(b, ops::reshape(b, x, shape));
  }
  const Schedule s = translated(b, {x});
  // {12, 24} and {4, 24} divide one another; {8, 24} divides neither: one copy, not four.
  int copies = 0;
  for (const Node& n : s.nodes)
    copies += n.kind == NodeKind::Elementwise && n.op == nullptr;
  CHECK(copies == 1);
}

TEST_CASE("both sides of a reshape have a dimension of one class, cut differently") {
  Builder b;
  const Value x = ops::tanh(b, b.parameter(f64({3, 6})));
  const Value y = ops::reshape(b, x, {6, 3});  // cuts one 6 into 2 x 3, the other into 3 x 2
  translated(b, {ops::dot(b, x, y, {{1}, {0}, {}, {}})});
}

TEST_CASE("a reshape without common factors is a copy that reads one flat index") {
  Builder b;
  const Value x = ops::tanh(b, b.parameter(f64({4, 6})));
  const Schedule s = translated(b, {ops::reshape(b, x, {3, 8})});
  REQUIRE(result(s).op == nullptr);
  const Read& r = result(s).reads[0];
  REQUIRE(r.spans.size() == 1);
  CHECK(r.spans[0].lo == 0);
  CHECK(r.spans[0].hi == 2);
  CHECK(r.spans[0].index == Affine{{{0, 8}, {1, 1}}, 0});
}

TEST_CASE("a slice of merged dimensions of which the inner one is read in part") {
  Builder b;
  const Value x = b.parameter(f64({3, 4}));
  const Value part = ops::slice(b, x, {0, 0}, {3, 2}, {1, 1});
  const Value y = ops::slice(b, ops::reshape(b, part, {6}), {1}, {6}, {2});
  const Schedule s = translated(b, {ops::neg(b, y)});
  CHECK(computed(s) == 2);  // the row-major index of the part is no index of x: a copy
}

TEST_CASE("a slice of merged dimensions of which the outer one is read in part") {
  Builder b;
  const Value x = b.parameter(f64({3, 4}));
  const Value part = ops::slice(b, x, {0, 0}, {2, 4}, {1, 1});
  const Value y = ops::slice(b, ops::reshape(b, part, {8}), {1}, {8}, {2});
  const Schedule s = translated(b, {ops::neg(b, y)});
  CHECK(computed(s) == 1);
  const Read& r = result(s).reads[0];
  REQUIRE(r.spans.size() == 1);
  CHECK(r.spans[0].hi == 2);
  CHECK(r.spans[0].index == Affine{{{0, 2}}, 1});
}

TEST_CASE("padding is a guarded read with exact bounds") {
  Builder b;
  const Value x = b.parameter(kVector);
  const Value y = ops::pad(b, x, b.splat(f64({}), 2), {3}, {1}, {0});
  const Schedule s = translated(b, {ops::neg(b, y)});
  CHECK(computed(s) == 1);
  const Read& r = result(s).reads[0];
  REQUIRE(r.guards.size() == 1);
  CHECK(r.guards[0] == Guard{Affine{{{0, 1}}, -3}, 12});
  CHECK(r.fill == loop::Bits{0x4000000000000000});
  CHECK(r.spans[0].guarded);
  CHECK(r.same.empty());
}

TEST_CASE("a slice inside the padding drops the guard, one beside it leaves the fill") {
  Builder b;
  const Value x = b.parameter(kVector);
  const Value y = ops::pad(b, x, b.splat(f64({}), 2), {3}, {3}, {0});
  const Schedule inside = translated(b, {ops::neg(b, ops::slice(b, y, {3}, {15}, {1}))});
  CHECK(result(inside).reads[0].guards.empty());
  CHECK(result(inside).reads[0].same == std::vector<std::pair<int, int>>{{0, 0}});

  Builder c;
  const Value z = ops::pad(c, c.parameter(kVector), c.splat(f64({}), 2), {3}, {3}, {0});
  const Schedule beside = translated(c, {ops::neg(c, ops::slice(c, z, {0}, {2}, {1}))});
  CHECK(result(beside).reads.empty());
  CHECK(result(beside).operands[0].kind == Operand::Kind::Constant);
}

TEST_CASE("paddings with one fill compose; others are copied in between") {
  for (double fill : {0.0, 1.0}) {
    Builder b;
    Value x = b.parameter(kVector);
    x = ops::pad(b, x, b.splat(f64({}), 0), {1}, {1}, {0});
    x = ops::reverse(b, x, {0});
    x = ops::pad(b, x, b.splat(f64({}), fill), {2}, {0}, {0});
    const Schedule s = translated(b, {ops::neg(b, x)});
    CHECK(computed(s) == (fill == 0 ? 1 : 2));
    if (fill == 0) CHECK(result(s).reads[0].guards.size() == 2);
  }
}

TEST_CASE("a product reads no guards") {
  Builder b;
  const Value x =
      ops::pad(b, b.parameter(f64({3, 4})), b.splat(f64({}), 0), {1, 0}, {0, 1}, {0, 0});
  const Value y = b.parameter(f64({5, 2}));
  const Schedule s = translated(b, {ops::dot(b, x, y, {{1}, {0}, {}, {}})});
  CHECK(computed(s) == 2);
  REQUIRE(result(s).kind == NodeKind::Product);
  for (const Read& r : result(s).reads)
    CHECK(r.guards.empty());
}

TEST_CASE("a product of a constant reads a node without axes") {
  Builder b;
  const Value x = b.parameter(f64({3, 4}));
  const Schedule s = translated(b, {ops::dot(b, x, b.splat(f64({4, 2}), 3), {{1}, {0}, {}, {}})});
  REQUIRE(result(s).kind == NodeKind::Product);
  CHECK(result(s).reads.size() == 2);
  CHECK(result(s).reads[1].spans.empty());
}

TEST_CASE("padding with a computed fill takes the first operand that is there") {
  Builder b;
  const Value x = b.parameter(kVector);
  const Value fill = ops::reduce_max(b, x, {0});
  const Schedule s = translated(b, {ops::pad(b, x, fill, {2}, {-1}, {0})});
  CHECK(result(s).operands.size() == 2);
  CHECK(result(s).reads[0].guards.size() == 1);
  CHECK(result(s).reads[1].guards.empty());
}

TEST_CASE("interior padding is spread by reshapes") {
  Builder b;
  const Value x = b.parameter(kVector);
  const Value y = ops::pad(b, x, b.splat(f64({}), 0), {1}, {2}, {2});
  translated(b, {ops::neg(b, y)});
}

TEST_CASE("the pieces of a concatenation are guarded reads") {
  Builder b;
  const Value x = b.parameter(f64({2, 3})), y = ops::transpose(b, b.parameter(f64({3, 4})), {1, 0});
  const Value ones = b.splat(f64({1, 3}), 1), twos = b.splat(f64({2, 3}), 2);
  const std::vector<Value> pieces{ones, x, y, twos};
  const Schedule s = translated(b, {ops::concatenate(b, pieces, 0)});
  REQUIRE(result(s).reads.size() == 4);
  CHECK(result(s).reads[1].guards[0] == Guard{Affine{{{0, 1}}, -1}, 2});
  CHECK(result(s).reads[2].guards[0] == Guard{Affine{{{0, 1}}, -3}, 4});
}

TEST_CASE("gather reads one span at a value; of a view it reads a copy") {
  for (bool sliced : {false, true}) {
    Builder b;
    Value table = b.parameter(f64({sliced ? 12 : 10, 3}));
    if (sliced) table = ops::slice(b, table, {2, 0}, {12, 3}, {1, 1});
    const Value at = b.parameter({DType::I32, {5}});
    const Schedule s = translated(b, {ops::gather(b, table, at, 0)});
    CHECK(computed(s) == (sliced ? 2 : 1));
    REQUIRE(result(s).kind == NodeKind::Gather);
    CHECK(result(s).reads[0].spans[0].data);
    CHECK(result(s).reads[0].same == std::vector<std::pair<int, int>>{{1, 1}});
  }
}

TEST_CASE("a gathered axis that a reshape cuts is one span") {
  Builder b;
  const Value table = b.parameter(f64({12, 3}));
  const Value cut = ops::reshape(b, table, {3, 4, 3});
  const Value at = b.parameter({DType::I32, {5}});
  const Schedule s = translated(b, {ops::gather(b, table, at, 0), ops::neg(b, cut)});
  const Span& span = result(s).reads[0].spans[0];
  CHECK(span.data);
  CHECK(span.lo == 0);
  CHECK(span.hi == 2);
}

TEST_CASE("scatter compares the index with its data axes") {
  Builder b;
  const Value table = b.parameter(f64({2, 12}));
  const Value at = b.parameter({DType::I32, {5}});
  const Value updates = b.parameter(f64({2, 5}));
  const Value y = ops::scatter_add(b, table, at, updates, 1);
  const Schedule s = translated(b, {y, ops::neg(b, ops::reshape(b, y, {2, 3, 4}))});
  CHECK(result(s).kind == NodeKind::Scatter);
  CHECK(result(s).data_axes == std::pair{1, 3});
}

TEST_CASE("every output is a node of its own, and no input") {
  Builder b;
  const Value x = b.parameter(kVector);
  const Value y = ops::tanh(b, x);
  const Schedule s = translated(b, {x, x, y, y, b.splat(f64({2}), 1), ops::reverse(b, y, {0}),
                                    ops::iota(b, {DType::F64, {3}}, 0)});
  auto outputs = s.outputs;
  std::ranges::sort(outputs);
  CHECK(std::ranges::unique(outputs).begin() == outputs.end());
  for (int v : s.outputs)
    CHECK(s.nodes[v].kind == NodeKind::Elementwise);
}

TEST_CASE("dense constants are inputs that the program owns") {
  Builder b;
  const double values[] = {1, 2, 3};
  const Value c = b.constant(ir::Literal::dense(f64({3}), values));
  const Schedule s = translated(b, {ops::mul(b, b.parameter(f64({3})), c)});
  int constants = 0;
  for (const Node& n : s.nodes)
    constants += n.kind == NodeKind::Input && n.input < 0;
  CHECK(constants == 1);
}

TEST_CASE("equal computations on different views are one node, unless a barrier stands between") {
  for (bool barrier : {false, true}) {
    Builder b;
    const Value x = b.parameter(kVector);
    Value y = ops::reverse(b, ops::reverse(b, x, {0}), {0});
    if (barrier) y = ops::barrier(b, std::array{x})[0];
    const Value sum = ops::sub(b, ops::tanh(b, x), ops::tanh(b, y));
    CHECK(computed(translated(b, {sum})) == (barrier ? 3 : 2));
  }
}

TEST_CASE("one node per result that is used") {
  Builder b;
  std::vector<Value> words;
  for (int i = 0; i < 4; ++i)
    words.push_back(b.parameter({DType::U32, {3}}));
  const auto both = ops::threefry2x32(b, words[0], words[1], words[2], words[3]);
  const Schedule s = translated(b, {both[1]});
  CHECK(computed(s) == 1);
  CHECK(result(s).result == 1);
}

TEST_CASE("the sum of a product is a product with more reduced axes") {
  Builder b;
  const Value x = b.parameter(f64({5, 3, 4})), y = b.parameter(f64({5, 4, 2}));
  const Value p = ops::dot(b, x, y, {{2}, {1}, {0}, {0}});
  const Schedule s = translated(b, {ops::reduce_sum(b, p, {0})});
  CHECK(computed(s) == 1);
  CHECK(result(s).kind == NodeKind::Product);
  CHECK(result(s).extents == std::vector<int64_t>{3, 2, 5, 4});
}

TEST_CASE("a product takes the order of its reader's axes") {
  Builder b;
  const Value w = b.parameter(f64({3, 4})), x = b.parameter(f64({5, 4}));
  const Value y = ops::transpose(b, ops::dot(b, w, x, {{1}, {1}, {}, {}}), {1, 0});
  const Schedule s = translated(b, {ops::tanh(b, y)});
  for (const Node& n : s.nodes) {
    if (n.kind == NodeKind::Product) CHECK(n.extents == std::vector<int64_t>{5, 3, 4});
  }
  CHECK(result(s).reads[0].same == std::vector<std::pair<int, int>>{{0, 0}, {1, 1}});
}

TEST_CASE("arrays without elements") {
  Builder b;
  const Value x = b.parameter(f64({0, 3})), y = b.parameter(f64({2, 3}));
  const std::vector<Value> pieces{x, y};
  translated(
      b, {ops::neg(b, x), ops::reduce_sum(b, x, {0}), ops::concatenate(b, pieces, 0),
          ops::dot(b, x, x, {{0}, {0}, {}, {}}), ops::reduce_sum(b, ops::reshape(b, x, {0}), {0})});
}

}  // namespace
}  // namespace gradus::schedule
