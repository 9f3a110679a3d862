#include "compiler/transforms/simplify.h"

#include "compiler/ops/axes.h"
#include "compiler/ops/build.h"
#include "compiler/ops/op.h"
#include "compiler/transforms/rebuild.h"

namespace gradus::transforms {
namespace {

using ir::Builder;
using ir::Graph;
using ir::Ints;
using ir::NodeId;
using ir::Value;

bool is_splat(const Builder& b, Value v) {
  const ir::Literal* literal = b.literal(v);
  return literal && literal->is_splat();
}

/// f(broadcast(x), broadcast(y), splat) = broadcast(f(x, y, splat)): computed once per element of
/// x. No results if the operands are not all the same broadcast, or splats.
std::vector<Value> computed_before_broadcast(Builder& b, const Graph& graph, NodeId n,
                                             std::span<const Value> in) {
  static const ops::OpDef& broadcast = ops::op_named("broadcast");
  if (graph.op(n).family != ops::Family::Elementwise) return {};
  Value first;
  for (Value v : in) {
    if (&b.graph().op(v.node) != &broadcast) {
      if (!is_splat(b, v)) return {};
    } else if (!first) {
      first = v;
    } else if (b.type(v).shape != b.type(first).shape ||
               ops::ints_of(b, v, 1) != ops::ints_of(b, first, 1)) {
      return {};
    }
  }
  if (!first) return {};
  const Ints dims = ops::ints_of(b, first, 1);
  const Shape shape = b.type(first).shape;
  const Shape smaller = b.type(b.graph().operands(first.node)[0]).shape;
  std::vector<Value> operands;
  for (Value v : in) {
    const ir::Literal* literal = b.literal(v);
    operands.push_back(literal ? b.constant(literal->splat_like(smaller))
                               : b.graph().operands(v.node)[0]);
  }
  if (graph.source(n)) b.set_source(graph.source(n));
  std::vector<Value> results;
  for (Value v : b.add_node(graph.op(n), operands, graph.attrs(n))) {
    results.push_back(ops::broadcast(b, v, shape, dims));
  }
  return results;
}

}  // namespace

Graph simplify(const Graph& graph) {
  Builder b(graph.name());
  ir::ValueMap map(graph);
  return rebuild(graph, b, map, [&](NodeId n, std::span<const Value> in) {
    return computed_before_broadcast(b, graph, n, in);
  });
}

}  // namespace gradus::transforms
