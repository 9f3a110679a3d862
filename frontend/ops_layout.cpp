// Operations that move elements: shapes, axes, slices, joins, lookups. And creation.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "frontend/ops_impl.h"

namespace gradus {
namespace detail {
namespace {

Tensor reshape_to(const Tensor& x, const ir::Ints& extents) {
  if (x.shape() == shape_from(extents)) return x;
  return emit("reshape", {x}, {{"shape", extents}});
}

Tensor permute(const Tensor& x, const ir::Ints& permutation) {
  if (std::ranges::is_sorted(permutation)) return x;
  return emit("transpose", {x}, {{"perm", permutation}});
}

std::string text_of(const Dims& dims) {
  std::string text = "[";
  for (int i = 0; i < dims.size(); ++i)
    text += fmt::format("{}{}", i ? "," : "", dims[i]);
  return text + "]";
}

/// One number for every axis.
void expect_rank(const Dims& dims, int rank, const char* what) {
  if (dims.size() == rank) return;
  fail<ValueError>(
      fmt::format("one {} is needed for every axis; got {}, expected {}", what, dims.size(), rank),
      "give as many numbers as the operand has axes");
}

/// Python's rule for a bound of a slice: from the end if negative, then clamped.
int64_t bound(int64_t x, int64_t extent) {
  return std::clamp<int64_t>(x < 0 ? x + extent : x, 0, extent);
}

/// Operands of concatenate and stack, with one element type.
std::vector<Tensor> alike(std::span<const Tensor> tensors) {
  if (tensors.empty()) {
    fail<ValueError>("nothing to join; got no tensors, expected at least one",
                     "handle the empty case before the call");
  }
  DType dtype = tensors[0].dtype(position());
  for (const Tensor& x : tensors) {
    const auto both = promote(dtype, x.dtype(position()));
    if (!both) throw DTypeError(promotion_failure(current_op(), dtype, x.dtype(), position()));
    dtype = *both;
  }
  std::vector<Tensor> result;
  for (const Tensor& x : tensors)
    result.push_back(convert_to(x, dtype));
  return result;
}

Tensor concatenated(const std::vector<Tensor>& tensors, int axis) {
  if (tensors.size() == 1) return tensors[0];
  return emit_many("concatenate", tensors, {{"dim", int64_t{axis}}})[0];
}

}  // namespace

Tensor reshape_operation::operator()(Arg x, Dims shape) const {
  return run_op("reshape", x.where(), [&] {
    const Tensor y = operand(x);
    ir::Ints extents(shape.begin(), shape.end());
    const auto open = std::ranges::find(extents, -1);
    if (open != extents.end()) {
      *open = 1;
      const int64_t others =
          std::accumulate(extents.begin(), extents.end(), int64_t{1}, std::multiplies<>());
      *open = others > 0 && y.size() % others == 0 ? y.size() / others : -1;
    }
    if (std::ranges::any_of(extents, [](int64_t n) { return n < 0; }) ||
        shape_from(extents).elements() != y.size()) {
      fail<ShapeError>(
          fmt::format("another number of elements; got {} and {}, expected equal numbers",
                      to_string(y.type()), text_of(shape)),
          "choose extents with the same product; one may be -1");
    }
    return reshape_to(y, extents);
  });
}

Tensor transpose_operation::operator()(Arg x, Axes permutation) const {
  return run_op("transpose", x.where(), [&] {
    const Tensor y = operand(x);
    ir::Ints order(static_cast<size_t>(y.rank()));
    std::iota(order.rbegin(), order.rend(), 0);
    if (permutation.given()) {
      expect_rank(permutation, y.rank(), "axis");
      normal_axes(permutation, y.rank());
      for (int d = 0; d < y.rank(); ++d) {
        order[static_cast<size_t>(d)] = normal_axis(permutation[d], y.rank());
      }
    }
    return permute(y, order);
  });
}

Tensor swap_axes_operation::operator()(Arg x, int a, int b) const {
  return run_op("swap_axes", x.where(), [&] {
    const Tensor y = operand(x);
    ir::Ints order(static_cast<size_t>(y.rank()));
    std::iota(order.begin(), order.end(), 0);
    std::swap(order[static_cast<size_t>(normal_axis(a, y.rank()))],
              order[static_cast<size_t>(normal_axis(b, y.rank()))]);
    return permute(y, order);
  });
}

Tensor move_axis_operation::operator()(Arg x, int from, int to) const {
  return run_op("move_axis", x.where(), [&] {
    const Tensor y = operand(x);
    ir::Ints order(static_cast<size_t>(y.rank()));
    std::iota(order.begin(), order.end(), 0);
    const int source = normal_axis(from, y.rank());
    order.erase(order.begin() + source);
    order.insert(order.begin() + normal_axis(to, y.rank()), source);
    return permute(y, order);
  });
}

Tensor broadcast_to_operation::operator()(Arg x, Shape shape) const {
  return run_op("broadcast_to", x.where(), [&] {
    const Tensor y = operand(x);
    const int offset = shape.rank() - y.rank();
    bool fits = offset >= 0;
    for (int d = 0; fits && d < y.rank(); ++d) {
      fits = y.shape()[d] == 1 || y.shape()[d] == shape[d + offset];
    }
    if (!fits) {
      fail<ShapeError>(fmt::format("the shape does not stretch; got {}, expected one that "
                                   "broadcasts to {}",
                                   to_string(y.shape()), to_string(shape)),
                       "reshape or expand_dims the operand");
    }
    return broadcast_in(y, shape);
  });
}

Tensor expand_dims_operation::operator()(Arg x, Axes axes) const {
  return run_op("expand_dims", x.where(), [&] {
    const Tensor y = operand(x);
    const int rank = y.rank() + axes.size();
    const ir::Ints added = normal_axes(axes.given() ? axes : Axes({}), rank);
    ir::Ints extents = ints_of(y.shape());
    for (int64_t axis : added)
      extents.insert(extents.begin() + axis, 1);
    return reshape_to(y, extents);
  });
}

Tensor squeeze_operation::operator()(Arg x, Axes axes) const {
  return run_op("squeeze", x.where(), [&] {
    const Tensor y = operand(x);
    const ir::Ints removed = normal_axes(axes, y.rank());
    ir::Ints extents;
    for (int d = 0; d < y.rank(); ++d) {
      const bool named = std::ranges::find(removed, d) != removed.end();
      if (named && axes.given() && y.shape()[d] != 1) {
        fail<ShapeError>(
            fmt::format("an axis is not of extent 1; got axis {} of {}", d, to_string(y.type())),
            "squeeze axes of extent 1 only; reduce or index the others");
      }
      if (!named || y.shape()[d] != 1) extents.push_back(y.shape()[d]);
    }
    return reshape_to(y, extents);
  });
}

Tensor slice_operation::operator()(Arg x, Dims start, Dims limit, Dims stride) const {
  return run_op("slice", x.where(), [&] {
    const Tensor y = operand(x);
    expect_rank(start, y.rank(), "start");
    expect_rank(limit, y.rank(), "limit");
    if (stride.given()) expect_rank(stride, y.rank(), "stride");
    ir::Ints starts, limits, strides;
    for (int d = 0; d < y.rank(); ++d) {
      starts.push_back(bound(start[d], y.shape()[d]));
      limits.push_back(std::max(bound(limit[d], y.shape()[d]), starts.back()));
      strides.push_back(stride.given() ? stride[d] : 1);
      if (strides.back() < 1) {
        fail<ValueError>(fmt::format("no such stride; got {}, expected at least 1", strides.back()),
                         "flip the axis to walk backwards");
      }
    }
    if (starts == ir::Ints(starts.size(), 0) && limits == ints_of(y.shape()) &&
        strides == ir::Ints(strides.size(), 1)) {
      return y;
    }
    return emit("slice", {y}, {{"start", starts}, {"limit", limits}, {"stride", strides}});
  });
}

Tensor slice_axis_operation::operator()(Arg x, int axis, int64_t start, int64_t limit,
                                        int64_t stride) const {
  return run_op("slice_axis", x.where(), [&] {
    const Tensor y = operand(x);
    const int d = normal_axis(axis, y.rank());
    std::vector<int64_t> starts(static_cast<size_t>(y.rank()), 0), limits = ints_of(y.shape()),
                                                                   strides(starts.size(), 1);
    starts[static_cast<size_t>(d)] = start;
    limits[static_cast<size_t>(d)] = limit;
    strides[static_cast<size_t>(d)] = stride;
    return slice(y, starts, limits, strides);
  });
}

Tensor pad_operation::operator()(Arg x, Dims low, Dims high, Arg fill) const {
  return run_op("pad", x.where(), [&] {
    const Tensor y = operand(x);
    expect_rank(low, y.rank(), "low padding");
    expect_rank(high, y.rank(), "high padding");
    if (!shape_of(fill).dims().empty()) {
      fail<ShapeError>(fmt::format("the fill is no scalar; got {}", to_string(shape_of(fill))),
                       "pad with one value, or concatenate");
    }
    return emit("pad", {y, operand(fill, y.dtype(), {})},
                {{"low", ir::Ints(low.begin(), low.end())},
                 {"high", ir::Ints(high.begin(), high.end())},
                 {"interior", ir::Ints(static_cast<size_t>(y.rank()), 0)}});
  });
}

Tensor pad_operation::operator()(Arg x, Dims low, Dims high) const {
  return run_op("pad", x.where(), [&] {
    const Tensor y = operand(x);
    return pad(y, low, high, splat(0, {y.dtype(), {}}));
  });
}

Tensor concatenate_operation::operator()(Args tensors, int axis) const {
  return run_op("concatenate", tensors.where(), [&] {
    const auto parts = alike(tensors.tensors());
    return concatenated(parts, normal_axis(axis, parts[0].rank()));
  });
}

Tensor stack_operation::operator()(Args tensors, int axis) const {
  return run_op("stack", tensors.where(), [&] {
    auto parts = alike(tensors.tensors());
    const Shape shape = parts[0].shape();
    const int d = normal_axis(axis, shape.rank() + 1);
    for (Tensor& part : parts) {
      if (part.shape() != shape) {
        fail<ShapeError>(fmt::format("shapes differ; got {} and {}, expected equal shapes",
                                     to_string(shape), to_string(part.shape())),
                         "concatenate joins along an axis that exists");
      }
      part = emit("reshape", {part}, {{"shape", ints_of(shape.with_inserted(d, 1))}});
    }
    return concatenated(parts, d);
  });
}

Tensor flip_operation::operator()(Arg x, Axes axes) const {
  return run_op("flip", x.where(), [&] {
    const Tensor y = operand(x);
    const ir::Ints reversed = normal_axes(axes, y.rank());
    return reversed.empty() ? y : emit("reverse", {y}, {{"axes", reversed}});
  });
}

Tensor take_operation::operator()(Arg x, Arg indices, int axis) const {
  return run_op("take", x.where(), [&] {
    const Tensor y = operand(x);
    Tensor index = operand(indices);
    if (!is_integer(index.dtype())) {
      fail<DTypeError>(fmt::format("indices are no integers; got {}", to_string(index.type())),
                       "convert them by astype, or use where for a condition");
    }
    const int d = normal_axis(axis, y.rank());
    if (y.shape()[d] == 0 && index.size() > 0) {
      fail<ShapeError>(fmt::format("nothing to take from; got {}", to_string(y.type())),
                       "take from an axis that is not empty");
    }
    if (size_of(index.dtype()) < 4) index = convert_to(index, DType::I32);
    if (index.dtype() == DType::U64) index = convert_to(index, DType::I64);
    return emit("gather", {y, index}, {{"axis", int64_t{d}}, {"batch", int64_t{0}}});
  });
}

}  // namespace detail

using detail::emit;
using detail::run_op;

Tensor Tensor::operator[](Index index) const {
  return run_op("index", index.where, [&] {
    const int64_t i = index.value;
    const int64_t extent = rank(index.where) > 0 ? shape()[0] : 0;
    const int64_t from_front = i < 0 ? i + extent : i;
    if (from_front < 0 || from_front >= extent) {
      detail::fail<ValueError>(rank() == 0 ? "a scalar has no entries"
                                           : fmt::format("no such entry; got index {}, expected "
                                                         "{} to {}",
                                                         i, -extent, extent - 1),
                               "choose an index within the first axis");
    }
    const Tensor row = detail::slice_one(*this, 0, from_front, from_front + 1);
    return emit("reshape", {row}, {{"shape", detail::ints_of(shape().without(0))}});
  });
}

namespace {

Tensor filled(const char* name, const Type& type, double value, SourcePos where) {
  return run_op(name, where, [&] { return detail::splat(value, type); });
}

template <class T, class Value>
Tensor listed(std::initializer_list<Value> values, const Shape& shape, SourcePos where) {
  std::vector<T> converted;
  for (Value x : values)
    converted.push_back(static_cast<T>(x));
  return detail::from_memory(std::same_as<Value, bool> ? DType::Bool : dtype_of<T>(), shape,
                             converted.data(), converted.size(), where);
}

Shape length_of(const auto& values) {
  return Shape{static_cast<int64_t>(values.size())};
}

}  // namespace

Tensor zeros(Shape shape, DType dtype, SourcePos where) {
  return filled("zeros", {dtype, shape}, 0, where);
}
Tensor ones(Shape shape, DType dtype, SourcePos where) {
  return filled("ones", {dtype, shape}, 1, where);
}
Tensor zeros_like(const Tensor& x, SourcePos where) {
  return filled("zeros_like", x.type(where), 0, where);
}
Tensor ones_like(const Tensor& x, SourcePos where) {
  return filled("ones_like", x.type(where), 1, where);
}

Tensor full(Shape shape, Arg value, DType dtype) {
  return run_op("full", value.where(), [&] {
    if (value.is_tensor() && value.tensor().rank() != 0) {
      detail::fail<ShapeError>(
          fmt::format("the value is no scalar; got {}", to_string(value.tensor().type())),
          "use broadcast_to for a tensor with axes");
    }
    return detail::operand(value, dtype, shape);
  });
}
Tensor full(Shape shape, Arg value) {
  return run_op("full", value.where(),
                [&] { return full(shape, value, detail::own_dtype(value)); });
}
Tensor full_like(const Tensor& x, Arg value) {
  return full(x.shape(value.where()), value, x.dtype());
}

Tensor iota(Shape shape, int dim, DType dtype, SourcePos where) {
  return run_op("iota", where, [&] {
    const int axis = detail::normal_axis(dim, shape.rank());
    return emit("iota", {},
                {{"shape", detail::ints_of(shape)}, {"dtype", dtype}, {"dim", int64_t{axis}}});
  });
}
Tensor arange(int64_t n, DType dtype, SourcePos where) {
  return iota(Shape{n}, 0, dtype, where);
}

Tensor linspace(double first, double last, int64_t n, DType dtype, SourcePos where) {
  return run_op("linspace", where, [&] {
    if (n < 1) {
      detail::fail<ValueError>(fmt::format("too few points; got {}, expected at least 1", n),
                               "ask for one point or more");
    }
    const Type type{dtype, Shape{n}};
    const Tensor index = iota(type.shape, 0, dtype);
    const double step = n > 1 ? (last - first) / static_cast<double>(n - 1) : 0;
    // Its end is exact, whatever the rounding of the step.
    const Tensor inner =
        emit("add", {emit("mul", {index, detail::splat(step, type)}), detail::splat(first, type)});
    const Tensor at_end = emit("eq", {index, detail::splat(static_cast<double>(n - 1), type)});
    if (n == 1) return detail::splat(first, type);
    return emit("select", {at_end, detail::splat(last, type), inner});
  });
}

Tensor tensor(std::initializer_list<double> values, Shape shape, SourcePos where) {
  return listed<float>(values, shape, where);
}
Tensor tensor(std::initializer_list<int> values, Shape shape, SourcePos where) {
  return listed<int32_t>(values, shape, where);
}
Tensor tensor(std::initializer_list<float> values, Shape shape, SourcePos where) {
  return listed<float>(values, shape, where);
}
Tensor tensor(std::initializer_list<bool> values, Shape shape, SourcePos where) {
  return listed<uint8_t>(values, shape, where);
}
Tensor tensor(std::initializer_list<double> values, SourcePos where) {
  return tensor(values, length_of(values), where);
}
Tensor tensor(std::initializer_list<int> values, SourcePos where) {
  return tensor(values, length_of(values), where);
}
Tensor tensor(std::initializer_list<float> values, SourcePos where) {
  return tensor(values, length_of(values), where);
}
Tensor tensor(std::initializer_list<bool> values, SourcePos where) {
  return tensor(values, length_of(values), where);
}

Tensor tensor(std::initializer_list<std::initializer_list<double>> rows, SourcePos where) {
  std::vector<float> values;
  for (const auto& row : rows) {
    if (row.size() != rows.begin()->size()) {
      throw ShapeError(Message{
          "tensor",
          fmt::format("rows differ in length; got {} and {}", rows.begin()->size(), row.size()),
          where, "give rows of equal length"});
    }
    for (double x : row)
      values.push_back(static_cast<float>(x));
  }
  const auto columns = static_cast<int64_t>(rows.size() ? rows.begin()->size() : 0);
  return tensor(values, Shape{static_cast<int64_t>(rows.size()), columns}, where);
}

}  // namespace gradus
