// Reductions and what is made of them.
#include <cmath>

#include <fmt/format.h>

#include "frontend/ops_impl.h"

namespace gradus::detail {
namespace {

Tensor as_bool(const Tensor& x) {
  return x.dtype() == DType::Bool ? x : emit("ne", {x, splat(0, x.type())});
}

/// Reduces; with `keepdims` the reduced axes stay, with extent 1.
Tensor reduce(const char* op, const Tensor& x, const ir::Ints& axes, bool keepdims) {
  Tensor result = axes.empty() ? x : emit(op, {x}, {{"axes", axes}});
  if (!keepdims) return result;
  ir::Ints extents = ints_of(x.shape());
  for (int64_t axis : axes)
    extents[static_cast<size_t>(axis)] = 1;
  if (shape_from(extents) == result.shape()) return result;
  return emit("reshape", {result}, {{"shape", extents}});
}

Tensor number(const Arg& x) {
  const Tensor y = operand(x);
  switch (kind_of(y.dtype())) {
    case DTypeKind::Key:
      real_dtype(y.dtype());
      break;
    case DTypeKind::Bool:
      return convert_to(y, DType::I32);
    case DTypeKind::Signed:
      return size_of(y.dtype()) < 4 ? convert_to(y, DType::I32) : y;
    case DTypeKind::Unsigned:
      return size_of(y.dtype()) < 4 ? convert_to(y, DType::U32) : y;
    case DTypeKind::Float:
      break;
  }
  return y;
}

Tensor real(const Arg& x) {
  return operand(x, real_dtype(own_dtype(x)), shape_of(x));
}

int64_t count_of(const Shape& shape, const ir::Ints& axes) {
  int64_t count = 1;
  for (int64_t axis : axes)
    count *= shape[static_cast<int>(axis)];
  return count;
}

void expect_some(const Shape& shape, const ir::Ints& axes) {
  if (count_of(shape, axes) > 0) return;
  fail<ShapeError>(fmt::format("nothing to choose from; got {}, expected reduced axes that are "
                               "not empty",
                               to_string(shape)),
                   "leave the empty axis out, or handle the empty case before the call");
}

Tensor extreme(const char* op, const char* of_bools, const Arg& x, const Axes& axes,
               bool keepdims) {
  const Tensor y = operand(x);
  if (kind_of(y.dtype()) == DTypeKind::Key) real_dtype(y.dtype());
  const ir::Ints reduced = normal_axes(axes, y.rank());
  expect_some(y.shape(), reduced);
  return reduce(y.dtype() == DType::Bool ? of_bools : op, y, reduced, keepdims);
}

Tensor mean_of(const Tensor& x, const ir::Ints& axes, bool keepdims) {
  const Tensor total = reduce("reduce_sum", x, axes, keepdims);
  const auto count = static_cast<double>(count_of(x.shape(), axes));
  return emit("div", {total, splat(count, total.type())});
}

/// max(x) as a constant for differentiation, 0 where it is infinite.
Tensor safe_maximum(const Tensor& x, const ir::Ints& axes) {
  const Tensor top = emit("stop_gradient", {reduce("reduce_max", x, axes, true)});
  const Tensor finite = emit("lt", {emit("abs", {top}), splat(HUGE_VAL, top.type())});
  return emit("select", {finite, top, splat(0, top.type())});
}

Tensor shifted(const Tensor& x, const ir::Ints& axes) {
  expect_some(x.shape(), axes);
  const Tensor top = emit("stop_gradient", {reduce("reduce_max", x, axes, true)});
  return emit("sub", {x, broadcast_in(top, x.shape())});
}

}  // namespace

Tensor sum_operation::operator()(Arg x, Axes axes, bool keepdims) const {
  return run_op("sum", x.where(), [&] {
    const Tensor y = number(x);
    return reduce("reduce_sum", y, normal_axes(axes, y.rank()), keepdims);
  });
}

Tensor prod_operation::operator()(Arg x, Axes axes, bool keepdims) const {
  return run_op("prod", x.where(), [&] {
    const Tensor y = number(x);
    return reduce("reduce_prod", y, normal_axes(axes, y.rank()), keepdims);
  });
}

Tensor mean_operation::operator()(Arg x, Axes axes, bool keepdims) const {
  return run_op("mean", x.where(), [&] {
    const Tensor y = real(x);
    return mean_of(y, normal_axes(axes, y.rank()), keepdims);
  });
}

std::array<Tensor, 2> moments_operation::operator()(Arg x, Axes axes, bool keepdims) const {
  return run_op("moments", x.where(), [&] {
    const Tensor y = real(x);
    const ir::Ints reduced = normal_axes(axes, y.rank());
    const auto both = emit_many("moments", {&y, 1}, {{"axes", reduced}});
    if (!keepdims) return std::array{both[0], both[1]};
    ir::Ints extents = ints_of(y.shape());
    for (int64_t axis : reduced)
      extents[static_cast<size_t>(axis)] = 1;
    return std::array{emit("reshape", {both[0]}, {{"shape", extents}}),
                      emit("reshape", {both[1]}, {{"shape", extents}})};
  });
}

Tensor variance_operation::operator()(Arg x, Axes axes, bool keepdims) const {
  return run_op("variance", x.where(), [&] { return moments(x, axes, keepdims)[1]; });
}

Tensor max_operation::operator()(Arg x, Axes axes, bool keepdims) const {
  return run_op("max", x.where(),
                [&] { return extreme("reduce_max", "reduce_or", x, axes, keepdims); });
}

Tensor min_operation::operator()(Arg x, Axes axes, bool keepdims) const {
  return run_op("min", x.where(),
                [&] { return extreme("reduce_min", "reduce_and", x, axes, keepdims); });
}

Tensor all_operation::operator()(Arg x, Axes axes, bool keepdims) const {
  return run_op("all", x.where(), [&] {
    const Tensor y = as_bool(operand(x));
    return reduce("reduce_and", y, normal_axes(axes, y.rank()), keepdims);
  });
}

Tensor any_operation::operator()(Arg x, Axes axes, bool keepdims) const {
  return run_op("any", x.where(), [&] {
    const Tensor y = as_bool(operand(x));
    return reduce("reduce_or", y, normal_axes(axes, y.rank()), keepdims);
  });
}

// log Σ exp(x) = m + log Σ exp(x - m) with m = max(x): no overflow.
Tensor logsumexp_operation::operator()(Arg x, Axes axes, bool keepdims) const {
  return run_op("logsumexp", x.where(), [&] {
    const Tensor y = real(x);
    const ir::Ints reduced = normal_axes(axes, y.rank());
    expect_some(y.shape(), reduced);
    const Tensor top = safe_maximum(y, reduced);
    const Tensor powers = emit("exp", {emit("sub", {y, broadcast_in(top, y.shape())})});
    const Tensor total = emit("log", {reduce("reduce_sum", powers, reduced, keepdims)});
    const Tensor offset = keepdims || reduced.empty()
                              ? top
                              : emit("reshape", {top}, {{"shape", ints_of(total.shape())}});
    return emit("add", {total, offset});
  });
}

Tensor softmax_operation::operator()(Arg x, Axes axes) const {
  return run_op("softmax", x.where(), [&] {
    const Tensor y = real(x);
    const ir::Ints reduced = normal_axes(axes, y.rank());
    const Tensor powers = emit("exp", {shifted(y, reduced)});
    const Tensor total = reduce("reduce_sum", powers, reduced, true);
    return emit("div", {powers, broadcast_in(total, y.shape())});
  });
}

Tensor log_softmax_operation::operator()(Arg x, Axes axes) const {
  return run_op("log_softmax", x.where(), [&] {
    const Tensor y = real(x);
    const ir::Ints reduced = normal_axes(axes, y.rank());
    const Tensor distance = shifted(y, reduced);
    const Tensor total =
        emit("log", {reduce("reduce_sum", emit("exp", {distance}), reduced, true)});
    return emit("sub", {distance, broadcast_in(total, y.shape())});
  });
}

Tensor argextreme_operation::operator()(Arg x, Axes axis, bool keepdims) const {
  return run_op(name, x.where(), [&] {
    Tensor y = operand(x);
    if (kind_of(y.dtype()) == DTypeKind::Key) real_dtype(y.dtype());
    if (y.dtype() == DType::Bool) y = convert_to(y, DType::I32);
    const Shape shape = y.shape();
    if (!axis.given()) y = emit("reshape", {y}, {{"shape", ir::Ints{y.size()}}});
    const ir::Ints reduced = axis.given() ? normal_axes(axis, y.rank()) : ir::Ints{0};
    if (reduced.size() != 1) {
      fail<ValueError>(fmt::format("several axes; got {}, expected one or none", reduced.size()),
                       "reshape the axes into one first");
    }
    expect_some(y.shape(), reduced);
    Tensor result = emit(name, {y}, {{"axis", reduced[0]}});
    if (!keepdims) return result;
    ir::Ints extents(static_cast<size_t>(shape.rank()), 1);
    if (axis.given()) {
      extents = ints_of(shape);
      extents[static_cast<size_t>(reduced[0])] = 1;
    }
    return emit("reshape", {result}, {{"shape", extents}});
  });
}

}  // namespace gradus::detail
