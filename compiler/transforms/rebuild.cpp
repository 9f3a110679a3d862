#include "compiler/transforms/rebuild.h"

#include "compiler/transforms/dce.h"

#include "compiler/ops/op.h"

namespace gradus::transforms {

using ir::Builder;
using ir::Graph;
using ir::NodeId;
using ir::ValueMap;

bool is_parameter(const Graph& graph, NodeId n) {
  static const ops::OpDef& parameter = ops::op_named("parameter");
  return &graph.op(n) == &parameter;
}

void copy_inputs(const Graph& from, Builder& b, ValueMap& map) {
  for (size_t i = 0; i < from.inputs().size(); ++i) {
    const ir::Value v = from.inputs()[i];
    if (from.source(v.node)) b.set_source(from.source(v.node));
    map[v] = b.parameter(from.type(v), from.input_name(i));
  }
}

std::vector<std::string> output_names(const Graph& graph) {
  std::vector<std::string> names;
  for (size_t i = 0; i < graph.outputs().size(); ++i)
    names.push_back(graph.output_name(i));
  return names;
}

Graph finish_like(const Graph& from, Builder& b, const ValueMap& map) {
  return b.finish(map.all(from.outputs()), output_names(from));
}

ir::Graph rebuild(const ir::Graph& graph, ir::Builder& b, ir::ValueMap& map,
                  const Rewrite& rewrite) {
  copy_inputs(graph, b, map);
  for (ir::NodeId n = 0; n < graph.size(); ++n) {
    if (is_parameter(graph, n)) continue;
    const auto in = map.all(graph.operands(n));
    const auto results = rewrite(n, in);
    if (results.empty()) {
      map.set(n, b.copy_node(graph, n, in));
    } else {
      map.set(n, results);
    }
  }
  return dce(finish_like(graph, b, map));
}

ir::Graph rebuild_by_one(const ir::Graph& graph, ir::Builder& b, ir::ValueMap& map,
                         const RewriteToOne& rewrite) {
  return rebuild(graph, b, map, [&](ir::NodeId n, std::span<const ir::Value> in) {
    const ir::Value v = rewrite(n, in);
    return v ? std::vector{v} : std::vector<ir::Value>();
  });
}

}  // namespace gradus::transforms
