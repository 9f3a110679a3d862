#include "compiler/ir/dot.h"

#include <fmt/format.h>

#include "compiler/ir/print.h"
#include "compiler/ops/op.h"

namespace gradus::ir {
namespace {

/// An attribute short enough for a box.
std::string short_attr(const Attr& attr, const Type* implied) {
  if (std::holds_alternative<GraphPtr>(attr)) return "graph " + std::get<GraphPtr>(attr)->name();
  if (const auto* l = std::get_if<Literal>(&attr); l && !l->is_splat()) return "dense […]";
  return attr_text(attr, implied);
}

class DotPrinter {
 public:
  std::string run(const Graph& graph) {
    out_ =
        "digraph " + quoted(graph.name()) +
        " {\n  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=monospace];\n";
    body(graph, "n", 2);
    return out_ + "}\n";
  }

 private:
  static std::string_view colour(const ops::OpDef& op) {
    switch (op.family) {
      case ops::Family::Structure:
        return "gray90";
      case ops::Family::Elementwise:
        return "white";
      case ops::Family::Reduce:
        return "khaki1";
      case ops::Family::Layout:
        return "lavender";
      case ops::Family::Contract:
        return "lightsalmon";
      case ops::Family::Index:
        return "palegreen";
      case ops::Family::Control:
        return "lightblue";
    }
    __builtin_unreachable();
  }

  void line(int indent, const std::string& text) {
    out_.append(static_cast<size_t>(indent), ' ');
    out_ += text + ";\n";
  }

  /// `prefix` sets the ids of one graph apart from those of the others.
  void body(const Graph& g, const std::string& prefix, int indent) {
    static const ops::OpDef& parameter = ops::op_named("parameter");
    for (NodeId n = 0; n < g.size(); ++n) {
      const ops::OpDef& op = g.op(n);
      std::string label = fmt::format("%{} {}", n, op.name);
      if (&op == &parameter) {
        label += " " + g.input_name(static_cast<size_t>(g.attr<int64_t>(n, "index")));
      }
      const Type* first = g.results(n) ? &g.type({n, 0}) : nullptr;
      for (size_t i = 0; i < op.attributes.size(); ++i) {
        label += fmt::format("\n{}={}", op.attributes[i].name, short_attr(g.attrs(n)[i], first));
      }
      for (uint32_t i = 0; i < g.results(n); ++i)
        label += "\n" + to_string(g.type({n, i}));
      line(indent,
           fmt::format("{}{} [label={}, fillcolor={}]", prefix, n, quoted(label), colour(op)));
      for (Value v : g.operands(n)) {
        line(indent, fmt::format("{}{} -> {}{} [label={}]", prefix, v.node, prefix, n,
                                 quoted(g.results(v.node) == 1 ? "" : std::to_string(v.out))));
      }
      for (size_t i = 0; i < op.attributes.size(); ++i) {
        const auto* inner = std::get_if<GraphPtr>(&g.attrs(n)[i]);
        if (!inner) continue;
        const std::string id = fmt::format("{}{}_{}_", prefix, n, i);
        out_ += fmt::format("{:{}}subgraph {} {{\n", "", indent, quoted("cluster_" + id));
        line(indent + 2, fmt::format("label={}", quoted(fmt::format("%{} {} {}", n, op.name,
                                                                    op.attributes[i].name))));
        body(**inner, id, indent + 2);
        out_ += fmt::format("{:{}}}}\n", "", indent);
      }
    }
    for (size_t i = 0; i < g.outputs().size(); ++i) {
      const std::string label = fmt::format("result {} {}", i, g.output_name(i));
      line(indent, fmt::format("{}out{} [label={}, shape=plaintext]", prefix, i, quoted(label)));
      line(indent, fmt::format("{}{} -> {}out{}", prefix, g.outputs()[i].node, prefix, i));
    }
  }

  std::string out_;
};

}  // namespace

std::string to_dot(const Graph& graph) {
  return DotPrinter().run(graph);
}

}  // namespace gradus::ir
