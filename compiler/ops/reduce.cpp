// Rows of the reductions: reduce_sum … reduce_or over a set of axes, argmax, argmin,
// first_max and first_min over one.
// Reduced axes vanish from the result. Sums and the like over nothing give the neutral element,
// over one element that element (its sign of zero too); an extremum over nothing is an error.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <cmath>

#include "compiler/ops/axes.h"
#include "compiler/ops/build.h"
#include "compiler/ops/families.h"
#include "compiler/ops/reduce_shape.h"
#include "compiler/ops/reference_view.h"

namespace gradus::ops {

using ir::Ints;

namespace {

void expect_not_empty(const InferContext& c, const Ints& axes) {
  const Shape& shape = c.in[0].shape;
  if (reduced_count(shape, axes) > 0 || reduced_shape(shape, axes).elements() == 0) return;
  fail_shape(c,
             fmt::format("extremum over nothing; got {} reduced over [{}], expected at least one "
                         "element",
                         to_string(c.in[0]), fmt::join(axes, ",")),
             "give arrays with elements, or treat the empty case apart");
}

/// Reduced axes follow the result's.
Space reduce_space(const SpaceContext& c, const Ints& axes) {
  Space space = space_of_result(SpaceKind::Reduce, c.out[0].shape);
  const int rank = c.in[0].rank();
  std::vector<DimIndex> index(static_cast<size_t>(rank));
  int axis = 0;
  for (int64_t d : other_axes(rank, axes))
    index[static_cast<size_t>(d)] = DimIndex::axis(axis++);
  for (int64_t d : axes) {
    index[static_cast<size_t>(d)] = DimIndex::axis(axis++);
    space.extents.push_back(c.in[0].shape[static_cast<int>(d)]);
  }
  space.operands = {index};
  return space;
}

/// a comes before b in the order in which NaN is beyond every number.
bool beyond(double a, double b, bool largest) {
  if (std::isnan(b)) return false;
  return std::isnan(a) || (largest ? a > b : a < b);
}

bool beyond(DType dtype, int64_t a, int64_t b, bool largest) {
  if (is_unsigned_int(dtype)) {
    const auto x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
    return largest ? x > y : x < y;
  }
  return largest ? a > b : a < b;
}

bool is_beyond(const RefArray& x, size_t i, size_t j, bool largest) {
  if (is_float(x.type.dtype)) return beyond(x.real[i], x.real[j], largest);
  return beyond(x.type.dtype, x.integer[i], x.integer[j], largest);
}

// --- what the reductions over sets of axes share ---------------------------------------------

OpDef reduce_row(std::string name) {
  OpDef op{
      .name = std::move(name), .family = Family::Reduce, .attributes = {{"axes", AttrKind::Ints}}};
  op.space = [](const SpaceContext& c) { return reduce_space(c, c.ints("axes")); };
  op.batch = [](const BatchContext& c) -> std::vector<Batched> {
    int axis = c.in[0].axis;
    const Ints axes = batched_axes(c.ints("axes"), axis);
    return {{c.b.add(c.op, {c.in[0].value}, {axes}), axis}};
  };
  return op;
}

std::vector<Type> infer_reduction(const InferContext& c) {
  const Ints& axes = c.ints("axes");
  expect_distinct_axes(c, axes, c.in[0].rank());
  expect_sorted_axes(c, axes);
  return {{c.in[0].dtype, reduced_shape(c.in[0].shape, axes)}};
}

void expect_number(const InferContext& c) {
  const DType dtype = c.in[0].dtype;
  if (is_float(dtype) || is_integer(dtype)) return;
  fail_dtype(c, fmt::format("not a number; got {}, expected integers or floats", name_of(dtype)),
             "convert the operand");
}

void expect_logical(const InferContext& c) {
  const DType dtype = c.in[0].dtype;
  if (dtype == DType::Bool || is_integer(dtype)) return;
  fail_dtype(c,
             fmt::format("no bits to combine; got {}, expected bool or integers", name_of(dtype)),
             "compare or convert the operand");
}

/// 0, 1 or all bits set (-1).
ir::Literal neutral_splat(const Type& type, int neutral) {
  if (neutral >= 0) return ir::Literal::splat_of(type, neutral);
  const uint64_t ones = type.dtype == DType::Bool ? 1 : ~uint64_t{0};
  return ir::Literal::splat(type, &ones);
}

/// Idempotent: the combination of equal elements is that element.
template <bool kIdempotent, int kNeutral = 0>
Value simplify_reduction(Builder& b, std::span<const Value> in, const Attrs& attrs) {
  const Ints& axes = std::get<Ints>(attrs[0]);
  const Shape shape = b.type(in[0]).shape;
  const DType dtype = b.type(in[0]).dtype;
  if (axes.empty()) return in[0];
  const int64_t count = reduced_count(shape, axes);
  const Shape result = reduced_shape(shape, axes);
  if (count == 0) return b.constant(neutral_splat({dtype, result}, kNeutral));
  if (count == 1) return reshape(b, in[0], result);
  if (kIdempotent && count > 1) return splat_through(b, in[0], result);
  return {};
}

// --- reduce_sum ------------------------------------------------------------------------------

/// The sum of n equal elements if it is the same however it is bracketed: integers wrap, floats
/// must have room for the factor in their mantissa, so that no partial sum is rounded.
Value sum_of_splat(Builder& b, const ir::Literal& literal, int64_t n, const Shape& result) {
  const DType dtype = literal.type().dtype;
  const double x = literal.as_double();
  if (!is_float(dtype)) {
    const bool exact = std::fabs(x) * static_cast<double>(n) < 0x1p53;
    if (!exact || size_of(dtype) < 4) return {};
    const auto product = static_cast<double>(wrap_integer(dtype, static_cast<int64_t>(x) * n));
    return b.splat({dtype, result}, product);
  }
  if (x == 0) return b.zeros({dtype, result});
  int exponent = 0;
  const double mantissa = std::frexp(std::fabs(x), &exponent);
  const int digits = dtype == DType::F32 ? 24 : 53;
  const int room = digits - static_cast<int>(std::bit_width(static_cast<uint64_t>(n)));
  const double whole = std::ldexp(mantissa, room);
  const bool normal = exponent > -100 && exponent < 100;
  if (room < 1 || !normal || whole != std::floor(whole)) return {};
  return b.splat({dtype, result}, x * static_cast<double>(n));
}

Value simplify_sum(Builder& b, std::span<const Value> in, const Attrs& attrs) {
  const Ints& axes = std::get<Ints>(attrs[0]);
  const Shape shape = b.type(in[0]).shape;
  const ir::Literal* literal = b.literal(in[0]);
  const int64_t count = reduced_count(shape, axes);
  if (literal && literal->is_splat() && count > 1) {
    if (Value v = sum_of_splat(b, *literal, count, reduced_shape(shape, axes))) return v;
  }
  return simplify_reduction<false>(b, in, attrs);
}

OpDef sum_row() {
  OpDef op = reduce_row("reduce_sum");
  op.reduction = loop::ReduceOp::Add;
  op.linear = {0};
  op.infer = [](const InferContext& c) {
    expect_number(c);
    return infer_reduction(c);
  };
  op.reference = [](const ReferenceContext& c) -> std::vector<RefArray> {
    RefArray out = make_reference(c.out_types[0]);
    const DType dtype = out.type.dtype;
    // -0 + x is x for every x, so a sum over one element keeps its sign.
    const bool one = reduced_count(c.in[0].type.shape, c.ints("axes")) == 1;
    if (one) std::ranges::fill(out.real, -0.0);
    for_each_reduced(c.in[0].type.shape, c.ints("axes"), [&](size_t to, size_t from) {
      if (is_float(dtype)) {
        out.real[to] += c.in[0].real[from];
      } else {
        out.integer[to] =
            wrap_integer(dtype, static_cast<int64_t>(static_cast<uint64_t>(out.integer[to]) +
                                                     static_cast<uint64_t>(c.in[0].integer[from])));
      }
    });
    return {out};
  };
  op.transpose = [](const TransposeContext& c) {
    return spread(c.b, c.ct[0], c.in_types[0].shape, c.ints("axes"));
  };
  op.simplify = simplify_sum;
  return op;
}

// --- reduce_prod -----------------------------------------------------------------------------

/// The reduced axes merged into one, which stands last.
Value with_reduced_last(Builder& b, Value x, const Ints& axes) {
  const Shape shape = b.type(x).shape;
  Ints perm = other_axes(shape.rank(), axes);
  Ints extents;
  for (int64_t d : perm)
    extents.push_back(shape[static_cast<int>(d)]);
  extents.push_back(reduced_count(shape, axes));
  perm.insert(perm.end(), axes.begin(), axes.end());
  return reshape(b, transpose(b, x, perm), Shape(extents));
}

/// Elements start … limit of the last axis.
Value last_part(Builder& b, Value x, int64_t start, int64_t limit) {
  const Shape& shape = b.type(x).shape;
  Ints from(static_cast<size_t>(shape.rank())), to(shape.begin(), shape.end());
  from.back() = start;
  to.back() = limit;
  return slice(b, x, from, to, Ints(from.size(), 1));
}

/// The product rule over a balanced tree: no division, so zeros among the factors do no harm.
std::vector<Value> jvp_of_product(const JvpContext& c) {
  Builder& b = c.b;
  Value x = with_reduced_last(b, c.in[0], c.ints("axes"));
  Value t = with_reduced_last(b, c.t, c.ints("axes"));
  const int last = b.type(x).rank() - 1;
  if (b.type(x).shape[last] == 0) return {Value{}};
  while (b.type(x).shape[last] > 1) {
    const int64_t n = b.type(x).shape[last], half = n / 2;
    const Value x0 = last_part(b, x, 0, half), x1 = last_part(b, x, half, 2 * half);
    const Value t0 = last_part(b, t, 0, half), t1 = last_part(b, t, half, 2 * half);
    Value product = mul(b, x0, x1);
    Value tangent = add(b, mul(b, t0, x1), mul(b, x0, t1));
    if (n % 2 == 1) {
      product = concatenate(b, std::vector{product, last_part(b, x, n - 1, n)}, last);
      tangent = concatenate(b, std::vector{tangent, last_part(b, t, n - 1, n)}, last);
    }
    x = product;
    t = tangent;
  }
  return {reshape(b, t, b.type(c.out[0]).shape)};
}

OpDef product_row() {
  OpDef op = reduce_row("reduce_prod");
  op.reduction = loop::ReduceOp::Mul;
  op.infer = [](const InferContext& c) {
    expect_number(c);
    return infer_reduction(c);
  };
  op.reference = [](const ReferenceContext& c) -> std::vector<RefArray> {
    RefArray out = make_reference(c.out_types[0]);
    std::ranges::fill(out.real, 1);
    std::ranges::fill(out.integer, 1);
    const DType dtype = out.type.dtype;
    for_each_reduced(c.in[0].type.shape, c.ints("axes"), [&](size_t to, size_t from) {
      if (is_float(dtype)) {
        out.real[to] *= c.in[0].real[from];
      } else {
        out.integer[to] =
            wrap_integer(dtype, static_cast<int64_t>(static_cast<uint64_t>(out.integer[to]) *
                                                     static_cast<uint64_t>(c.in[0].integer[from])));
      }
    });
    return {out};
  };
  op.jvp = jvp_of_product;
  op.simplify = simplify_reduction<false, 1>;
  return op;
}

// --- reduce_max, reduce_min ------------------------------------------------------------------

/// Elements that attain the extremum share the tangent in equal parts.
std::vector<Value> jvp_of_extremum(const JvpContext& c) {
  Builder& b = c.b;
  const Ints& axes = c.ints("axes");
  const Type type = b.type(c.in[0]);
  const Value attained = eq(b, c.in[0], spread(b, c.out[0], type.shape, axes));
  const Value count = reduce_sum(b, convert(b, attained, type.dtype), axes);
  const Value sum = reduce_sum(b, select(b, attained, c.t, zeros_like(b, c.t)), axes);
  return {div(b, sum, count)};
}

RefArray reference_extremum(const ReferenceContext& c, const Ints& axes, bool largest) {
  RefArray out = make_reference(c.out_types[0]);
  std::vector<int64_t> best(static_cast<size_t>(out.type.elements()), -1);
  for_each_reduced(c.in[0].type.shape, axes, [&](size_t to, size_t from) {
    if (best[to] < 0 || is_beyond(c.in[0], from, static_cast<size_t>(best[to]), largest)) {
      best[to] = static_cast<int64_t>(from);
    }
  });
  for (size_t i = 0; i < best.size(); ++i) {
    copy_element(c.in[0], best[i], out, static_cast<int64_t>(i));
  }
  return out;
}

OpDef extremum_row(std::string name, bool largest) {
  OpDef op = reduce_row(std::move(name));
  op.reduction = largest ? loop::ReduceOp::Max : loop::ReduceOp::Min;
  op.infer = [](const InferContext& c) {
    expect_number(c);
    auto result = infer_reduction(c);
    expect_not_empty(c, c.ints("axes"));
    return result;
  };
  op.reference = [largest](const ReferenceContext& c) -> std::vector<RefArray> {
    return {reference_extremum(c, c.ints("axes"), largest)};
  };
  op.jvp = jvp_of_extremum;
  op.simplify = simplify_reduction<true>;
  return op;
}

// --- reduce_and, reduce_or -------------------------------------------------------------------

OpDef logical_row(std::string name, bool all) {
  OpDef op = reduce_row(std::move(name));
  op.reduction = all ? loop::ReduceOp::And : loop::ReduceOp::Or;
  op.infer = [](const InferContext& c) {
    expect_logical(c);
    return infer_reduction(c);
  };
  op.reference = [all](const ReferenceContext& c) -> std::vector<RefArray> {
    RefArray out = make_reference(c.out_types[0]);
    if (all) std::ranges::fill(out.integer, wrap_integer(out.type.dtype, -1));
    for_each_reduced(c.in[0].type.shape, c.ints("axes"), [&](size_t to, size_t from) {
      const int64_t x = c.in[0].integer[from];
      out.integer[to] = all ? out.integer[to] & x : out.integer[to] | x;
    });
    return {out};
  };
  op.no_jvp = "its result is not a float";
  if (all) {
    op.simplify = simplify_reduction<true, -1>;
  } else {
    op.simplify = simplify_reduction<true>;
  }
  return op;
}

// --- argmax, argmin --------------------------------------------------------------------------

std::vector<Type> infer_arg(const InferContext& c) {
  expect_number(c);
  const int64_t axis = c.integer("axis");
  expect_axis(c, axis, c.in[0].rank());
  expect_not_empty(c, {axis});
  return {{DType::I32, c.in[0].shape.without(static_cast<int>(axis))}};
}

std::vector<Batched> batch_of_one_axis(const BatchContext& c) {
  const Batched x = c.in[0];
  const int64_t axis = c.integer("axis");
  const bool before = axis < x.axis;
  return {{c.b.add(c.op, {x.value}, {before ? axis : axis + 1}), before ? x.axis - 1 : x.axis}};
}

OpDef arg_row(std::string name, bool largest) {
  OpDef op{
      .name = std::move(name), .family = Family::Reduce, .attributes = {{"axis", AttrKind::Int}}};
  op.reduction = largest ? loop::ReduceOp::ArgMax : loop::ReduceOp::ArgMin;
  op.infer = infer_arg;
  op.reference = [largest](const ReferenceContext& c) -> std::vector<RefArray> {
    RefArray out = make_reference(c.out_types[0]);
    const int64_t axis = c.integer("axis");
    const Shape& shape = c.in[0].type.shape;
    const int64_t stride = strides_of(shape)[static_cast<size_t>(axis)];
    std::vector<int64_t> best(static_cast<size_t>(out.type.elements()), -1);
    for_each_reduced(shape, {axis}, [&](size_t to, size_t from) {
      if (best[to] >= 0 && !is_beyond(c.in[0], from, static_cast<size_t>(best[to]), largest)) {
        return;
      }
      best[to] = static_cast<int64_t>(from);
      out.integer[to] = best[to] / stride % shape[static_cast<int>(axis)];
    });
    return {out};
  };
  op.space = [](const SpaceContext& c) { return reduce_space(c, {c.integer("axis")}); };
  op.batch = batch_of_one_axis;
  op.simplify = [](Builder& b, std::span<const Value> in, const Attrs& attrs) -> Value {
    const auto axis = static_cast<int>(std::get<int64_t>(attrs[0]));
    const Shape& shape = b.type(in[0]).shape;
    const ir::Literal* literal = b.literal(in[0]);
    if (shape[axis] > 1 && !(literal && literal->is_splat())) return {};
    return b.zeros({DType::I32, shape.without(axis)});
  };
  op.no_jvp = "its result is not a float";
  return op;
}

// --- first_max, first_min ----------------------------------------------------------------------

/// The tangent of the first element that attains the extremum.
std::vector<Value> jvp_of_first(const JvpContext& c, bool largest) {
  Builder& b = c.b;
  const auto axis = static_cast<int>(c.integer("axis"));
  const Shape shape = b.type(c.in[0]).shape;
  const Value index = largest ? argmax(b, c.in[0], axis) : argmin(b, c.in[0], axis);
  const Value place = iota(b, {DType::I32, Shape{shape[axis]}}, 0);
  const Value chosen =
      eq(b, spread(b, index, shape, {axis}), broadcast(b, place, shape, Ints{axis}));
  return {reduce_sum(b, select(b, chosen, c.t, zeros_like(b, c.t)), {axis})};
}

/// The extremum along one axis, as pooling wants it: its gradient is not shared by equal elements.
OpDef first_row(std::string name, bool largest) {
  OpDef op{
      .name = std::move(name), .family = Family::Reduce, .attributes = {{"axis", AttrKind::Int}}};
  op.infer = [](const InferContext& c) -> std::vector<Type> {
    return {{c.in[0].dtype, infer_arg(c)[0].shape}};
  };
  op.reference = [largest](const ReferenceContext& c) -> std::vector<RefArray> {
    return {reference_extremum(c, {c.integer("axis")}, largest)};
  };
  op.jvp = [largest](const JvpContext& c) { return jvp_of_first(c, largest); };
  op.batch = batch_of_one_axis;
  op.decompose = [largest](Builder& b, std::span<const Value> in, const Attrs& attrs) {
    const Ints axes{std::get<int64_t>(attrs[0])};
    return std::vector{largest ? reduce_max(b, in[0], axes) : reduce_min(b, in[0], axes)};
  };
  op.simplify = [](Builder& b, std::span<const Value> in, const Attrs& attrs) -> Value {
    const auto axis = static_cast<int>(std::get<int64_t>(attrs[0]));
    const Shape result = b.type(in[0]).shape.without(axis);
    if (b.type(in[0]).shape[axis] == 1) return reshape(b, in[0], result);
    return splat_through(b, in[0], result);
  };
  op.no_lowering = "it is reduce_max or reduce_min with another derivative";
  return op;
}

}  // namespace

void register_reduce(Registry& registry) {
  registry.add(sum_row());
  registry.add(product_row());
  registry.add(extremum_row("reduce_max", true));
  registry.add(extremum_row("reduce_min", false));
  registry.add(logical_row("reduce_and", true));
  registry.add(logical_row("reduce_or", false));
  registry.add(arg_row("argmax", true));
  registry.add(arg_row("argmin", false));
  registry.add(first_row("first_max", true));
  registry.add(first_row("first_min", false));
  register_moments(registry);
}

}  // namespace gradus::ops
