// Operations on tensors. All are constexpr function objects, so that an operation is a function
// that can be passed on: vmap(gradus::sin). Operands broadcast as in NumPy: shapes are aligned at
// their last axis, and extents of 1 stretch. A negative axis counts from the end. Integers and
// bools become f32 where an operation is on real numbers. Errors (ShapeError, DTypeError,
// ValueError) name the line of the outermost call.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include <gradus/pytree.h>
#include <gradus/tensor.h>

namespace gradus {

/// A short list of axes, extents or indices: `0`, `{0, 2}`, a Shape, a vector.
class Dims {
 public:
  constexpr Dims() = default;
  template <std::integral T>
  constexpr Dims(T x) : count_(1) {
    values_[0] = static_cast<int64_t>(x);
  }
  constexpr Dims(std::initializer_list<int64_t> values) { assign(values); }
  Dims(const Shape& shape) { assign(shape); }
  Dims(const std::vector<int64_t>& values) { assign(values); }

  /// False for the default: "all axes", "the usual".
  constexpr bool given() const { return count_ >= 0; }
  constexpr int size() const { return count_ < 0 ? 0 : count_; }
  constexpr int64_t operator[](int i) const { return values_[static_cast<size_t>(i)]; }
  const int64_t* begin() const { return values_.data(); }
  const int64_t* end() const { return values_.data() + size(); }

  void visit_static(TreeVisitor& visitor) const {
    visitor.fixed("length", static_cast<uint64_t>(count_));
    for (int64_t x : *this)
      visitor.fixed("value", static_cast<uint64_t>(x));
  }

 private:
  constexpr void assign(const auto& values) {
    count_ = 0;
    for (int64_t x : values) {
      if (count_ == Shape::kMaxRank) fail_length();
      values_[static_cast<size_t>(count_++)] = x;
    }
  }
  [[noreturn]] static void fail_length();

  std::array<int64_t, Shape::kMaxRank> values_{};
  int count_ = -1;
};

/// Axes of an operand; left out: all of them.
using Axes = Dims;

/// Several operands: `{a, b}` or a vector.
class Args {
 public:
  Args(std::initializer_list<Tensor> tensors, SourcePos where = SourcePos::here())
      : tensors_(tensors.begin(), tensors.size()), where_(where) {}
  Args(const std::vector<Tensor>& tensors, SourcePos where = SourcePos::here())
      : tensors_(tensors), where_(where) {}
  template <size_t N>
  Args(const std::array<Tensor, N>& tensors, SourcePos where = SourcePos::here())
      : tensors_(tensors), where_(where) {}

  std::span<const Tensor> tensors() const { return tensors_; }
  SourcePos where() const { return where_; }

 private:
  std::span<const Tensor> tensors_;
  SourcePos where_;
};

namespace detail {

#define GRADUS_UNARY(name)          \
  struct name##_operation {         \
    Tensor operator()(Arg x) const; \
  };
#define GRADUS_BINARY(name)                \
  struct name##_operation {                \
    Tensor operator()(Arg a, Arg b) const; \
  };
#define GRADUS_REDUCTION(name)                                             \
  struct name##_operation {                                                \
    Tensor operator()(Arg x, Axes axes = {}, bool keepdims = false) const; \
  };
#include <gradus/ops.def>
#undef GRADUS_UNARY
#undef GRADUS_BINARY
#undef GRADUS_REDUCTION

struct where_operation {
  Tensor operator()(Arg condition, Arg a, Arg b) const;
};
struct clamp_operation {
  Tensor operator()(Arg x, Arg low, Arg high) const;
};
struct moments_operation {
  std::array<Tensor, 2> operator()(Arg x, Axes axes = {}, bool keepdims = false) const;
};
struct argextreme_operation {
  const char* name;
  Tensor operator()(Arg x, Axes axis = {}, bool keepdims = false) const;
};
struct softmax_operation {
  Tensor operator()(Arg x, Axes axes = -1) const;
};
struct log_softmax_operation {
  Tensor operator()(Arg x, Axes axes = -1) const;
};
struct one_hot_operation {
  Tensor operator()(Arg labels, int64_t classes, DType dtype = DType::F32) const;
};
struct tensordot_operation {
  Tensor operator()(Arg a, Arg b, Axes axes_a, Axes axes_b) const;
};
struct einsum_operation {
  Tensor operator()(std::string_view formula, Arg a) const;
  Tensor operator()(std::string_view formula, Arg a, Arg b) const;
};
struct reshape_operation {
  Tensor operator()(Arg x, Dims shape) const;
};
struct transpose_operation {
  Tensor operator()(Arg x, Axes permutation = {}) const;
};
struct swap_axes_operation {
  Tensor operator()(Arg x, int a, int b) const;
};
struct move_axis_operation {
  Tensor operator()(Arg x, int from, int to) const;
};
struct broadcast_to_operation {
  Tensor operator()(Arg x, Shape shape) const;
};
struct expand_dims_operation {
  Tensor operator()(Arg x, Axes axes) const;
};
struct squeeze_operation {
  Tensor operator()(Arg x, Axes axes = {}) const;
};
struct slice_operation {
  Tensor operator()(Arg x, Dims start, Dims limit, Dims stride = {}) const;
};
struct slice_axis_operation {
  Tensor operator()(Arg x, int axis, int64_t start, int64_t limit, int64_t stride = 1) const;
};
struct pad_operation {
  Tensor operator()(Arg x, Dims low, Dims high, Arg fill) const;
  Tensor operator()(Arg x, Dims low, Dims high) const;
};
struct concatenate_operation {
  Tensor operator()(Args tensors, int axis = 0) const;
};
struct stack_operation {
  Tensor operator()(Args tensors, int axis = 0) const;
};
struct flip_operation {
  Tensor operator()(Arg x, Axes axes = {}) const;
};
struct take_operation {
  Tensor operator()(Arg x, Arg indices, int axis = 0) const;
};
struct astype_operation {
  Tensor operator()(Arg x, DType dtype) const;
};
struct bitcast_operation {
  Tensor operator()(Arg x, DType dtype) const;
};

}  // namespace detail

