#include <fmt/format.h>

#include "compiler/ir/dot.h"
#include "compiler/ir/print.h"
#include "compiler/ops/op.h"

namespace gradus::ir {
namespace {

/// Appends `parts` between brackets, separated by commas.
template <class Count, class Part>
void list(std::string& out, Count count, const char* separator, Part part) {
  out += '[';
  for (Count i = 0; i < count; ++i) {
    if (i) out += separator;
    part(i);
  }
  out += ']';
}

void append(std::string& out, const Graph& g);

void append_value(std::string& out, const Graph& g, Value v, std::string_view name) {
  out += fmt::format(R"({{"name": {}, "value": {}, "type": {}}})", json_string(name),
                     json_string(name_of(g, v)), json_string(to_string(g.type(v))));
}

void append_node(std::string& out, const Graph& g, NodeId n) {
  const ops::OpDef& op = g.op(n);
  out += fmt::format(R"({{"id": {}, "op": {}, "operands": )", n, json_string(op.name));
  const auto in = g.operands(n);
  list(out, in.size(), ", ", [&](size_t i) { out += json_string(name_of(g, in[i])); });
  out += ", \"results\": ";
  list(out, g.results(n), ", ", [&](uint32_t i) {
    out += fmt::format(R"({{"value": {}, "type": {}}})", json_string(name_of(g, {n, i})),
                       json_string(to_string(g.type({n, i}))));
  });
  out += ", \"attributes\": {";
  const Type* first = g.results(n) ? &g.type({n, 0}) : nullptr;
  for (size_t i = 0; i < op.attributes.size(); ++i) {
    if (i) out += ", ";
    out += json_string(op.attributes[i].name) + ": ";
    if (const auto* inner = std::get_if<GraphPtr>(&g.attrs(n)[i])) {
      append(out, **inner);
    } else {
      out += json_string(attr_text(g.attrs(n)[i], first));
    }
  }
  out += '}';
  if (const SourcePos at = g.source(n)) {
    out += fmt::format(R"(, "source": {})", json_string(fmt::format("{}:{}", at.file, at.line)));
  }
  out += '}';
}

void append(std::string& out, const Graph& g) {
  out += fmt::format("{{\"name\": {},\n\"inputs\": ", json_string(g.name()));
  list(out, g.inputs().size(), ",\n  ",
       [&](size_t i) { append_value(out, g, g.inputs()[i], g.input_name(i)); });
  out += ",\n\"outputs\": ";
  list(out, g.outputs().size(), ",\n  ",
       [&](size_t i) { append_value(out, g, g.outputs()[i], g.output_name(i)); });
  out += ",\n\"nodes\": ";
  list(out, g.size(), ",\n  ", [&](size_t n) { append_node(out, g, static_cast<NodeId>(n)); });
  out += ",\n\"edges\": [";
  bool first = true;
  for (NodeId n = 0; n < g.size(); ++n) {
    const auto in = g.operands(n);
    for (size_t i = 0; i < in.size(); ++i) {
      out += fmt::format(R"({}{{"from": {}, "to": {}, "value": "{}", "operand": {}}})",
                         first ? "" : ",\n  ", in[i].node, n, name_of(g, in[i]), i);
      first = false;
    }
  }
  out += "]}";
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", c);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string to_json(const Graph& graph) {
  std::string out;
  append(out, graph);
  return out + '\n';
}

}  // namespace gradus::ir
