// The specification of graphs: what every pass may rely on and has to leave true.
#pragma once

#include "compiler/ir/graph.h"

namespace gradus::ir {

/// Throws InternalError naming the node and the rule that it breaks. Rules: operands are results of
/// earlier nodes; counts of operands and attributes, and the attributes' kinds, are those of the
/// op's row; result types are what the row's type rule gives; the i-th input is the parameter of
/// index i and there are no other parameters; outputs exist; every input and output has a name
/// (perhaps empty); sub-graphs hold to the same.
void verify(const Graph& graph);

}  // namespace gradus::ir
