#include "compiler/ir/verify.h"

#include <fmt/format.h>

#include <unordered_set>

#include "compiler/ops/op.h"

namespace gradus::ir {
namespace {

using ops::OpDef;

class Verifier {
 public:
  /// Sub-graphs found on the way are appended to `pending`.
  Verifier(const Graph& graph, std::vector<const Graph*>& pending)
      : graph_(graph), pending_(pending) {}

  void run() {
    for (NodeId n = 0; n < graph_.size(); ++n)
      node(n);
    inputs();
    for (size_t i = 0; i < graph_.outputs().size(); ++i) {
      if (!exists(graph_.outputs()[i], static_cast<NodeId>(graph_.size()))) {
        fail(fmt::format("output {} is no result of a node", i));
      }
    }
  }

 private:
  [[noreturn]] void fail(const std::string& rule) const {
    throw InternalError(
        fmt::format("internal error (a bug in Gradus): graph '{}': {}", graph_.name(), rule));
  }
  [[noreturn]] void fail(NodeId n, const std::string& rule) const {
    const char* name = graph_.node(n).op ? graph_.op(n).name.c_str() : "no op";
    std::string at;
    if (const SourcePos s = graph_.source(n)) at = fmt::format(", {}:{}", s.file, s.line);
    fail(fmt::format("node %{} ({}{}): {}", n, name, at, rule));
  }

  bool exists(Value v, NodeId before) const {
    return v.node < before && v.out < graph_.results(v.node);
  }

  void node(NodeId n) {
    const OpDef* op = graph_.node(n).op;
    if (!op || ops::find_op(op->name) != op) fail(n, "its op is not registered");
    const auto operands = graph_.operands(n);
    for (size_t i = 0; i < operands.size(); ++i) {
      if (!exists(operands[i], n)) {
        fail(n, fmt::format("operand {} is no result of an earlier node; got %{}.{}", i,
                            operands[i].node, operands[i].out));
      }
    }
    if (op->operands >= 0 && static_cast<size_t>(op->operands) != operands.size()) {
      fail(n, fmt::format("its row has {} operands; got {}", op->operands, operands.size()));
    }
    attributes(n, *op);
    if (op != parameter_) types(n, *op);
  }

  void attributes(NodeId n, const OpDef& op) {
    const Attrs& attrs = graph_.attrs(n);
    if (attrs.size() != op.attributes.size()) {
      fail(n, fmt::format("its row has {} attributes; got {}", op.attributes.size(), attrs.size()));
    }
    for (size_t i = 0; i < attrs.size(); ++i) {
      if (attrs[i].index() != static_cast<size_t>(op.attributes[i].kind)) {
        fail(n, fmt::format("attribute '{}' is of another kind than in its row",
                            op.attributes[i].name));
      }
      if (const auto* body = std::get_if<GraphPtr>(&attrs[i])) {
        if (!*body) fail(n, fmt::format("attribute '{}' is no graph", op.attributes[i].name));
        pending_.push_back(body->get());
      }
    }
  }

  void types(NodeId n, const OpDef& op) {
    std::vector<Type> in, expected;
    for (Value v : graph_.operands(n))
      in.push_back(graph_.type(v));
    try {
      expected = op.infer({{op, graph_.attrs(n)}, in, graph_.source(n)});
    } catch (const Error& e) {
      fail(n, fmt::format("its type rule refuses it: {}", e.what()));
    }
    if (expected.size() != graph_.results(n)) {
      fail(n, fmt::format("its type rule gives {} results; got {}", expected.size(),
                          graph_.results(n)));
    }
    for (uint32_t i = 0; i < expected.size(); ++i) {
      if (expected[i] == graph_.type({n, i})) continue;
      fail(n, fmt::format("its type rule gives {} for result {}; got {}", to_string(expected[i]), i,
                          to_string(graph_.type({n, i}))));
    }
  }

  void inputs() {
    size_t parameters = 0;
    for (NodeId n = 0; n < graph_.size(); ++n)
      parameters += &graph_.op(n) == parameter_;
    if (parameters != graph_.inputs().size()) {
      fail(fmt::format("{} parameters but {} inputs", parameters, graph_.inputs().size()));
    }
    for (size_t i = 0; i < graph_.inputs().size(); ++i) {
      const Value v = graph_.inputs()[i];
      if (!exists(v, static_cast<NodeId>(graph_.size())) || &graph_.op(v.node) != parameter_ ||
          graph_.attr<int64_t>(v.node, "index") != static_cast<int64_t>(i)) {
        fail(fmt::format("input {} is not the parameter of index {}", i, i));
      }
    }
    if (graph_.input_names().size() != graph_.inputs().size() ||
        graph_.output_names().size() != graph_.outputs().size()) {
      fail("inputs and outputs do not have one name each");
    }
  }

  const Graph& graph_;
  std::vector<const Graph*>& pending_;
  const OpDef* const parameter_ = ops::find_op("parameter");
};

}  // namespace

void verify(const Graph& graph) {
  std::vector<const Graph*> pending{&graph};
  std::unordered_set<const Graph*> seen;
  while (!pending.empty()) {
    const Graph* next = pending.back();
    pending.pop_back();
    if (seen.insert(next).second) Verifier(*next, pending).run();
  }
}

}  // namespace gradus::ir
