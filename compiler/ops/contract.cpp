// The row of dot: contraction of any axes of two operands, any axes shared. The result's dimensions
// are batch axes, then lhs's free axes, then rhs's, each in the operand's order. Every element is
// one chain of fused multiply-adds in order of the contracted index, so operands may be exchanged
// exactly.
#include <fmt/format.h>

#include "compiler/ops/axes.h"
#include "compiler/ops/build.h"
#include "compiler/ops/families.h"
#include "compiler/ops/reference_product.h"

namespace gradus::ops {

using ir::Ints;

namespace {

/// The axes of both operands by role.
struct Roles {
  DotDims dims;
  Ints lhs_free, rhs_free;

  Roles(DotDims d, int lhs_rank, int rhs_rank)
      : dims(std::move(d)),
        lhs_free(other_axes(lhs_rank, dims.lhs_contract, dims.lhs_batch)),
        rhs_free(other_axes(rhs_rank, dims.rhs_contract, dims.rhs_batch)) {}
};

DotDims dims_of(const RuleContext& c) {
  return {c.ints("lhs_contract"), c.ints("rhs_contract"), c.ints("lhs_batch"), c.ints("rhs_batch")};
}

Ints concat(Ints a, const Ints& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// 0, 1, … n - 1 shifted.
Ints run(int64_t from, size_t n) {
  Ints axes;
  for (size_t i = 0; i < n; ++i)
    axes.push_back(from + static_cast<int64_t>(i));
  return axes;
}

Shape result_shape(const DotDims& dims, const Shape& lhs, const Shape& rhs) {
  const Roles roles(dims, lhs.rank(), rhs.rank());
  Ints extents;
  for (int64_t d : concat(dims.lhs_batch, roles.lhs_free)) {
    extents.push_back(lhs[static_cast<int>(d)]);
  }
  for (int64_t d : roles.rhs_free)
    extents.push_back(rhs[static_cast<int>(d)]);
  return Shape(extents);
}

void expect_pairs(const InferContext& c, const Ints& lhs, const Ints& rhs, std::string_view role,
                  std::string_view remedy) {
  if (lhs.size() != rhs.size()) {
    fail_value(c,
               fmt::format("numbers of {} axes differ; got {} and {}, expected equal numbers", role,
                           lhs.size(), rhs.size()),
               "pair the axes");
  }
  for (size_t i = 0; i < lhs.size(); ++i) {
    const int64_t l = c.in[0].shape[static_cast<int>(lhs[i])];
    const int64_t r = c.in[1].shape[static_cast<int>(rhs[i])];
    if (l == r) continue;
    fail_shape(
        c,
        fmt::format("{} extents differ; got {} and {}, expected equal extents; operands {} and "
                    "{}",
                    role, l, r, to_string(c.in[0]), to_string(c.in[1])),
        std::string(remedy));
  }
}

std::vector<Type> infer_dot(const InferContext& c) {
  expect_equal_dtypes(c);
  const DType dtype = c.in[0].dtype;
  if (!is_float(dtype) && !is_integer(dtype)) {
    fail_dtype(c, fmt::format("not numbers; got {}, expected integers or floats", name_of(dtype)),
               "convert the operands");
  }
  const DotDims dims = dims_of(c);
  const int lhs_rank = c.in[0].rank(), rhs_rank = c.in[1].rank();
  expect_distinct_axes(c, concat(dims.lhs_batch, dims.lhs_contract), lhs_rank, "lhs axis");
  expect_distinct_axes(c, concat(dims.rhs_batch, dims.rhs_contract), rhs_rank, "rhs axis");
  expect_pairs(c, dims.lhs_batch, dims.rhs_batch, "batch", "batch over axes of equal extent");
  expect_pairs(c, dims.lhs_contract, dims.rhs_contract, "inner",
               "transpose an operand or write the function for one example and vmap it");
  const Roles roles(dims, lhs_rank, rhs_rank);
  Ints extents;
  for (int64_t d : concat(dims.lhs_batch, roles.lhs_free)) {
    extents.push_back(c.in[0].shape[static_cast<int>(d)]);
  }
  for (int64_t d : roles.rhs_free)
    extents.push_back(c.in[1].shape[static_cast<int>(d)]);
  return {{dtype, Shape(extents)}};
}

Space dot_space(const SpaceContext& c) {
  const Roles roles(dims_of(c), c.in[0].rank(), c.in[1].rank());
  Space space = space_of_result(SpaceKind::Product, c.out[0].shape);
  std::vector<DimIndex> lhs(static_cast<size_t>(c.in[0].rank()));
  std::vector<DimIndex> rhs(static_cast<size_t>(c.in[1].rank()));
  int axis = 0;
  for (size_t i = 0; i < roles.dims.lhs_batch.size(); ++i, ++axis) {
    lhs[static_cast<size_t>(roles.dims.lhs_batch[i])] = DimIndex::axis(axis);
    rhs[static_cast<size_t>(roles.dims.rhs_batch[i])] = DimIndex::axis(axis);
  }
  for (int64_t d : roles.lhs_free)
    lhs[static_cast<size_t>(d)] = DimIndex::axis(axis++);
  for (int64_t d : roles.rhs_free)
    rhs[static_cast<size_t>(d)] = DimIndex::axis(axis++);
  for (size_t i = 0; i < roles.dims.lhs_contract.size(); ++i, ++axis) {
    lhs[static_cast<size_t>(roles.dims.lhs_contract[i])] = DimIndex::axis(axis);
    rhs[static_cast<size_t>(roles.dims.rhs_contract[i])] = DimIndex::axis(axis);
    space.extents.push_back(c.in[0].shape[static_cast<int>(roles.dims.lhs_contract[i])]);
  }
  space.operands = {lhs, rhs};
  space.flops = 2;
  return space;
}

/// The cotangent of one operand is a dot of the result's cotangent with the other operand: over the
/// other's free axes. Of the two orders of the operands, the one is taken whose result needs no
/// transpose, if there is one.
Value transpose_dot(const TransposeContext& c) {
  Builder& b = c.b;
  const bool left = c.operand == 0;
  const Roles roles(dims_of(c), c.in_types[0].rank(), c.in_types[1].rank());
  const DotDims& dims = roles.dims;
  const Ints& own_batch = left ? dims.lhs_batch : dims.rhs_batch;
  const Ints& own_contract = left ? dims.lhs_contract : dims.rhs_contract;
  const Ints& own_free = left ? roles.lhs_free : roles.rhs_free;
  const Ints& other_batch = left ? dims.rhs_batch : dims.lhs_batch;
  const Ints& other_contract = left ? dims.rhs_contract : dims.lhs_contract;
  const Ints& other_free = left ? roles.rhs_free : roles.lhs_free;
  const Value other = c.in[left ? 1 : 0], ct = c.ct[0];

  const size_t batches = own_batch.size();
  const auto lhs_free = static_cast<int64_t>(roles.lhs_free.size());
  const auto first = static_cast<int64_t>(batches);
  const Ints ct_contract = run(left ? first + lhs_free : first, other_free.size());
  const Ints ct_batch = run(0, batches);

  // The other's contracted axes come in its own order; this is where each stands in the operand.
  std::vector<std::pair<int64_t, int64_t>> pairs;
  for (size_t i = 0; i < own_contract.size(); ++i) {
    pairs.emplace_back(other_contract[i], own_contract[i]);
  }
  std::ranges::sort(pairs);
  Ints contracted;
  for (const auto& [from, to] : pairs)
    contracted.push_back(to);

  const Ints ct_first = concat(concat(own_batch, own_free), contracted);
  const Ints other_first = concat(concat(own_batch, contracted), own_free);
  if (!is_identity(ct_first) && is_identity(other_first)) {
    return dot(b, other, ct, {other_free, ct_contract, other_batch, ct_batch});
  }
  const Value product = dot(b, ct, other, {ct_contract, other_free, ct_batch, other_batch});
  return transpose(b, product, inverse_of(ct_first));
}

/// Axes of an operand after an axis was put in at `axis`.
Ints shifted(Ints axes, int axis) {
  for (int64_t& a : axes)
    a += a >= axis;
  return axes;
}

/// One operand batched: its batch axis is one more free axis. Where that brings the batch axis back
/// to where it stood in the operand, the operands are exchanged (a matrix-vector product whose
/// vectors are rows gives rows).
std::vector<Batched> batch_one_operand(const BatchContext& c, bool left) {
  DotDims dims = dims_of(c);
  const Batched x = c.in[left ? 0 : 1];
  const Value other = c.in[left ? 1 : 0].value;
  auto& batch = left ? dims.lhs_batch : dims.rhs_batch;
  auto& contract = left ? dims.lhs_contract : dims.rhs_contract;
  batch = shifted(batch, x.axis);
  contract = shifted(contract, x.axis);
  const int rank = c.b.type(x.value).rank();
  const Roles roles(dims, left ? rank : c.b.type(other).rank(),
                    left ? c.b.type(other).rank() : rank);
  const Ints& free = left ? roles.lhs_free : roles.rhs_free;
  const auto among_free = std::ranges::find(free, x.axis) - free.begin();
  const auto shared = static_cast<int>(batch.size());
  const auto lhs_free = static_cast<int>(roles.lhs_free.size());
  const auto rhs_free = static_cast<int>(roles.rhs_free.size());
  const int axis = shared + static_cast<int>(among_free) + (left ? 0 : lhs_free);
  const int exchanged = shared + static_cast<int>(among_free) + (left ? rhs_free : 0);
  const bool keeps_order = left ? lhs_free == 1 || rhs_free == 0 : rhs_free == 1 || lhs_free == 0;
  if (axis != x.axis && exchanged == x.axis && keeps_order) {
    const Value v =
        left ? dot(c.b, other, x.value,
                   {dims.rhs_contract, dims.lhs_contract, dims.rhs_batch, dims.lhs_batch})
             : dot(c.b, x.value, other,
                   {dims.rhs_contract, dims.lhs_contract, dims.rhs_batch, dims.lhs_batch});
    return {{v, exchanged}};
  }
  const Value v = left ? dot(c.b, x.value, other, dims) : dot(c.b, other, x.value, dims);
  return {{v, axis}};
}

std::vector<Batched> batch_dot(const BatchContext& c) {
  if (c.in[1].axis < 0) return batch_one_operand(c, true);
  if (c.in[0].axis < 0) return batch_one_operand(c, false);
  DotDims dims = dims_of(c);
  const int l = c.in[0].axis, r = c.in[1].axis;
  dims = {shifted(dims.lhs_contract, l), shifted(dims.rhs_contract, r),
          concat({l}, shifted(dims.lhs_batch, l)), concat({r}, shifted(dims.rhs_batch, r))};
  return {{dot(c.b, c.in[0].value, c.in[1].value, dims), 0}};
}

/// The operand that v transposes, with the axes renamed, if its free axes keep their order.
Value untransposed(const Builder& b, Value v, Ints& contract, Ints& batch) {
  if (!is_op(b, v, "transpose")) return {};
  const Ints& perm = ints_of(b, v, 0);
  const auto rename = [&](Ints axes) {
    for (int64_t& a : axes)
      a = perm[static_cast<size_t>(a)];
    return axes;
  };
  const Ints free = rename(other_axes(static_cast<int>(perm.size()), contract, batch));
  if (!std::ranges::is_sorted(free)) return {};
  contract = rename(contract);
  batch = rename(batch);
  return b.graph().operands(v.node)[0];
}

/// A product of a transposed operand is a product of the operand; a sum over nothing is zero.
Value simplify_dot(Builder& b, std::span<const Value> in, const Attrs& attrs) {
  DotDims dims{std::get<Ints>(attrs[0]), std::get<Ints>(attrs[1]), std::get<Ints>(attrs[2]),
               std::get<Ints>(attrs[3])};
  const Type lhs_type = b.type(in[0]), rhs_type = b.type(in[1]);
  const auto empty = [&](int64_t axis) { return lhs_type.shape[static_cast<int>(axis)] == 0; };
  if (std::ranges::any_of(dims.lhs_contract, empty)) {
    return b.zeros({lhs_type.dtype, result_shape(dims, lhs_type.shape, rhs_type.shape)});
  }
  const Value lhs = untransposed(b, in[0], dims.lhs_contract, dims.lhs_batch);
  const Value rhs = untransposed(b, in[1], dims.rhs_contract, dims.rhs_batch);
  if (!lhs && !rhs) return {};
  return dot(b, lhs ? lhs : in[0], rhs ? rhs : in[1], dims);
}

OpDef dot_row() {
  OpDef op{.name = "dot",
           .family = Family::Contract,
           .operands = 2,
           .attributes = {{"lhs_contract", AttrKind::Ints},
                          {"rhs_contract", AttrKind::Ints},
                          {"lhs_batch", AttrKind::Ints},
                          {"rhs_batch", AttrKind::Ints}}};
  op.linear = {0, 1};
  op.multilinear = true;
  op.infer = infer_dot;
  op.reference = [](const ReferenceContext& c) {
    const std::vector types{c.in[0].type, c.in[1].type};
    return reference_product(c, dot_space({c, types, c.out_types}));
  };
  op.space = dot_space;
  op.transpose = transpose_dot;
  op.batch = batch_dot;
  op.simplify = simplify_dot;
  return op;
}

}  // namespace

void register_contract(Registry& registry) {
  registry.add(dot_row());
}

}  // namespace gradus::ops
