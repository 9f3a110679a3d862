// What the files of frontend operations share. Internal to the frontend; everything here is called
// inside run_op, that is, with a trace open and the user's position set.
#pragma once

#include "frontend/ops.h"
#include "frontend/trace.h"

namespace gradus::detail {

/// The type that a literal has beside tensors of type `beside`: theirs, unless it is a real beside
/// integers (f32) or a number beside bools (its own).
DType weak_dtype(const Arg& literal, DType beside);
/// The type of a literal by itself: bool, i32 (i64 where it does not fit), f32.
DType own_dtype(const Arg& literal);
/// The element type of the result of operands that combine.
DType result_dtype(std::initializer_list<const Arg*> args);
/// f32 for integers and bools.
DType real_dtype(DType dtype);

/// The operand as a tensor of this type and shape: converted, then broadcast. Literals become
/// splat constants, or (of the user, outside jit) inputs. ValueError for a literal that the type
/// does not hold.
Tensor operand(const Arg& arg, DType dtype, const Shape& shape);
/// The operand as a tensor by itself.
Tensor operand(const Arg& arg);
Tensor splat(double value, const Type& type);

Shape shape_of(const Arg& arg);
/// ShapeError unless they broadcast.
Shape broadcast_all(std::initializer_list<const Arg*> args);
Shape broadcast_two(const Shape& a, const Shape& b);
Tensor convert_to(const Tensor& x, DType dtype);
Tensor broadcast_in(const Tensor& x, const Shape& shape);

/// 0 <= axis < rank; ValueError otherwise.
int normal_axis(int64_t axis, int rank);
/// Sorted, distinct; all axes if not given.
ir::Ints normal_axes(const Axes& axes, int rank);
inline ir::Ints ints_of(const Shape& shape) {
  return {shape.begin(), shape.end()};
}
inline Shape shape_from(const ir::Ints& extents) {
  return Shape(std::span(extents));
}

/// x[start:limit] of one axis, keeping it.
Tensor slice_one(const Tensor& x, int axis, int64_t start, int64_t limit);

inline SourcePos where_of(const Arg& a) {
  return a.where();
}

}  // namespace gradus::detail
