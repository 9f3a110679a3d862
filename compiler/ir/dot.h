// Graphs for other programs: Graphviz and JSON. Neither reads back; the text form does.
#pragma once

#include <string>
#include <string_view>

#include "compiler/ir/graph.h"

namespace gradus::ir {

/// A `digraph`: one box per node, coloured by family, sub-graphs as clusters.
std::string to_dot(const Graph& graph);

/// {"name", "inputs": [{"name", "value"}], "outputs": [...], "nodes": [{"id", "op", "operands":
/// ["%0"], "results": [{"value", "type"}], "attributes": {name: text or sub-graph}, "source"}],
/// "edges": [{"from", "to", "value", "operand"}]}.
std::string to_json(const Graph& graph);

/// The text as a JSON string, in quotes.
std::string json_string(std::string_view text);

}  // namespace gradus::ir
