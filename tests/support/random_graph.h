// Random programs over the families of ops: smooth nearly everywhere and of moderate size, so that
// derivatives can be compared with finite differences.
#pragma once

#include "tests/support/op_samples.h"

namespace gradus::testing {

struct RandomGraphOptions {
  int inputs = 3;
  int nodes = 20;
  /// Calls of random graphs, that deep.
  int call_depth = 1;
  DType dtype = DType::F64;
  /// Of dimensions of inputs and broadcasts; the first three are the usual ones.
  std::vector<int64_t> extents{1, 2, 3};
  /// Values with more elements are summed along their first dimension.
  int64_t most_elements = 64;
};

/// Inputs of rank 0 to 3; outputs: a scalar (a sum over what was computed), an
/// array, and what argmax found in it.
ir::Graph random_graph(Random& random, const RandomGraphOptions& options = {});

}  // namespace gradus::testing
