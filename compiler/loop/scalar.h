// Straight-line programs over single elements: how an op's row says, once, what all back ends
// compute. ScalarBuilder numbers and folds on insert, like the graph builder a floor up.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/dtype.h"
#include "runtime/hash_index.h"

namespace gradus::loop {

enum class ScalarOp : uint8_t {
#define GRADUS_SCALAR_OP(name, text, operands) name,
#include "compiler/loop/scalar_ops.def"
#undef GRADUS_SCALAR_OP
};

std::string_view name_of(ScalarOp op);
int operands_of(ScalarOp op);

/// An element's bits, zero-extended. A key is a U64, as it lies in memory: its first word is the
/// low half; a builder makes U64 of every Key it is asked for.
using Bits = uint64_t;

template <class T>
Bits bits_of(T x);
template <class T>
T from_bits(Bits bits);

/// Exactly what every back end computes for one element. `type` is the operands' dtype (of the last
/// operand for select), `result` the result's.
Bits evaluate(ScalarOp op, DType type, DType result, std::span<const Bits> in);

/// A value of a scalar program.
struct V {
  int32_t id = -1;
  friend bool operator==(const V&, const V&) = default;
};

struct ScalarNode {
  enum class Kind : uint8_t { Input, Constant, Op } kind;
  ScalarOp op{};
  DType dtype;
  std::array<int32_t, 3> in{-1, -1, -1};
  Bits bits = 0;  // constant's bits; number of an input
};

class ScalarBuilder {
 public:
  V input(DType dtype, int number);
  /// x converted to the dtype (nearest).
  V constant(DType dtype, double x);
  V constant_bits(DType dtype, Bits bits);
  /// A constant of the dtype of `like`.
  V constant_like(V like, double x) { return constant(dtype(like), x); }

  DType dtype(V v) const { return nodes_[v.id].dtype; }
  const std::vector<ScalarNode>& nodes() const { return nodes_; }
  bool is_constant(V v) const { return nodes_[v.id].kind == ScalarNode::Kind::Constant; }

  V add(V a, V b) { return op(ScalarOp::Add, {a, b}); }
  V sub(V a, V b) { return op(ScalarOp::Sub, {a, b}); }
  V mul(V a, V b) { return op(ScalarOp::Mul, {a, b}); }
  V div(V a, V b) { return op(ScalarOp::Div, {a, b}); }
  V rem(V a, V b) { return op(ScalarOp::Rem, {a, b}); }
  V fma(V a, V b, V c) { return op(ScalarOp::Fma, {a, b, c}); }
  V neg(V a) { return op(ScalarOp::Neg, {a}); }
  V abs(V a) { return op(ScalarOp::Abs, {a}); }
  V sqrt(V a) { return op(ScalarOp::Sqrt, {a}); }
  V floor(V a) { return op(ScalarOp::Floor, {a}); }
  V ceil(V a) { return op(ScalarOp::Ceil, {a}); }
  V round_even(V a) { return op(ScalarOp::RoundEven, {a}); }
  V bit_and(V a, V b) { return op(ScalarOp::And, {a, b}); }
  V bit_or(V a, V b) { return op(ScalarOp::Or, {a, b}); }
  V bit_xor(V a, V b) { return op(ScalarOp::Xor, {a, b}); }
  V bit_not(V a) { return op(ScalarOp::Not, {a}); }
  V shl(V a, V b) { return op(ScalarOp::Shl, {a, b}); }
  V shr(V a, V b) { return op(ScalarOp::Shr, {a, b}); }
  V shr_arith(V a, V b) { return op(ScalarOp::ShrArith, {a, b}); }
  V eq(V a, V b) { return op(ScalarOp::Eq, {a, b}); }
  V ne(V a, V b) { return op(ScalarOp::Ne, {a, b}); }
  V lt(V a, V b) { return op(ScalarOp::Lt, {a, b}); }
  V le(V a, V b) { return op(ScalarOp::Le, {a, b}); }
  V gt(V a, V b) { return op(ScalarOp::Gt, {a, b}); }
  V ge(V a, V b) { return op(ScalarOp::Ge, {a, b}); }
  V select(V condition, V yes, V no) { return op(ScalarOp::Select, {condition, yes, no}); }
  V convert(V a, DType to) { return op(ScalarOp::Convert, {a}, to); }
  V bitcast(V a, DType to) { return op(ScalarOp::Bitcast, {a}, to); }
  /// x is NaN; false for integers.
  V is_nan(V a);
  /// p0 + x (p1 + x (p2 + …)) by fused multiply-adds, coefficients from the highest power down.
  V horner(V x, std::span<const double> highest_first);

  /// Any op by name of its enumerator; `result` for convert and bitcast.
  V op(ScalarOp op, std::initializer_list<V> in, DType result = DType::Bool);

 private:
  V append(const ScalarNode& node);
  /// An equal value that needs no new operation, or one that needs less; none.
  V simplified(ScalarOp op, std::span<const V> in, DType result);
  bool is_value(V v, double x) const;
  bool is_zero(V v) const { return is_constant(v) && nodes_[v.id].bits == 0; }
  bool is_ones(V v) const;
  /// The operand of v if v is that operation.
  V operand_if(V v, ScalarOp op) const;

  std::vector<ScalarNode> nodes_;
  HashIndex numbered_;  // nodes
};

/// How a reduction combines elements.
enum class ReduceOp : uint8_t { Add, Mul, Max, Min, And, Or, ArgMax, ArgMin };

/// acc combined with x; two values (extremum, its index) for ArgMax and ArgMin, else one.
/// Max and Min propagate NaN; of equal extrema the lower index wins.
std::vector<V> combine(ScalarBuilder& s, ReduceOp op, std::span<const V> acc, std::span<const V> x);
/// The same for the next element of a chain: its index is above all indices before.
std::vector<V> combine_next(ScalarBuilder& s, ReduceOp op, std::span<const V> acc,
                            std::span<const V> x);
/// The bits that leave x as it is under combine; for ArgMax the extremum's.
Bits identity_of(ReduceOp op, DType dtype);

}  // namespace gradus::loop
