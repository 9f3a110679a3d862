// Leaves -> kernels: which nodes one kernel computes, and which values go through memory.
#pragma once

#include <set>
#include <vector>

#include "compiler/loop/lower.h"
#include "compiler/schedule/plan.h"

namespace gradus::schedule {

/// A kernel to be, with the region that it belongs to.
struct RegionPiece {
  loop::Piece piece;
  int region = 0;
};

/// Producers first within a region. Every node that another kernel or the caller reads is
/// materialised by exactly one piece.
std::vector<RegionPiece> cut_pieces(const Schedule& schedule);

}  // namespace gradus::schedule
