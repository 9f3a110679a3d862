#pragma once

#include <optional>

#include "compiler/loop/lower.h"

namespace gradus::loop {

/// The kernel of a piece around the product `product`, as a register tile; none if no parallel axis
/// belongs to one operand alone.
std::optional<Leaf> lower_product(const LowerContext& context, const Piece& piece, int product);

}  // namespace gradus::loop
