#include "compiler/transforms/decompose.h"

#include "compiler/ops/op.h"
#include "compiler/transforms/dce.h"
#include "compiler/transforms/rebuild.h"

namespace gradus::transforms {
using ir::Builder;
using ir::Graph;
using ir::NodeId;

Graph decompose(const Graph& graph) {
  Builder b(graph.name());
  ir::ValueMap map(graph);
  copy_inputs(graph, b, map);
  for (NodeId n = 0; n < graph.size(); ++n) {
    if (is_parameter(graph, n)) continue;
    const auto in = map.all(graph.operands(n));
    const ops::OpDef& op = graph.op(n);
    std::vector<ir::Value> parts;
    if (op.decompose) {
      if (graph.source(n)) b.set_source(graph.source(n));
      parts = op.decompose(b, in, graph.attrs(n));
    }
    map.set(n, parts.empty() ? b.copy_node(graph, n, in) : parts);
  }
  return dce(finish_like(graph, b, map));
}

}  // namespace gradus::transforms
