#pragma once

#include "compiler/ir/graph.h"

namespace gradus::transforms {

/// Drops nodes that neither outputs nor effects need. Inputs stay.
ir::Graph dce(ir::Graph graph);

}  // namespace gradus::transforms
