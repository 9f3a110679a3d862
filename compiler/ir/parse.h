// Reads the text form of graphs (README.md beside this file).
#pragma once

#include <string>
#include <string_view>

#include "compiler/ir/graph.h"

namespace gradus::ir {

/// The graph as written: nothing is folded, numbered or dropped. Throws ParseError with
/// file:line:column for a text that is no graph; `file` names the text in messages.
Graph parse(std::string_view text, std::string_view file = "text");

/// The graph in a file. Throws DataError when it cannot be read.
Graph parse_file(const std::string& path);

/// Sub-graphs nest at most this deep.
constexpr int kDeepestNesting = 64;

}  // namespace gradus::ir
