// What the files of the op families share: their registration, and the checks that type rules are
// made of. Every check throws a typed error in the form "what; got …, expected …".
#pragma once

#include <string>
#include <vector>

#include "compiler/ops/op.h"

namespace gradus::ops {

void register_structure(Registry& registry);
void register_elementwise(Registry& registry);
void register_reduce(Registry& registry);
void register_layout(Registry& registry);
void register_contract(Registry& registry);
void register_window(Registry& registry);
void register_index(Registry& registry);
void register_control(Registry& registry);

/// Throw the error of that type with the op's name and the user's line.
[[noreturn]] void fail_shape(const InferContext& c, std::string what, std::string remedy);
[[noreturn]] void fail_dtype(const InferContext& c, std::string what, std::string remedy);
[[noreturn]] void fail_value(const InferContext& c, std::string what, std::string remedy);

/// All operands have the dtype of the first.
void expect_equal_dtypes(const InferContext& c);
/// 0 <= axis < rank; `role` names the axis in the message ("axis", "batch axis of lhs").
void expect_axis(const InferContext& c, int64_t axis, int rank, std::string_view role = "axis");
/// Distinct axes in range.
void expect_distinct_axes(const InferContext& c, const ir::Ints& axes, int rank,
                          std::string_view role = "axis");

/// Increasing order.
void expect_sorted_axes(const InferContext& c, const ir::Ints& axes);

/// Row-major strides in elements.
std::vector<int64_t> strides_of(const Shape& shape);
/// An integer of the reference evaluator reduced to the width of its dtype.
int64_t wrap_integer(DType dtype, int64_t x);

/// A space whose axes are the result's dimensions, for the family helpers to complete.
Space space_of_result(SpaceKind kind, const Shape& result);
/// Operand dimension d stands on axis d.
std::vector<DimIndex> identity_index(int rank);

// BatchContext::at stands in axes.cpp: it needs transpose and broadcast.

}  // namespace gradus::ops
