#include "compiler/transforms/decompose.h"

#include <algorithm>

#include "compiler/ops/build.h"
#include "compiler/ops/op.h"
#include "compiler/transforms/dce.h"
#include "compiler/transforms/rebuild.h"

namespace gradus::transforms {
namespace {

using ir::Builder;
using ir::Graph;
using ir::Ints;
using ir::NodeId;
using ir::Value;

/// Every element of x gets an axis of its own, which is filled up behind it; the fill behind the
/// last element is then cut off by the padding at the end.
Value pad_without_interior(Builder& b, Value x, Value fill, const Ints& low, const Ints& high,
                           const Ints& interior) {
  const Shape shape = b.type(x).shape;
  Ints apart, behind, merged, end = high;
  for (size_t d = 0; d < interior.size(); ++d) {
    const int64_t extent = shape[static_cast<int>(d)];
    apart.push_back(extent);
    behind.push_back(0);
    merged.push_back(extent * (interior[d] + 1));
    if (interior[d] == 0) continue;
    apart.push_back(1);
    behind.push_back(interior[d]);
    if (extent > 0) end[d] -= interior[d];
  }
  const Ints none(apart.size());
  const Value spaced = ops::pad(b, ops::reshape(b, x, Shape(apart)), fill, none, behind, none);
  return ops::pad(b, ops::reshape(b, spaced, Shape(merged)), fill, low, end, Ints(low.size()));
}

}  // namespace

Graph decompose(const Graph& graph) {
  static const ops::OpDef& padding = ops::op_named("pad");
  Builder b(graph.name());
  ir::ValueMap map(graph);
  copy_inputs(graph, b, map);
  for (NodeId n = 0; n < graph.size(); ++n) {
    if (is_parameter(graph, n)) continue;
    const auto in = map.all(graph.operands(n));
    if (&graph.op(n) == &padding) {
      const auto& interior = graph.attr<Ints>(n, "interior");
      if (std::ranges::any_of(interior, [](int64_t i) { return i > 0; })) {
        if (graph.source(n)) b.set_source(graph.source(n));
        map[Value{n, 0}] = pad_without_interior(b, in[0], in[1], graph.attr<Ints>(n, "low"),
                                                graph.attr<Ints>(n, "high"), interior);
        continue;
      }
    }
    map.set(n, b.copy_node(graph, n, in));
  }
  return dce(finish_like(graph, b, map));
}

}  // namespace gradus::transforms
