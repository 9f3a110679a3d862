// Running a user's function to get its graph: what all transforms share. Internal to the frontend.
#pragma once

#include "frontend/callable.h"
#include "frontend/trace.h"

namespace gradus::detail {

/// A traced function: its inputs are the leaves of the arguments, then what it captured.
struct ClosedGraph {
  ir::Graph graph;
  std::vector<Tensor> captured;
  TracedResult result;  // with the traced leaves
};

/// Traces the call on leaves of these types in a trace of its own.
ClosedGraph close_over(const char* transform, std::span<const Type> types,
                       std::span<const std::string> paths, const Traceable& call);

/// Runs the function on these leaves, in its own positions.
TracedResult call_user(const Traceable& call, std::span<const Tensor> leaves);

/// The given name, or "arg0".
std::string argument_name(size_t i, std::span<const std::string> names);

}  // namespace gradus::detail
