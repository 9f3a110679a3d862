// A schedule against the graph that it was made of.
#pragma once

#include <string>

#include "compiler/schedule/plan.h"
#include "tests/support/arrays.h"
#include "tests/support/op_samples.h"

namespace gradus::testing {

/// What runs before translation whatever else does.
ir::Graph lowered(const ir::Graph& traced);
Arrays random_inputs(const ir::Graph& graph, Random& random);
/// The schedule's outputs, translated and placed, are the graph's: empty, or what differs first.
/// `placed` receives the schedule.
std::string compare(const ir::Graph& traced, const Arrays& inputs,
                    const schedule::PlaceOptions& options = {},
                    schedule::Schedule* placed = nullptr);

}  // namespace gradus::testing
