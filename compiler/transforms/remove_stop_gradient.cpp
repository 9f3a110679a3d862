#include "compiler/transforms/remove_stop_gradient.h"

#include "compiler/ops/op.h"
#include "compiler/transforms/rebuild.h"

namespace gradus::transforms {

ir::Graph remove_stop_gradient(const ir::Graph& graph) {
  static const ops::OpDef& stop_gradient = ops::op_named("stop_gradient");
  bool any = false;
  for (ir::NodeId n = 0; n < graph.size(); ++n)
    any |= &graph.op(n) == &stop_gradient;
  if (!any) return graph;
  ir::Builder b(graph.name());
  ir::ValueMap map(graph);
  copy_inputs(graph, b, map);
  for (ir::NodeId n = 0; n < graph.size(); ++n) {
    if (is_parameter(graph, n)) continue;
    const auto operands = map.all(graph.operands(n));
    if (&graph.op(n) == &stop_gradient) {
      map[ir::Value{n, 0}] = operands[0];
    } else {
      map.set(n, b.copy_node(graph, n, operands));
    }
  }
  return finish_like(graph, b, map);
}

}  // namespace gradus::transforms
