// Which output may take which input's memory: aliasing is decided here and nowhere else.
#pragma once

#include <set>
#include <vector>

#include "compiler/schedule/pieces.h"

namespace gradus::schedule {

/// output -> input, or -1. An output may take an input's memory if everything that reads the input
/// does so in an earlier phase, or in the output's own kernel at the very element it writes.
std::vector<int> choose_donations(const Schedule& schedule, const std::vector<RegionPiece>& pieces,
                                  const std::vector<int>& piece_of, const ir::Graph& graph,
                                  const std::set<int>& replicated);

}  // namespace gradus::schedule
