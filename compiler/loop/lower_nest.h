#pragma once

#include "compiler/loop/lower.h"

namespace gradus::loop {

/// The kernel of a piece whose materialised nodes share their parallel axes: reductions over the
/// same axes, elementwise nodes, and elementwise nodes that read those reductions.
Leaf lower_nest(const LowerContext& context, const Piece& piece);

}  // namespace gradus::loop
