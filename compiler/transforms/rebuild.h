// What passes that copy a graph node by node share.
#pragma once

#include <functional>

#include "compiler/ir/builder.h"

namespace gradus::transforms {

/// The node is an input of its graph.
bool is_parameter(const ir::Graph& graph, ir::NodeId n);

/// Declares the inputs of `from` in b, with their names, and enters them in the map.
void copy_inputs(const ir::Graph& from, ir::Builder& b, ir::ValueMap& map);

/// Ends construction with the copies of the outputs of `from`, with their names.
ir::Graph finish_like(const ir::Graph& from, ir::Builder& b, const ir::ValueMap& map);

/// The results that stand for node n of the old graph, made of its operands' copies; none: it is
/// copied.
using Rewrite = std::function<std::vector<ir::Value>(ir::NodeId n, std::span<const ir::Value> in)>;

/// Builds the graph anew in b, node by node; nodes that nothing needs vanish.
ir::Graph rebuild(const ir::Graph& graph, ir::Builder& b, ir::ValueMap& map,
                  const Rewrite& rewrite);

/// The same for rewrites to one result; an empty value: the node is copied.
using RewriteToOne = std::function<ir::Value(ir::NodeId n, std::span<const ir::Value> in)>;
ir::Graph rebuild_by_one(const ir::Graph& graph, ir::Builder& b, ir::ValueMap& map,
                         const RewriteToOne& rewrite);

std::vector<std::string> output_names(const ir::Graph& graph);

}  // namespace gradus::transforms
