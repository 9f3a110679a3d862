// Each rule of graphs, broken once.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include "compiler/ir/parse.h"
#include "compiler/ir/verify.h"
#include "compiler/ops/op.h"

namespace gradus::ir {

struct BrokenGraph {
  Graph graph = parse(R"(graph g {
  %0 "x" = parameter{index=0}: f32[3]
  %1 = neg(%0): f32[3]  // a.cpp:5
  %2 = reduce_sum(%1){axes=[0]}: f32[]
  return %2
})");

  Node& node(NodeId n) { return graph.nodes_[n]; }
  Value& operand(NodeId n, uint32_t i) { return graph.operands_[node(n).first_operand + i]; }
  Attrs& attrs(NodeId n) { return const_cast<Attrs&>(graph.attrs(n)); }
  Type& type(Value v) { return graph.types_[graph.results_[graph.value_index(v)]]; }
  std::vector<Value>& inputs() { return graph.inputs_; }
  std::vector<Value>& outputs() { return graph.outputs_; }
  std::vector<std::string>& input_names() { return graph.input_names_; }
};

namespace {

void check_fails(const BrokenGraph& broken, const std::string& rule) {
  CHECK_THROWS_MATCHES(
      verify(broken.graph), InternalError,
      Catch::Matchers::Message("internal error (a bug in Gradus): graph 'g': " + rule));
}

TEST_CASE("a sound graph verifies") {
  verify(BrokenGraph().graph);
}

TEST_CASE("an operand is a later node") {
  BrokenGraph b;
  b.operand(1, 0) = {2, 0};
  check_fails(b, "node %1 (neg, a.cpp:5): operand 0 is no result of an earlier node; got %2.0");
}

TEST_CASE("an operand is no result") {
  BrokenGraph b;
  b.operand(1, 0) = {0, 1};
  check_fails(b, "node %1 (neg, a.cpp:5): operand 0 is no result of an earlier node; got %0.1");
}

TEST_CASE("operands are too few") {
  BrokenGraph b;
  b.node(1).operands = 0;
  check_fails(b, "node %1 (neg, a.cpp:5): its row has 1 operands; got 0");
}

TEST_CASE("attributes are missing or of another kind") {
  BrokenGraph b;
  b.attrs(2).clear();
  check_fails(b, "node %2 (reduce_sum): its row has 1 attributes; got 0");
  b.attrs(2) = {int64_t{0}};
  check_fails(b, "node %2 (reduce_sum): attribute 'axes' is of another kind than in its row");
}

TEST_CASE("a result has another type than the rule gives") {
  BrokenGraph b;
  b.type({2, 0}).dtype = DType::F64;
  check_fails(b, "node %2 (reduce_sum): its type rule gives f32[] for result 0; got f64[]");
}

TEST_CASE("an op's row is not the registered one") {
  BrokenGraph b;
  const ops::OpDef other = b.graph.op(1);
  b.node(1).op = &other;
  check_fails(b, "node %1 (neg, a.cpp:5): its op is not registered");
}

TEST_CASE("inputs and outputs") {
  BrokenGraph b;
  b.outputs()[0] = {3, 0};
  check_fails(b, "output 0 is no result of a node");
  b.outputs().clear();
  check_fails(b, "inputs and outputs do not have one name each");
  b = {};
  b.inputs()[0] = {1, 0};
  check_fails(b, "input 0 is not the parameter of index 0");
  b.inputs().clear();
  check_fails(b, "1 parameters but 0 inputs");
}

TEST_CASE("a sub-graph breaks a rule") {
  BrokenGraph inner;
  inner.outputs()[0] = {9, 0};
  BrokenGraph b;
  b.graph = parse(R"(graph outer {
  %0 = parameter{index=0}: f32[3]
  %1 = call(%0){body=graph inner { %0 = parameter{index=0}: f32[3] return %0 }}: f32[3]
  return %1
})");
  verify(b.graph);
  b.attrs(1) = {GraphPtr()};
  CHECK_THROWS_AS(verify(b.graph), InternalError);
  BrokenGraph sound;
  b.attrs(1) = {std::make_shared<const Graph>(sound.graph)};
  CHECK_THROWS_AS(verify(b.graph), InternalError);  // another result type
  b.type({1, 0}).shape = {};
  b.operand(1, 0) = {0, 0};
  b.graph = parse(R"(graph outer {
  %0 = parameter{index=0}: f32[3]
  %1 = call(%0){body=graph inner { %0 = parameter{index=0}: f32[3]
    %1 = reduce_sum(%0){axes=[0]}: f32[] return %1 }}: f32[]
  return %1
})");
  auto nested = std::make_shared<BrokenGraph>();
  nested->operand(1, 0) = {2, 0};
  b.attrs(1) = {GraphPtr(nested, &nested->graph)};
  check_fails(b, "node %1 (neg, a.cpp:5): operand 0 is no result of an earlier node; got %2.0");
}

}  // namespace
}  // namespace gradus::ir
