#include "compiler/transforms/fuse_multiply_add.h"

#include "compiler/ops/build.h"
#include "compiler/ops/op.h"
#include "compiler/transforms/dce.h"
#include "compiler/transforms/rebuild.h"

namespace gradus::transforms {
namespace {

using ir::Builder;
using ir::Graph;
using ir::NodeId;
using ir::Value;
using ir::ValueMap;

class Fuser {
 public:
  explicit Fuser(const Graph& graph)
      : graph_(graph), uses_(ir::count_uses(graph)), b_(graph.name()), map_(graph) {}

  Graph run() {
    copy_inputs(graph_, b_, map_);
    for (NodeId n = 0; n < graph_.size(); ++n) {
      if (is_parameter(graph_, n)) continue;
      if (const Value v = fused(n)) {
        map_[Value{n, 0}] = v;
      } else {
        map_.set(n, b_.copy_node(graph_, n, map_.all(graph_.operands(n))));
      }
    }
    return dce(finish_like(graph_, b_, map_));
  }

 private:
  bool is(NodeId n, const ops::OpDef& op) const { return &graph_.op(n) == &op; }

  /// v is a product of floats that only one node reads.
  bool is_product(Value v) const {
    static const ops::OpDef& mul = ops::op_named("mul");
    return is(v.node, mul) && uses_[graph_.value_index(v)] == 1;
  }

  Value fused(NodeId n) {
    static const ops::OpDef &add = ops::op_named("add"), &sub = ops::op_named("sub");
    const bool adds = is(n, add);
    if ((!adds && !is(n, sub)) || !is_float(graph_.type({n, 0}).dtype)) return {};
    const Value x = graph_.operands(n)[0], y = graph_.operands(n)[1];
    const Value product = is_product(x) ? x : y;
    if (!is_product(product)) return {};
    if (graph_.source(n)) b_.set_source(graph_.source(n));
    const auto factors = graph_.operands(product.node);
    Value a = map_[factors[0]], c = map_[product == x ? y : x];
    const Value b = map_[factors[1]];
    if (!adds && product == x) c = ops::neg(b_, c);
    if (!adds && product != x) return ops::fma(b_, negated_constant_first(a, b), other_, c);
    return ops::fma(b_, a, b, c);
  }

  /// One factor negated, a constant if there is one (then nothing is left to compute); the other is
  /// left in other_.
  Value negated_constant_first(Value a, Value b) {
    const bool second = b_.literal(b) && !b_.literal(a);
    other_ = second ? a : b;
    return ops::neg(b_, second ? b : a);
  }

  const Graph& graph_;
  std::vector<uint32_t> uses_;
  Builder b_;
  ValueMap map_;
  Value other_;
};

}  // namespace

Graph fuse_multiply_add(const Graph& graph) {
  return Fuser(graph).run();
}

}  // namespace gradus::transforms
