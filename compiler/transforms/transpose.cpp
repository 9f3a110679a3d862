#include "compiler/transforms/transpose.h"

#include "compiler/ops/op.h"
#include "compiler/transforms/dce.h"
#include "compiler/transforms/rebuild.h"
#include "compiler/transforms/split_linear.h"

namespace gradus::transforms {
namespace {

using ir::Builder;
using ir::Graph;
using ir::NodeId;
using ir::Value;
using ir::ValueMap;

class Transposer {
 public:
  Transposer(const Graph& g, size_t residuals)
      : g_(g),
        residuals_(residuals),
        b_(g.name()),
        depends_(depends_on_inputs(g, residuals)),
        value_(g),
        cotangent_(g) {}

  Graph run() {
    for (size_t i = 0; i < residuals_; ++i) {
      const Value v = g_.inputs()[i];
      value_[v] = b_.parameter(g_.type(v), g_.input_name(i));
    }
    std::vector<Value> seeds;
    for (Value v : g_.outputs())
      seeds.push_back(b_.parameter(g_.type(v)));
    for (NodeId n = 0; n < g_.size(); ++n) {
      if (is_parameter(g_, n) || is_linear(n)) continue;
      value_.set(n, b_.copy_node(g_, n, value_.all(g_.operands(n))));
    }
    for (size_t i = 0; i < seeds.size(); ++i)
      accumulate(g_.outputs()[i], seeds[i]);
    for (NodeId n = static_cast<NodeId>(g_.size()); n-- > 0;) {
      if (!is_parameter(g_, n) && is_linear(n)) transpose_node(n);
    }
    std::vector<Value> outputs;
    for (Value v : g_.inputs().subspan(residuals_)) {
      outputs.push_back(cotangent_[v] ? cotangent_[v] : b_.zeros(g_.type(v)));
    }
    return dce(b_.finish(outputs));
  }

 private:
  bool depends(Value v) const { return depends_[g_.value_index(v)]; }
  bool is_linear(NodeId n) const { return g_.results(n) > 0 && depends({n, 0}); }

  void accumulate(Value v, Value part) {
    static const ops::OpDef& add = ops::op_named("add");
    if (!part || !depends(v)) return;
    Value& sum = cotangent_[v];
    sum = sum ? b_.add(add, {sum, part}) : part;
  }

  void transpose_node(NodeId n) {
    std::vector<Value> ct;
    bool any = false;
    for (uint32_t i = 0; i < g_.results(n); ++i) {
      ct.push_back(cotangent_[Value{n, i}]);
      any = any || ct.back();
    }
    if (!any) return;
    const ops::OpDef& op = g_.op(n);
    const auto operands = g_.operands(n);
    std::vector<Value> in;
    std::vector<Type> types;
    int linear = 0;
    for (Value v : operands) {
      in.push_back(depends(v) ? Value{} : value_[v]);
      types.push_back(g_.type(v));
      linear += depends(v);
    }
    if (g_.source(n)) b_.set_source(g_.source(n));
    for (size_t i = 0; i < operands.size(); ++i) {
      if (!depends(operands[i])) continue;
      const int operand = static_cast<int>(i);
      GRADUS_CHECK(op.is_linear_in(operand) && op.transpose, op.name);
      GRADUS_CHECK(!op.multilinear || linear == 1, op.name);
      accumulate(operands[i], op.transpose({{op, g_.attrs(n)}, b_, in, types, operand, ct}));
    }
  }

  const Graph& g_;
  size_t residuals_;
  Builder b_;
  std::vector<bool> depends_;
  ValueMap value_, cotangent_;
};

}  // namespace

Graph transpose(const Graph& linear, size_t residuals) {
  return Transposer(linear, residuals).run();
}

}  // namespace gradus::transforms
