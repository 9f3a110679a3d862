#pragma once

#include "compiler/ir/graph.h"

namespace gradus::transforms {

/// Replaces every call by the nodes of its body, bodies of bodies included.
ir::Graph inline_calls(const ir::Graph& graph);

}  // namespace gradus::transforms
