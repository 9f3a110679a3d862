// Interprets a schedule's nodes point by point, in double precision: the oracle for index maps,
// guards, partial results and repeats. Slow; checks that every index it takes is in bounds.
#pragma once

#include "compiler/schedule/plan.h"

namespace gradus::schedule {

/// The outputs, of a translated or a placed schedule of the graph.
std::vector<ops::RefArray> evaluate(const Schedule& schedule, const ir::Graph& graph,
                                    std::span<const ops::RefArray> inputs);

}  // namespace gradus::schedule
