// parse(print(g)) is g, for texts written by hand and for random graphs over the whole op table.
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "compiler/ir/parse.h"
#include "compiler/ir/print.h"
#include "compiler/ir/verify.h"
#include "tests/ir/graph_equality.h"
#include "tests/ir/random_graph.h"
#include "tests/support/op_samples.h"

namespace gradus::ir {
namespace {

// What print writes is what was read, byte for byte.
void check_canonical(std::string_view text) {
  const Graph g = parse(text);
  verify(g);
  CHECK(print(g) == text);
  check_same(parse(print(g)), g);
}

TEST_CASE("a layer with names and positions") {
  check_canonical(R"(graph step {
  %0 "params[0].w" = parameter{index=0}: f32[784,10]
  %1 "x" = parameter{index=1}: f32[128,784]
  %2 = dot(%1, %0){lhs_contract=[1], rhs_contract=[0], lhs_batch=[], rhs_batch=[]}: f32[128,10]  // mlp.cpp:12
  %3 = constant{value=splat 0.0}: f32[128,10]
  %4 = max(%2, %3): f32[128,10]  // my dir/mlp.cpp:13
  %5 = reduce_sum(%4){axes=[0,1]}: f32[]  // C:/mlp.cpp:14
  return %5 "loss", %4
}
)");
}

TEST_CASE("nodes that the builder would fold, number or drop") {
  check_canonical(R"(graph main {
  %0 = constant{value=splat 1.0}: f32[]
  %1 = constant{value=splat 1.0}: f32[]
  %2 = add(%1, %0): f32[]
  %3 = add(%1, %0): f32[]
  %4 = neg(%2): f32[]
  %5 = parameter{index=0}: f32[3]
  return %3
}
)");
}

TEST_CASE("no nodes and no results") {
  check_canonical("graph \"no name\" {\n  return\n}\n");
}

TEST_CASE("results of nodes with several") {
  check_canonical(R"(graph main {
  %0 = parameter{index=0}: f32[]
  %1 = parameter{index=1}: i32[2]
  %2.0, %2.1 = barrier(%0, %1): f32[], i32[2]
  %3 = neg(%2.1): i32[2]
  return %2.0, %3
}
)");
}

TEST_CASE("a graph as attribute") {
  check_canonical(R"(graph main {
  %0 "x" = parameter{index=0}: f32[]  // a.cpp:1
  %1.0, %1.1 = call(%0){body=graph inner {
    %0 "y" = parameter{index=0}: f32[]
    %1 = call(%0){body=graph innermost {
      %0 = parameter{index=0}: f32[]
      %1 = neg(%0): f32[]  // b.cpp:2
      return %1
    }}: f32[]
    return %0, %1 "negative"
  }}: f32[], f32[]  // a.cpp:3
  return %1.1
}
)");
}

TEST_CASE("literals keep their bits") {
  check_canonical(R"(graph main {
  %0 = constant{value=dense [0.1,-0.0,inf,-inf,nan,0x7fc00001,1e-45,3.4028235e+38,16777216.0]}: f32[9]
  %1 = constant{value=dense [0.1,-0.0,0xfff8000000000000,5e-324]}: f64[2,2]
  %2 = constant{value=dense [true,false]}: bool[2]
  %3 = constant{value=dense [-128,127]}: i8[2]
  %4 = constant{value=splat 18446744073709551615}: u64[100000,100000]
  %5 = constant{value=dense [key(0,7),key(4294967295,1)]}: key[2]
  %6 = constant{value=dense []}: f32[0,3]
  %7 = constant{value=splat key(1,2)}: key[]
  return
}
)");
}

TEST_CASE("what another program may write") {
  const Graph g = parse(R"(// A comment.
graph main { // another: one
  %x "x" = parameter {index = 0} : f32 [2,3]  // model.py:7
  %zero = constant{value = f32[2,3] splat 0}: f32[2,3] %m = max ( %x , %zero ) : f32[2,3]
  %same = constant{value=dense [1, 1e0, 1.0, 1, 1, 1]}: f32[2,3]
  %t = transpose(%m){perm=[ 1,0 ]}: f32[3,2]
  // done
  return %t "y"
})",
                        "model.gr");
  verify(g);
  CHECK(print(g) == R"(graph main {
  %0 "x" = parameter{index=0}: f32[2,3]  // model.py:7
  %1 = constant{value=splat 0.0}: f32[2,3]
  %2 = max(%0, %1): f32[2,3]
  %3 = constant{value=splat 1.0}: f32[2,3]
  %4 = transpose(%2){perm=[1,0]}: f32[3,2]
  return %4 "y"
}
)");
}

TEST_CASE("positions can be left out") {
  const Graph g =
      parse("graph g {\n  %0 = parameter{index=0}: f32[]  // a.cpp:3\n  return %0\n}\n");
  CHECK(print(g, {.sources = false}) ==
        "graph g {\n  %0 = parameter{index=0}: f32[]\n  return %0\n}\n");
}

TEST_CASE("random graphs over the op table") {
  std::set<std::string_view> met;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const Graph g = RandomGraph(seed).make(40);
    verify(g);
    const std::string text = print(g);
    const Graph back = parse(text);
    verify(back);
    check_same(back, g);
    CHECK(print(back) == text);
    for (NodeId n = 0; n < g.size(); ++n)
      met.insert(g.op(n).name);
  }
  // Rows whose attributes chance never makes fit come from the samples.
  for (const ops::OpDef* op : ops::all_ops()) {
    INFO(op->name);
    for (const testing::OpSample& sample : testing::samples_of(*op)) {
      const Graph g = testing::graph_of(sample);
      check_same(parse(print(g)), g);
      met.insert(op->name);
    }
    CHECK(met.contains(op->name));
  }
}

}  // namespace
}  // namespace gradus::ir
