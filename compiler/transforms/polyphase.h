#pragma once

#include "compiler/ir/graph.h"

namespace gradus::transforms {

/// A convolution of an array spread out by zeros (the gradient of one with strides, a transposed
/// one) becomes the convolutions whose results are its phases: places o = s q + r for each residue
/// r. Each has the taps that meet elements there, every s-th, so that no zero is multiplied. See
/// Vaidyanathan, "Multirate Systems and Filter Banks", 1993, section 4.3.
ir::Graph polyphase(const ir::Graph& graph);

}  // namespace gradus::transforms
