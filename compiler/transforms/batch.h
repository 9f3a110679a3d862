// vmap: a graph of one example made a graph of many. A rule per op, mostly from its family; batch
// axes stay where they stand as long as they can.
#pragma once

#include <span>
#include <string>

#include "compiler/ir/graph.h"

namespace gradus::transforms {

/// The extent of the batch axes of arguments that still have them (axis -1: not batched). Throws
/// the typed errors of vmap: axes out of range, sizes that differ, nothing to batch over. `names`
/// are the arguments' paths.
int64_t batch_size(std::span<const Type> arguments, std::span<const std::string> names,
                   std::span<const int> in_axes, SourcePos where = {});

/// Inputs have one more axis of extent `size` at in_axes[i] (-1: not batched), outputs at
/// out_axes[i] (-1: must not depend on a batched input). Throws TransformError otherwise.
ir::Graph batch(const ir::Graph& f, std::span<const int> in_axes, std::span<const int> out_axes,
                int64_t size);

}  // namespace gradus::transforms
