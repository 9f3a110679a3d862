// Constant folding: called by the builder on insert.
#pragma once

#include "compiler/ir/builder.h"

namespace gradus::ir {

/// The results as constants if all operands are constants, every step is exact (or a single
/// correctly rounded scalar operation, which every back end computes alike) and at most 64 elements
/// are computed; else empty. Splats fold as one element whatever their shape.
std::vector<Value> fold(Builder& builder, const ops::OpDef& op, std::span<const Value> operands,
                        const Attrs& attrs, std::span<const Type* const> results);

}  // namespace gradus::ir
