#include "compiler/transforms/decompose.h"

#include "compiler/ops/op.h"
#include "compiler/transforms/rebuild.h"

namespace gradus::transforms {
using ir::Builder;
using ir::Graph;
using ir::NodeId;

Graph decompose(const Graph& graph) {
  bool any = false;
  for (NodeId n = 0; n < graph.size(); ++n)
    any |= graph.op(n).decompose != nullptr;
  if (!any) return graph;
  Builder b(graph.name());
  ir::ValueMap map(graph);
  return rebuild(graph, b, map, [&](NodeId n, std::span<const ir::Value> in) {
    const ops::OpDef& op = graph.op(n);
    if (!op.decompose) return std::vector<ir::Value>();
    if (graph.source(n)) b.set_source(graph.source(n));
    return op.decompose(b, in, graph.attrs(n));
  });
}

}  // namespace gradus::transforms
