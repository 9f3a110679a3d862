// Random graphs in which layout ops meet each other, reductions, products, gathers and elementwise
// ops, with extents that have common factors and extents that have none.
#pragma once

#include <cstdint>

#include "compiler/ir/graph.h"

namespace gradus::testing {

ir::Graph random_views(uint32_t seed, int nodes);

}  // namespace gradus::testing