#define GRADUS_UNARY(name) inline constexpr detail::name##_operation name{};
#define GRADUS_BINARY(name) GRADUS_UNARY(name)
#define GRADUS_REDUCTION(name) GRADUS_UNARY(name)
#include <gradus/ops.def>
#undef GRADUS_UNARY
#undef GRADUS_BINARY
#undef GRADUS_REDUCTION

/// where(condition, a, b): a where the condition holds, else b. Both are computed.
inline constexpr detail::where_operation where{};
/// min(max(x, low), high).
inline constexpr detail::clamp_operation clamp{};

/// auto [mean, variance] = moments(x): both at once, with a derivative of their own; accurate
/// whatever the mean (f32 is summed as f64).
inline constexpr detail::moments_operation moments{};

/// The i32 index of the largest (smallest) element along one axis, or of the flattened tensor: the
/// first of equal ones; NaN is the extreme.
inline constexpr detail::argextreme_operation argmax{"argmax"};
inline constexpr detail::argextreme_operation argmin{"argmin"};

/// exp(x) / sum(exp(x)) along axes, and its logarithm; no overflow.
inline constexpr detail::softmax_operation softmax{};
inline constexpr detail::log_softmax_operation log_softmax{};
/// labels [...] of integers -> [..., classes]: 1 at the label, 0 elsewhere (everywhere for a label
/// out of range).
inline constexpr detail::one_hot_operation one_hot{};

/// Sum of products over the paired axes; the result has a's other axes, then b's.
inline constexpr detail::tensordot_operation tensordot{};
/// einsum("bij,bjk->bik", a, b): one or two operands, letters once per operand. Without "->", the
/// letters that occur once, in alphabetical order.
inline constexpr detail::einsum_operation einsum{};

/// The same elements in row-major order under another shape; one extent may be -1.
inline constexpr detail::reshape_operation reshape{};
/// Result axis d is x's axis permutation[d]; without a permutation, axes are reversed.
inline constexpr detail::transpose_operation transpose{};
inline constexpr detail::swap_axes_operation swap_axes{};
inline constexpr detail::move_axis_operation move_axis{};
inline constexpr detail::broadcast_to_operation broadcast_to{};
/// New axes of extent 1; `axes` are places in the result.
inline constexpr detail::expand_dims_operation expand_dims{};
/// Without the given axes, which have extent 1 (or all such axes).
inline constexpr detail::squeeze_operation squeeze{};
/// Elements start, start + stride, … below limit of every axis; bounds are clamped, negative ones
/// count from the end.
inline constexpr detail::slice_operation slice{};
inline constexpr detail::slice_axis_operation slice_axis{};
/// low and high elements of `fill` (0) before and after each axis; negative ones cut away.
inline constexpr detail::pad_operation pad{};
/// One after another along an existing axis, or side by side along a new one.
inline constexpr detail::concatenate_operation concatenate{};
inline constexpr detail::stack_operation stack{};
inline constexpr detail::flip_operation flip{};
/// The entries of `axis` at the integer `indices`, whose shape replaces the axis. Indices out of
/// range are clamped.
inline constexpr detail::take_operation take{};

/// Converts; a value out of an integer's range is clamped to it, NaN becomes 0.
inline constexpr detail::astype_operation astype{};
/// The same bits as another type of equal width.
inline constexpr detail::bitcast_operation bitcast{};

/// The shape that operands of these shapes broadcast to. Throws ShapeError.
Shape broadcast_shapes(const Shape& a, const Shape& b);

}  // namespace gradus
