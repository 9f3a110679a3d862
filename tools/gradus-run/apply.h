// Transforms of a graph as the command line names them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "compiler/ir/graph.h"

namespace gradus::run {

struct Transform {
  enum class Kind : uint8_t { Grad, ValueAndGrad, Jvp, Vjp, Vmap } kind;
  /// Inputs to differentiate by, or the batch axis of each input (-1: not batched).
  std::vector<int> numbers;
  /// None were given: all float inputs, or axis 0 of every input.
  bool all = true;
};

/// "grad", "grad:0,2", "value_and_grad", "jvp", "vjp", "vmap", "vmap:none,0". Throws ValueError.
Transform parse_transform(const std::string& text);

/// The graph with the transforms applied, the first one innermost. The sizes of vmap's axes are
/// those of the arguments that the result is to be run with.
ir::Graph apply(ir::Graph graph, std::span<const Transform> transforms,
                std::span<const Type> arguments);

}  // namespace gradus::run
