#include "compiler/ops/elementwise.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gradus::ops {
namespace {

/// "f32[3] and f32[4]".
std::string list_types(std::span<const Type> types) {
  std::string text;
  for (size_t i = 0; i < types.size(); ++i) {
    if (i > 0) text += i + 1 == types.size() ? " and " : ", ";
    text += to_string(types[i]);
  }
  return text;
}

int common_axis(std::span<const Batched> in) {
  int axis = -1;
  for (const Batched& x : in) {
    if (x.axis < 0 || x.axis == axis) continue;
    if (axis >= 0) return 0;
    axis = x.axis;
  }
  return axis < 0 ? 0 : axis;
}

}  // namespace

bool accepts(DTypes set, DType dtype) {
  switch (kind_of(dtype)) {
    case DTypeKind::Bool:
      return set & kBool;
    case DTypeKind::Signed:
      return set & kSigned;
    case DTypeKind::Unsigned:
      return set & kUnsigned;
    case DTypeKind::Float:
      return set & kFloat;
    case DTypeKind::Key:
      return set & kKey;
  }
  return false;
}

std::string describe(DTypes set) {
  std::vector<std::string_view> parts;
  if (set & kBool) parts.push_back("bool");
  if ((set & kInteger) == kInteger) {
    parts.push_back("an integer");
  } else if (set & kSigned) {
    parts.push_back("a signed integer");
  } else if (set & kUnsigned) {
    parts.push_back("an unsigned integer");
  }
  if (set & kFloat) parts.push_back("f32 or f64");
  if (set & kKey) parts.push_back("a key");
  return fmt::format("{}", fmt::join(parts, " or "));
}

void require_dtype(const InferContext& c, size_t i, DTypes set) {
  if (accepts(set, c.in[i].dtype)) return;
  const std::string which = c.in.size() == 1 ? "the operand" : fmt::format("operand {}", i);
  fail_dtype(c,
             fmt::format("wrong dtype of {}; got {}, expected {}", which, to_string(c.in[i]),
                         describe(set)),
             "convert it");
}

void require_equal_shapes(const InferContext& c, size_t first) {
  for (size_t i = first + 1; i < c.in.size(); ++i) {
    if (c.in[i].shape == c.in[first].shape) continue;
    fail_shape(c,
               fmt::format("shapes differ; got {}, expected equal shapes",
                           list_types(c.in.subspan(first))),
               "broadcast one of them");
  }
}

void require_equal_dtypes(const InferContext& c, size_t first) {
  for (size_t i = first + 1; i < c.in.size(); ++i) {
    if (c.in[i].dtype == c.in[first].dtype) continue;
    fail_dtype(c,
               fmt::format("dtypes differ; got {}, expected equal dtypes",
                           list_types(c.in.subspan(first))),
               "convert one of them");
  }
}

std::vector<Batched> batch_pointwise(const BatchContext& c) {
  const int axis = common_axis(c.in);
  std::vector<Value> operands;
  for (size_t i = 0; i < c.in.size(); ++i)
    operands.push_back(c.at(static_cast<int>(i), axis));
  std::vector<Batched> results;
  for (Value v : c.b.add_node(c.op, operands, c.attributes))
    results.push_back({v, axis});
  return results;
}

Space pointwise_space(const SpaceContext& c, double flops) {
  Space space = space_of_result(SpaceKind::Elementwise, c.out[0].shape);
  space.operands.assign(c.in.size(), identity_index(c.out[0].rank()));
  space.flops = flops;
  return space;
}

ElementwiseRow::ElementwiseRow(Registry& registry, std::string name, DTypes dtypes, int operands)
    : row_(registry.add(
          {.name = std::move(name), .family = Family::Elementwise, .operands = operands})) {
  row_.infer = [dtypes](const InferContext& c) {
    for (size_t i = 0; i < c.in.size(); ++i)
      require_dtype(c, i, dtypes);
    require_equal_dtypes(c);
    require_equal_shapes(c);
    return std::vector{c.in[0]};
  };
  row_.batch = batch_pointwise;
  flops(1);
}

ElementwiseRow& ElementwiseRow::constant_pieces() {
  row_.jvp = [](const JvpContext& c) { return std::vector<Value>(c.out.size()); };
  return *this;
}

ElementwiseRow& ElementwiseRow::result(DType dtype) {
  row_.infer = [infer = row_.infer, dtype](const InferContext& c) {
    return std::vector{Type{dtype, infer(c)[0].shape}};
  };
  return *this;
}

ElementwiseRow& ElementwiseRow::flops(double flops) {
  row_.space = [flops](const SpaceContext& c) { return pointwise_space(c, flops); };
  return *this;
}

Partial ElementwiseRow::partial_of(const JvpContext& c) {
  const auto in = [&](size_t i) { return Expr{&c.b, i < c.in.size() ? c.in[i] : Value{}}; };
  return {.t = {&c.b, c.t}, .x = in(0), .y = in(1), .z = in(2), .out = {&c.b, c.out[0]}};
}

Cotangent ElementwiseRow::cotangent_of(const TransposeContext& c) {
  const auto in = [&](size_t i) { return Expr{&c.b, i < c.in.size() ? c.in[i] : Value{}}; };
  return {.ct = {&c.b, c.ct[0]}, .x = in(0), .y = in(1), .z = in(2)};
}

void register_elementwise(Registry& registry) {
  register_arithmetic(registry);
  register_math(registry);
  register_bits(registry);
  register_conversion(registry);
  register_random(registry);
}

}  // namespace gradus::ops
