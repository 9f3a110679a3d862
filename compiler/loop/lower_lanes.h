#pragma once

#include "compiler/loop/lower.h"

namespace gradus::loop {

/// The kernel of a piece around the product `product`, whose carrier lies in the lanes.
Leaf lower_lanes(const LowerContext& context, const Piece& piece, int product);

}  // namespace gradus::loop
