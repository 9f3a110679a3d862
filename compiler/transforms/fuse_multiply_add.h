#pragma once

#include "compiler/ir/graph.h"

namespace gradus::transforms {

/// a * b + c with one rounding, where the product has no other reader. This is the one place where
/// a multiplication and an addition are fused: what is no fma in the graph is none in machine code.
ir::Graph fuse_multiply_add(const ir::Graph& graph);

}  // namespace gradus::transforms
