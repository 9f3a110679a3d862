// The reference rule of whatever is a sum of products over some axes.
#pragma once

#include <vector>

#include "compiler/ops/op.h"
#include "compiler/ops/space.h"

namespace gradus::ops {

/// The sum over the space's reduced axes of the product of the two operands, each read where the
/// space says; outside a guarded dimension nothing is added.
std::vector<RefArray> reference_product(const ReferenceContext& c, const Space& space);

}  // namespace gradus::ops
