#include "compiler/transforms/linearize.h"

#include <fmt/format.h>

#include "compiler/ops/op.h"
#include "compiler/transforms/dce.h"
#include "compiler/transforms/inline_calls.h"
#include "compiler/transforms/rebuild.h"

namespace gradus::transforms {
namespace {

using ir::Builder;
using ir::Graph;
using ir::NodeId;
using ir::Value;
using ir::ValueMap;
using ops::OpDef;

void expect_differentiable(const Graph& f, std::span<const int> wrt) {
  for (int i : wrt) {
    const auto input = static_cast<size_t>(i);
    GRADUS_CHECK(input < f.inputs().size());
    const Type& type = f.type(f.inputs()[input]);
    if (is_float(type.dtype)) continue;
    const std::string& name = f.input_name(input);
    throw TransformError(
        {.op = "grad",
         .what = fmt::format("{} is not differentiable; got {}, expected f32 or f64",
                             name.empty() ? fmt::format("argument {}", i) : name, to_string(type)),
         .where = f.source(f.inputs()[input].node),
         .remedy = "convert it, or do not differentiate with respect to it"});
  }
}

/// The tangents of one node's results from those of its operands.
class NodeRule {
 public:
  NodeRule(Builder& b, const Graph& f, NodeId n, std::span<const Value> in,
           std::span<const Value> out, std::span<const Value> tangents)
      : b_(b), f_(f), n_(n), op_(f.op(n)), in_(in), out_(out), tangents_(tangents) {}

  std::vector<Value> run() {
    if (!op_.multilinear && !op_.linear.empty() && applies_to_tangents())
      return apply_to_tangents();
    std::vector<Value> sums(out_.size());
    for (size_t i = 0; i < in_.size(); ++i) {
      if (!tangents_[i]) continue;
      const auto parts = partial(static_cast<int>(i));
      for (size_t k = 0; k < sums.size(); ++k)
        accumulate(sums[k], parts[k]);
    }
    return sums;
  }

 private:
  bool is_linear_in(size_t i) const { return op_.is_linear_in(static_cast<int>(i)); }

  /// A jointly linear op maps tangents as it maps values. With a rule of its own it does so only if
  /// that makes no zeros real.
  bool applies_to_tangents() const {
    for (size_t i = 0; i < in_.size(); ++i) {
      if (!is_linear_in(i) && tangents_[i]) return false;
      if (is_linear_in(i) && !tangents_[i] && op_.jvp) return false;
    }
    return true;
  }

  std::vector<Value> apply_to_tangents() {
    std::vector<Value> operands(in_.begin(), in_.end());
    for (size_t i = 0; i < in_.size(); ++i) {
      if (!is_linear_in(i)) continue;
      operands[i] = tangents_[i] ? tangents_[i] : b_.zeros(b_.type(in_[i]));
    }
    return b_.add_node(op_, operands, f_.attrs(n_));
  }

  std::vector<Value> partial(int i) {
    const auto operand = static_cast<size_t>(i);
    if (op_.jvp) {
      auto parts = op_.jvp({{op_, f_.attrs(n_)}, b_, in_, out_, i, tangents_[operand]});
      GRADUS_CHECK(parts.size() == out_.size(), op_.name);
      return parts;
    }
    if (is_linear_in(operand) && (op_.multilinear || op_.linear.size() == 1)) {
      std::vector<Value> operands(in_.begin(), in_.end());
      operands[operand] = tangents_[operand];
      return b_.add_node(op_, operands, f_.attrs(n_));
    }
    throw TransformError({.op = op_.name,
                          .what = "has no derivative: " + op_.no_jvp,
                          .where = f_.source(n_),
                          .remedy = "use stop_gradient on its operand"});
  }

  void accumulate(Value& sum, Value part) {
    static const OpDef& add = ops::op_named("add");
    if (!part) return;
    sum = sum ? b_.add(add, {sum, part}) : part;
  }

  Builder& b_;
  const Graph& f_;
  NodeId n_;
  const OpDef& op_;
  std::span<const Value> in_, out_, tangents_;
};

/// Results that can carry a tangent.
bool any_float(const Graph& f, NodeId n) {
  for (uint32_t i = 0; i < f.results(n); ++i) {
    if (is_float(f.type({n, i}).dtype)) return true;
  }
  return false;
}

Linearized linearize_inlined(const Graph& f, std::span<const int> wrt, size_t wanted) {
  Builder b(f.name());
  ValueMap primal(f), tangent(f);
  copy_inputs(f, b, primal);
  for (int i : wrt) {
    const Value v = f.inputs()[static_cast<size_t>(i)];
    const std::string& name = f.input_name(static_cast<size_t>(i));
    tangent[v] = b.parameter(f.type(v), name.empty() ? name : "tangent of " + name);
  }
  for (NodeId n = 0; n < f.size(); ++n) {
    if (is_parameter(f, n)) continue;
    const auto in = primal.all(f.operands(n));
    const auto out = b.copy_node(f, n, in);
    primal.set(n, out);
    const auto tangents = tangent.all(f.operands(n));
    const bool moves = std::ranges::any_of(tangents, [](Value t) { return bool(t); });
    if (moves && any_float(f, n)) tangent.set(n, NodeRule(b, f, n, in, out, tangents).run());
  }
  Linearized result{.primal_inputs = f.inputs().size(), .primal_outputs = f.outputs().size()};
  auto outputs = primal.all(f.outputs());
  auto names = output_names(f);
  for (size_t i = 0; i < result.primal_outputs; ++i) {
    const Value t = i < wanted ? tangent[f.outputs()[i]] : Value{};
    result.tangent.push_back(t ? static_cast<int>(outputs.size()) : -1);
    if (!t) continue;
    outputs.push_back(t);
    names.push_back(names[i].empty() ? names[i] : "tangent of " + names[i]);
  }
  result.graph = dce(b.finish(outputs, names));
  return result;
}

}  // namespace

Linearized linearize(const Graph& f, std::span<const int> wrt, size_t outputs) {
  expect_differentiable(f, wrt);
  return linearize_inlined(inline_calls(f), wrt, outputs);
}

Graph jvp(const Graph& f, std::span<const int> wrt) {
  const Linearized linear = linearize(f, wrt);
  const Graph& g = linear.graph;
  Builder b(f.name());
  std::vector<Value> inputs;
  for (size_t i = 0; i < g.inputs().size(); ++i) {
    inputs.push_back(b.parameter(g.type(g.inputs()[i]), g.input_name(i)));
  }
  const auto values = b.inline_graph(g, inputs);
  auto outputs = std::vector(values.begin(),
                             values.begin() + static_cast<std::ptrdiff_t>(linear.primal_outputs));
  auto names = output_names(f);
  for (size_t i = 0; i < linear.primal_outputs; ++i) {
    const Type& type = f.type(f.outputs()[i]);
    if (!is_float(type.dtype)) continue;
    const int t = linear.tangent[i];
    outputs.push_back(t < 0 ? b.zeros(type) : values[static_cast<size_t>(t)]);
    names.push_back(names[i].empty() ? names[i] : "tangent of " + names[i]);
  }
  return b.finish(outputs, names);
}

}  // namespace gradus::transforms
