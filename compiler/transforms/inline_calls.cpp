#include "compiler/transforms/inline_calls.h"

#include <unordered_map>

#include "compiler/ops/op.h"
#include "compiler/transforms/rebuild.h"

namespace gradus::transforms {
namespace {

using ir::Graph;
using ir::NodeId;

bool is_call(const Graph& graph, NodeId n) {
  static const ops::OpDef& call = ops::op_named("call");
  return &graph.op(n) == &call;
}

bool has_calls(const Graph& graph) {
  for (NodeId n = 0; n < graph.size(); ++n) {
    if (is_call(graph, n)) return true;
  }
  return false;
}

}  // namespace

Graph inline_calls(const Graph& graph) {
  if (!has_calls(graph)) return graph;
  std::unordered_map<const Graph*, Graph> bodies;
  ir::Builder b(graph.name());
  ir::ValueMap map(graph);
  copy_inputs(graph, b, map);
  for (NodeId n = 0; n < graph.size(); ++n) {
    if (is_parameter(graph, n)) continue;
    const auto operands = map.all(graph.operands(n));
    if (!is_call(graph, n)) {
      map.set(n, b.copy_node(graph, n, operands));
      continue;
    }
    // Recursion follows the nesting of the user's functions, not the depth of a graph.
    const Graph& body = *graph.attr<ir::GraphPtr>(n, "body");
    auto it = bodies.find(&body);
    if (it == bodies.end()) it = bodies.emplace(&body, inline_calls(body)).first;
    map.set(n, b.inline_graph(it->second, operands));
  }
  return finish_like(graph, b, map);
}

}  // namespace gradus::transforms
