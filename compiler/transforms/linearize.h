// Forward mode: a graph beside its derivative along given tangents. Tangents that are zero stay
// absent (nothing is computed for them) up to the graph's border.
#pragma once

#include <span>
#include <vector>

#include "compiler/ir/graph.h"

namespace gradus::transforms {

struct Linearized {
  /// Inputs: those of the function, then the tangents of the inputs `wrt`. Outputs: those of the
  /// function, then the tangents that are not zero.
  ir::Graph graph;
  size_t primal_inputs = 0, primal_outputs = 0;
  /// For each output of the function the number of its tangent among graph's outputs; -1: zero.
  std::vector<int> tangent;
};

/// Throws TransformError where an input in `wrt` is not a float, or an op on the way has no
/// derivative. Integer and bool values carry no tangent. Of the outputs' tangents the first
/// `outputs` are made.
Linearized linearize(const ir::Graph& f, std::span<const int> wrt, size_t outputs = ~size_t{0});

/// Inputs…, tangents of the inputs `wrt`… -> outputs…, tangents of the float outputs… (zeros made
/// real).
ir::Graph jvp(const ir::Graph& f, std::span<const int> wrt);

}  // namespace gradus::transforms
