#include "frontend/ops_impl.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace gradus {

void Dims::fail_length() {
  throw ShapeError(Message{"shape",
                           fmt::format("too many dimensions; expected at most {}", Shape::kMaxRank),
                           {},
                           "reshape to fewer"});
}

namespace detail {
namespace {

std::string text_of(const Arg& literal) {
  switch (literal.kind()) {
    case Arg::Kind::Bool:
      return literal.integer() ? "true" : "false";
    case Arg::Kind::Integer:
      return std::to_string(literal.integer());
    case Arg::Kind::Unsigned:
      return std::to_string(literal.unsigned_integer());
    default:
      return fmt::format("{}", literal.real());
  }
}

[[noreturn]] void fail_literal(const Arg& literal, DType dtype) {
  fail<ValueError>(fmt::format("a number does not fit the tensor beside it; got {}, expected a "
                               "value of {}",
                               text_of(literal), name_of(dtype)),
                   "convert the tensor by astype, or change the number");
}

template <class T>
T literal_as(const Arg& x, DType dtype) {
  if constexpr (std::same_as<T, KeyData>) {
    fail_literal(x, dtype);
  } else {
    switch (x.kind()) {
      case Arg::Kind::Real:
        if constexpr (std::is_floating_point_v<T>) {
          const T value = static_cast<T>(x.real());
          if (std::isinf(value) && !std::isinf(x.real())) fail_literal(x, dtype);
          return value;
        } else {
          fail_literal(x, dtype);
        }
      case Arg::Kind::Unsigned:
        if constexpr (std::is_integral_v<T> && !std::same_as<T, bool>) {
          if (!std::in_range<T>(x.unsigned_integer())) fail_literal(x, dtype);
        }
        return static_cast<T>(x.unsigned_integer());
      default:
        if constexpr (std::is_integral_v<T> && !std::same_as<T, bool>) {
          if (!std::in_range<T>(x.integer())) fail_literal(x, dtype);
        }
        return static_cast<T>(x.integer());
    }
  }
}

}  // namespace

DType own_dtype(const Arg& literal) {
  switch (literal.kind()) {
    case Arg::Kind::Tensor:
      return literal.tensor().dtype(position());
    case Arg::Kind::Bool:
      return DType::Bool;
    case Arg::Kind::Integer:
      return std::in_range<int32_t>(literal.integer()) ? DType::I32 : DType::I64;
    case Arg::Kind::Unsigned:
      if (std::in_range<int32_t>(literal.unsigned_integer())) return DType::I32;
      return std::in_range<int64_t>(literal.unsigned_integer()) ? DType::I64 : DType::U64;
    case Arg::Kind::Real:
      break;
  }
  return DType::F32;
}

DType weak_dtype(const Arg& literal, DType beside) {
  if (kind_of(beside) == DTypeKind::Key) {
    const DType own = own_dtype(literal);
    throw DTypeError(promotion_failure(current_op(), beside, own, position()));
  }
  if (literal.kind() == Arg::Kind::Bool) return beside;
  if (literal.kind() == Arg::Kind::Real) return is_float(beside) ? beside : DType::F32;
  return kind_of(beside) == DTypeKind::Bool ? own_dtype(literal) : beside;
}

DType result_dtype(std::initializer_list<const Arg*> args) {
  std::optional<DType> strong;
  for (const Arg* arg : args) {
    if (!arg->is_tensor()) continue;
    const DType dtype = arg->tensor().dtype(position());
    const auto both = strong ? promote(*strong, dtype) : dtype;
    if (!both) throw DTypeError(promotion_failure(current_op(), *strong, dtype, position()));
    strong = both;
  }
  std::optional<DType> result = strong;
  for (const Arg* arg : args) {
    if (arg->is_tensor()) continue;
    const DType dtype = strong ? weak_dtype(*arg, *strong) : own_dtype(*arg);
    result = result ? promote(*result, dtype) : dtype;
  }
  return *result;
}

DType real_dtype(DType dtype) {
  if (kind_of(dtype) == DTypeKind::Key) {
    fail<DTypeError>("no number; got key, expected numbers", "draw numbers from the key first");
  }
  return is_float(dtype) ? dtype : DType::F32;
}

Tensor splat(double value, const Type& type) {
  return emit_constant(ir::Literal::splat_of(type, value));
}

Tensor operand(const Arg& arg, DType dtype, const Shape& shape) {
  if (arg.is_tensor()) return broadcast_in(convert_to(arg.tensor(), dtype), shape);
  return visit_dtype(dtype, [&]<class T>() {
    const T element = literal_as<T>(arg, dtype);
    if (is_user_level() && Trace::root()->kind() == Trace::Kind::Eager) {
      return broadcast_in(make_splat({dtype, {}}, &element, arg.where()), shape);
    }
    return emit_constant(ir::Literal::splat({dtype, shape}, &element));
  });
}

Tensor operand(const Arg& arg) {
  if (arg.is_tensor()) {
    if (arg.tensor().is_empty()) fail_empty(position());
    return arg.tensor();
  }
  return operand(arg, own_dtype(arg), {});
}

Shape shape_of(const Arg& arg) {
  return arg.is_tensor() ? arg.tensor().shape(position()) : Shape{};
}

namespace {

std::optional<Shape> broadcast_pair(const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  ir::Ints extents = ints_of(longer);
  const int offset = longer.rank() - shorter.rank();
  for (int d = 0; d < shorter.rank(); ++d) {
    int64_t& extent = extents[static_cast<size_t>(d + offset)];
    if (extent == 1) {
      extent = shorter[d];
    } else if (shorter[d] != 1 && shorter[d] != extent) {
      return std::nullopt;
    }
  }
  return shape_from(extents);
}

Message broadcast_failure(const char* op, const Shape& a, const Shape& b, SourcePos where) {
  return {op,
          fmt::format("shapes do not broadcast; got {} and {}, expected extents that are equal or "
                      "1, aligned at the last axis",
                      to_string(a), to_string(b)),
          where, "reshape, transpose or expand_dims one operand"};
}

}  // namespace

Shape broadcast_two(const Shape& a, const Shape& b) {
  if (const auto shape = broadcast_pair(a, b)) return *shape;
  throw ShapeError(broadcast_failure(current_op(), a, b, position()));
}

Shape broadcast_all(std::initializer_list<const Arg*> args) {
  Shape shape;
  for (const Arg* arg : args)
    shape = broadcast_two(shape, shape_of(*arg));
  return shape;
}

Tensor convert_to(const Tensor& x, DType dtype) {
  const DType from = x.dtype(position());
  if (from == dtype) return x;
  if (kind_of(from) == DTypeKind::Key || kind_of(dtype) == DTypeKind::Key) {
    throw DTypeError(promotion_failure(current_op(), from, dtype, position()));
  }
  return emit("convert", {x}, {{"dtype", dtype}});
}

Tensor broadcast_in(const Tensor& x, const Shape& shape) {
  const Shape from = x.shape(position());
  if (from == shape) return x;
  const int offset = shape.rank() - from.rank();
  ir::Ints kept, dims;
  for (int d = 0; d < from.rank(); ++d) {
    if (from[d] == 1 && shape[d + offset] != 1) continue;
    kept.push_back(from[d]);
    dims.push_back(d + offset);
  }
  Tensor narrow = x;
  if (static_cast<int>(kept.size()) != from.rank()) {
    narrow = emit("reshape", {x}, {{"shape", kept}});
  }
  return emit("broadcast", {narrow}, {{"shape", ints_of(shape)}, {"dims", dims}});
}

int normal_axis(int64_t axis, int rank) {
  const int64_t from_front = axis < 0 ? axis + rank : axis;
  if (from_front < 0 || from_front >= rank) {
    fail<ValueError>(rank == 0 ? fmt::format("no such axis; got axis {} of a scalar", axis)
                               : fmt::format("no such axis; got axis {}, expected {} to {}", axis,
                                             -rank, rank - 1),
                     "choose an axis of the operand");
  }
  return static_cast<int>(from_front);
}

ir::Ints normal_axes(const Axes& axes, int rank) {
  ir::Ints result;
  if (!axes.given()) {
    for (int d = 0; d < rank; ++d)
      result.push_back(d);
    return result;
  }
  for (int64_t axis : axes)
    result.push_back(normal_axis(axis, rank));
  std::ranges::sort(result);
  if (const auto twice = std::ranges::adjacent_find(result); twice != result.end()) {
    fail<ValueError>(fmt::format("an axis stands twice; got axis {} twice", *twice),
                     "name each axis once");
  }
  return result;
}

Tensor slice_one(const Tensor& x, int axis, int64_t start, int64_t limit) {
  const Shape& shape = x.shape();
  ir::Ints starts(static_cast<size_t>(shape.rank()), 0), limits = ints_of(shape);
  starts[static_cast<size_t>(axis)] = start;
  limits[static_cast<size_t>(axis)] = limit;
  return emit("slice", {x},
              {{"start", starts},
               {"limit", limits},
               {"stride", ir::Ints(static_cast<size_t>(shape.rank()), 1)}});
}

}  // namespace detail

Shape broadcast_shapes(const Shape& a, const Shape& b) {
  if (const auto shape = detail::broadcast_pair(a, b)) return *shape;
  throw ShapeError(detail::broadcast_failure("broadcast_shapes", a, b, {}));
}

}  // namespace gradus
