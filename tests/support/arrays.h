// Arithmetic on the reference evaluator's arrays: what the property tests of transforms are made
// of.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "compiler/ops/op.h"

namespace gradus::testing {

using Arrays = std::vector<ops::RefArray>;

/// x + h * t, floats only.
ops::RefArray shifted(const ops::RefArray& x, const ops::RefArray& t, double h);
/// Sum of products over all float arrays.
double inner_product(std::span<const ops::RefArray> a, std::span<const ops::RefArray> b);

/// Element i along an axis, and arrays put side by side along a new one.
ops::RefArray example(const ops::RefArray& x, int axis, int64_t i);
ops::RefArray stacked(std::span<const ops::RefArray> examples, int axis, const Type& type);
/// Elementwise sum.
ops::RefArray sum(std::span<const ops::RefArray> arrays, const Type& type);

/// Empty if they are equal: integers exactly, floats to |a - b| <= tolerance * (1 + |a|), NaN equal
/// to NaN; else what differs first.
std::string difference(const ops::RefArray& got, const ops::RefArray& expected, double tolerance);
std::string difference(std::span<const ops::RefArray> got, std::span<const ops::RefArray> expected,
                       double tolerance);

/// Numbers of the float arrays among the types.
std::vector<int> float_indices(std::span<const Type> types);

}  // namespace gradus::testing
