#pragma once

#include "compiler/ir/graph.h"

namespace gradus::transforms {

/// Once no derivative will be taken any more, stop_gradient(x) is x.
ir::Graph remove_stop_gradient(const ir::Graph& graph);

}  // namespace gradus::transforms
