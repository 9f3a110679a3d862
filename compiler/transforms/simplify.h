#pragma once

#include "compiler/ir/graph.h"

namespace gradus::transforms {

/// Builds the graph anew: folding, numbering and the rows' simplifications see operands that other
/// passes have changed, and nodes that nothing needs vanish. Exact: the same bits come out.
ir::Graph simplify(const ir::Graph& graph);

}  // namespace gradus::transforms
