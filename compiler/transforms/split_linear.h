// A linearised graph cut in two: what does not depend on the tangents, and what does (and so is
// linear in them). Residuals are the values that cross the cut.
#pragma once

#include "compiler/transforms/linearize.h"

namespace gradus::transforms {

struct SplitLinear {
  /// Inputs… -> outputs…, residuals….
  ir::Graph primal;
  /// Residuals…, tangents of inputs… -> tangents of outputs (those that are not zero)….
  ir::Graph linear;
  size_t residuals = 0;
};

/// Constants, and views of what is smaller, are no residuals: both sides have them.
SplitLinear split_linear(const Linearized& linearized);

/// Which values of the graph depend on the inputs numbered from `first` on, by value_index.
std::vector<bool> depends_on_inputs(const ir::Graph& graph, size_t first);

}  // namespace gradus::transforms
