#include "compiler/ir/fold.h"

#include <algorithm>

#include "compiler/ops/op.h"
#include "compiler/ops/reference_values.h"

namespace gradus::ir {
namespace {

using loop::Bits;
using loop::ScalarBuilder;
using loop::ScalarNode;
using loop::ScalarOp;
using loop::V;
using ops::OpDef;

constexpr int64_t kMostElements = 64;

Bits element_bits(const Literal& literal, int64_t i) {
  Bits bits = 0;
  const size_t width = size_of(literal.type().dtype);
  std::memcpy(&bits, literal.bytes() + (literal.is_splat() ? 0 : i * static_cast<int64_t>(width)),
              width);
  return bits;
}

/// Integers and moved bits are exact; a float operation rounds once.
bool rounds(const ScalarNode& node) {
  if (node.kind != ScalarNode::Kind::Op || !is_float(node.dtype)) return false;
  switch (node.op) {
    case ScalarOp::Add:
    case ScalarOp::Sub:
    case ScalarOp::Mul:
    case ScalarOp::Div:
    case ScalarOp::Rem:
    case ScalarOp::Fma:
    case ScalarOp::Sqrt:
    case ScalarOp::Convert:
      return true;
    default:
      return false;
  }
}

std::vector<V> element_program(const OpDef& op, const Attrs& attrs, ScalarBuilder& s,
                               std::span<const V> in, std::span<const Type> results) {
  std::vector<DType> dtypes;
  for (const Type& t : results)
    dtypes.push_back(t.dtype);
  return op.scalar({{op, attrs}, s, in, dtypes});
}

bool rounds_at_most_once(const OpDef& op, const Attrs& attrs, std::span<const Literal* const> in,
                         std::span<const Type> results) {
  ScalarBuilder s;
  std::vector<V> inputs;
  for (size_t i = 0; i < in.size(); ++i) {
    inputs.push_back(s.input(in[i]->type().dtype, static_cast<int>(i)));
  }
  element_program(op, attrs, s, inputs, results);
  return std::ranges::count_if(s.nodes(), rounds) <= 1;
}

/// Runs the op's own scalar program on constants: the builder folds it, with the bits that every
/// back end would compute.
std::vector<Value> fold_elements(Builder& builder, const OpDef& op, const Attrs& attrs,
                                 std::span<const Literal* const> in,
                                 std::span<const Type> results) {
  const bool splat = std::ranges::all_of(in, [](const Literal* l) { return l->is_splat(); });
  const int64_t n = splat ? 1 : results[0].elements();
  if (n > kMostElements || !rounds_at_most_once(op, attrs, in, results)) return {};
  std::vector<std::vector<std::byte>> data;
  for (const Type& t : results)
    data.emplace_back(size_of(t.dtype) * static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    ScalarBuilder s;
    std::vector<V> inputs;
    for (const Literal* l : in) {
      inputs.push_back(s.constant_bits(l->type().dtype, element_bits(*l, i)));
    }
    const auto out = element_program(op, attrs, s, inputs, results);
    for (size_t k = 0; k < out.size(); ++k) {
      GRADUS_CHECK(s.is_constant(out[k]), op.name);
      const Bits bits = s.nodes()[static_cast<size_t>(out[k].id)].bits;
      const size_t width = size_of(results[k].dtype);
      std::memcpy(data[k].data() + static_cast<size_t>(i) * width, &bits, width);
    }
  }
  std::vector<Value> values;
  for (size_t k = 0; k < results.size(); ++k) {
    values.push_back(builder.constant(splat ? Literal::splat(results[k], data[k].data())
                                            : Literal::dense(results[k], data[k].data())));
  }
  return values;
}

bool all_the_same_splat(std::span<const Literal* const> in) {
  return std::ranges::all_of(in, [&](const Literal* l) {
    return l->is_splat() && element_bits(*l, 0) == element_bits(*in[0], 0);
  });
}

/// Elements only move: what is the same everywhere stays so.
std::vector<Value> fold_layout(Builder& builder, const OpDef& op, const Attrs& attrs,
                               std::span<const Literal* const> in, std::span<const Type> results) {
  if (all_the_same_splat(in)) {
    return {builder.constant(Literal::splat(results[0], in[0]->bytes()))};
  }
  int64_t most = results[0].elements();
  for (const Literal* l : in)
    most = std::max(most, l->type().elements());
  if (most > kMostElements) return {};
  std::vector<ops::RefArray> arrays;
  for (const Literal* l : in)
    arrays.push_back(ops::reference_of(*l));
  const auto out = op.reference({{op, attrs}, arrays, results});
  std::vector<std::byte> data(results[0].bytes());
  ops::store_reference(out[0], data.data());
  return {builder.constant(Literal::dense(results[0], data.data()))};
}

}  // namespace

std::vector<Value> fold(Builder& builder, const OpDef& op, std::span<const Value> operands,
                        const Attrs& attrs, std::span<const Type* const> result_types) {
  if (operands.empty()) return {};
  if (!std::ranges::all_of(operands, [&](Value v) { return builder.literal(v) != nullptr; })) {
    return {};
  }
  std::vector<const Literal*> in;
  for (Value v : operands)
    in.push_back(builder.literal(v));
  std::vector<Type> results;
  for (const Type* t : result_types)
    results.push_back(*t);
  if (op.family == ops::Family::Elementwise && op.scalar) {
    return fold_elements(builder, op, attrs, in, results);
  }
  if (op.family == ops::Family::Layout) return fold_layout(builder, op, attrs, in, results);
  return {};
}

}  // namespace gradus::ir
