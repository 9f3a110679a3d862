#include "compiler/transforms/dce.h"

#include "compiler/ops/op.h"
#include "compiler/transforms/rebuild.h"

namespace gradus::transforms {

ir::Graph dce(const ir::Graph& graph) {
  std::vector<bool> live(graph.size());
  for (ir::Value v : graph.outputs())
    live[v.node] = true;
  for (ir::NodeId n = static_cast<ir::NodeId>(graph.size()); n-- > 0;) {
    if (graph.op(n).effect) live[n] = true;
    if (!live[n]) continue;
    for (ir::Value v : graph.operands(n))
      live[v.node] = true;
  }
  ir::Builder b(graph.name());
  ir::ValueMap map(graph);
  copy_inputs(graph, b, map);
  for (ir::NodeId n = 0; n < graph.size(); ++n) {
    if (!live[n] || is_parameter(graph, n)) continue;
    map.set(n, b.copy_node(graph, n, map.all(graph.operands(n))));
  }
  return finish_like(graph, b, map);
}

}  // namespace gradus::transforms
