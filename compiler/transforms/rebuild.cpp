#include "compiler/transforms/rebuild.h"

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

}  // namespace gradus::transforms
