// Cuts a component of tight reads into leaves that a code generator takes: see
// LeafGrouping::CodeGeneration.
#pragma once

#include <vector>

#include "compiler/schedule/state.h"

namespace gradus::schedule {

/// `leaf` and the results: producers first.
std::vector<std::vector<int>> split_leaf(const State& state, const std::vector<int>& leaf);

}  // namespace gradus::schedule
