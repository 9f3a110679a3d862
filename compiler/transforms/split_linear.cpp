#include "compiler/transforms/split_linear.h"

#include "compiler/ops/op.h"
#include "compiler/transforms/dce.h"
#include "compiler/transforms/rebuild.h"

namespace gradus::transforms {

using ir::Builder;
using ir::Graph;
using ir::NodeId;
using ir::Value;
using ir::ValueMap;

std::vector<bool> depends_on_inputs(const Graph& graph, size_t first) {
  std::vector<bool> depends(graph.num_values());
  for (Value v : graph.inputs().subspan(first))
    depends[graph.value_index(v)] = true;
  for (NodeId n = 0; n < graph.size(); ++n) {
    if (is_parameter(graph, n)) continue;
    const bool any = std::ranges::any_of(graph.operands(n),
                                         [&](Value v) { return depends[graph.value_index(v)]; });
    for (uint32_t i = 0; i < graph.results(n); ++i)
      depends[graph.value_index({n, i})] = any;
  }
  return depends;
}

namespace {

bool is_read(const Graph& g, NodeId n, const std::vector<bool>& read) {
  for (uint32_t i = 0; i < g.results(n); ++i) {
    if (read[g.value_index({n, i})]) return true;
  }
  return false;
}

/// The node computes nothing, and its operands are smaller than its result.
bool is_view_of_less(const Graph& g, NodeId n) {
  const ops::Family family = g.op(n).family;
  if (family == ops::Family::Structure) return g.operands(n).empty();
  if (family != ops::Family::Layout) return false;
  int64_t elements = 0;
  for (Value v : g.operands(n))
    elements += g.type(v).elements();
  return elements <= g.type({n, 0}).elements();
}

}  // namespace

SplitLinear split_linear(const Linearized& linearized) {
  const Graph& g = linearized.graph;
  const auto depends = depends_on_inputs(g, linearized.primal_inputs);
  const auto is_linear = [&](Value v) { return depends[g.value_index(v)]; };
  const auto is_linear_node = [&](NodeId n) { return g.results(n) > 0 && is_linear({n, 0}); };
  const auto tangents = g.outputs().subspan(linearized.primal_outputs);

  // What the linear side reads: made there anew if that reads less (a view of something smaller, a
  // constant), else a residual.
  std::vector<bool> read(g.num_values()), copied(g.size());
  const auto reads = [&](Value v) {
    read[g.value_index(v)] = read[g.value_index(v)] || !is_linear(v);
  };
  for (Value v : tangents)
    reads(v);
  for (NodeId n = static_cast<NodeId>(g.size()); n-- > 0;) {
    if (is_parameter(g, n)) continue;
    if (!is_linear_node(n)) copied[n] = is_read(g, n, read) && is_view_of_less(g, n);
    if (!is_linear_node(n) && !copied[n]) continue;
    for (Value v : g.operands(n))
      reads(v);
  }
  std::vector<Value> residuals;
  for (NodeId n = 0; n < g.size(); ++n) {
    for (uint32_t i = 0; i < g.results(n); ++i) {
      if (read[g.value_index({n, i})] && !copied[n]) residuals.push_back({n, i});
    }
  }

  Builder primal(g.name()), linear(g.name() + "_linear");
  ValueMap in_primal(g), in_linear(g);
  for (size_t i = 0; i < linearized.primal_inputs; ++i) {
    const Value v = g.inputs()[i];
    in_primal[v] = primal.parameter(g.type(v), g.input_name(i));
  }
  for (Value v : residuals)
    in_linear[v] = linear.parameter(g.type(v));
  for (size_t i = linearized.primal_inputs; i < g.inputs().size(); ++i) {
    const Value v = g.inputs()[i];
    in_linear[v] = linear.parameter(g.type(v), g.input_name(i));
  }
  for (NodeId n = 0; n < g.size(); ++n) {
    if (is_parameter(g, n)) continue;
    if (!is_linear_node(n)) in_primal.set(n, primal.copy_node(g, n, in_primal.all(g.operands(n))));
    if (is_linear_node(n) || copied[n]) {
      in_linear.set(n, linear.copy_node(g, n, in_linear.all(g.operands(n))));
    }
  }

  auto outputs = in_primal.all(g.outputs().first(linearized.primal_outputs));
  std::vector<std::string> names = output_names(g);
  names.resize(outputs.size());
  for (Value v : residuals)
    outputs.push_back(in_primal[v]);
  return {.primal = dce(primal.finish(outputs, names)),
          .linear = dce(linear.finish(in_linear.all(tangents))),
          .residuals = residuals.size()};
}

}  // namespace gradus::transforms
