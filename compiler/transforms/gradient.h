// Reverse mode: linearise, split what is linear, transpose that, join.
#pragma once

#include <span>

#include "compiler/ir/graph.h"

namespace gradus::transforms {

/// Inputs…, cotangents of the float outputs… -> outputs…, cotangents of the inputs `wrt`….
ir::Graph vjp(const ir::Graph& f, std::span<const int> wrt);

/// Inputs… -> [outputs…,] gradients of output 0 by the inputs `wrt`…; the outputs if
/// `with_outputs`. Throws TransformError if output 0 is not a float scalar.
ir::Graph gradient(const ir::Graph& f, std::span<const int> wrt, bool with_outputs = false);

}  // namespace gradus::transforms
