// The distinct leaf kernels of a graph, as compiled for a given width of vectors.
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/loop/loop_ir.h"

namespace gradus::testing {

struct LeafKernel {
  std::string label;  // of the first call
  loop::Kernel kernel;
};

std::vector<LeafKernel> leaf_kernels(const ir::Graph& graph, int lanes, int registers);

}  // namespace gradus::testing
