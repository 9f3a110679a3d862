#pragma once

#include "compiler/ir/graph.h"

namespace gradus::transforms {

/// Gradients of pooling at the size of what pooling gave, not of what it read:
///
///   x > c                                  ->  max(x, c) > c, where max(x, c) is computed anyway
///   select(r > c, unpool(g), 0)            ->  unpool(select(pool(r) > c, g, 0))
///   sum over the windows of unpool(g)      ->  sum of g
///
/// where r is pooled by its maximum and unpool puts every element of g where the maximum was. So the
/// mask of a rectifier in front of a pool is never stored. Element by element the same bits come out,
/// NaN included; sums have fewer terms (zeros), so their bracketing differs.
ir::Graph pool_gradient(const ir::Graph& graph);

}  // namespace gradus::transforms
