// The text form of graphs (`.gr`), documented by grammar and example in README.md beside this file.
// parse(print(g)) is g: nodes, types, attributes, names and source positions.
#pragma once

#include <string>

#include "compiler/ir/graph.h"

namespace gradus::ir {

struct PrintOptions {
  /// Trailing `// file:line` comments.
  bool sources = true;
};

std::string print(const Graph& graph, const PrintOptions& options = {});

/// "%7", or "%7.1" for a result of a node that has several (or none).
std::string name_of(const Graph& graph, Value v);

/// The pieces: element i of a literal ("0.1", "-0.0", "0x7fc00001", "true", "key(0,7)"), and a text
/// in quotes.
std::string element_text(const Literal& literal, int64_t i);
std::string quoted(std::string_view text);
/// An attribute as it stands after the `=`; sub-graphs are indented by `indent` spaces. The type of
/// a literal is left out where it is `implied`.
std::string attr_text(const Attr& attr, const Type* implied = nullptr, int indent = 0,
                      const PrintOptions& options = {});

}  // namespace gradus::ir
