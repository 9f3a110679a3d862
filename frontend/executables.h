// Executables of programs that are run at once (operations and transforms outside jit), found again
// by the graph's content. Internal to the frontend.
#pragma once

#include <memory>

#include "compiler/ir/graph.h"
#include "runtime/executable.h"

namespace gradus::detail {

/// Compiled, or found: bounded, the least recently used is dropped. Any thread.
std::shared_ptr<const Executable> executable_for(ir::Graph graph);

}  // namespace gradus::detail
