// What passes that copy a graph node by node share.
#pragma once

#include "compiler/ir/builder.h"

namespace gradus::transforms {

/// The node is an input of its graph.
bool is_parameter(const ir::Graph& graph, ir::NodeId n);

/// Declares the inputs of `from` in b, with their names, and enters them in the map.
void copy_inputs(const ir::Graph& from, ir::Builder& b, ir::ValueMap& map);

/// Ends construction with the copies of the outputs of `from`, with their names.
ir::Graph finish_like(const ir::Graph& from, ir::Builder& b, const ir::ValueMap& map);

std::vector<std::string> output_names(const ir::Graph& graph);

}  // namespace gradus::transforms
