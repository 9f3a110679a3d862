#pragma once

#include "compiler/ir/graph.h"

namespace gradus::transforms {

/// Rewrites what no affine index map says: interior padding becomes a reshape, a pad and a reshape.
ir::Graph decompose(const ir::Graph& graph);

}  // namespace gradus::transforms
