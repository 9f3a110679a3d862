// Graphs evaluated plainly, one node after the other, in double precision: the tests' oracle and
// the device "reference" for debugging. Shares nothing with scheduling and code generation.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "compiler/ops/op.h"
#include "runtime/executable.h"

namespace gradus {

/// The outputs. Floats are kept in double precision between nodes, whatever their dtype.
std::vector<ops::RefArray> evaluate_reference(const ir::Graph& graph,
                                              std::span<const ops::RefArray> inputs);

/// Runs the graph (kept alive by the executable) by evaluate_reference.
std::unique_ptr<Executable> make_reference_executable(ir::GraphPtr graph);
std::unique_ptr<Executable> make_reference_executable(const ir::Graph& graph);

}  // namespace gradus
