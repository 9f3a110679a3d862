// One op, one row: everything the compiler knows of an op stands in its OpDef, made in the file of
// its family. The registry refuses to start if a row lacks a rule it must have; a rule that cannot
// exist says why in `no_jvp`, `no_batch` or `no_lowering`. No pass asks for an op by name: it asks the row.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/ir/builder.h"
#include "compiler/loop/scalar.h"
#include "compiler/ops/space.h"

namespace gradus::ops {

using ir::Attrs;
using ir::Builder;
using ir::Value;

enum class Family : uint8_t {
  Structure,    // parameter, constant, iota, barrier
  Elementwise,  // same shape in, same shape out
  Reduce,
  Layout,    // reshape, transpose, broadcast, slice, pad, concatenate, reverse
  Contract,  // dot, conv
  Index,     // gather, scatter
  Control,   // call, cond, scan, while
};

enum class AttrKind : uint8_t { Int, Float, Ints, Text, DType, Literal, Graph };  // as ir::Attr

struct AttrDef {
  std::string name;
  AttrKind kind;
};

struct OpDef;

/// What every rule sees: the row and the attributes, by name.
struct RuleContext {
  const OpDef& op;
  const Attrs& attributes;

  template <class T>
  const T& attr(std::string_view name) const;
  int64_t integer(std::string_view name) const { return attr<int64_t>(name); }
  const ir::Ints& ints(std::string_view name) const { return attr<ir::Ints>(name); }
};

/// Result types from operand types; throws ShapeError, DTypeError, ValueError.
struct InferContext : RuleContext {
  std::span<const Type> in;
  SourcePos where;
};

/// An array of the reference evaluator: floats in double precision, everything else (bools,
/// integers, keys as hi << 32 | lo) in 64-bit integers.
struct RefArray {
  Type type;
  std::vector<double> real;
  std::vector<int64_t> integer;
};

struct ReferenceContext : RuleContext {
  std::span<const RefArray> in;
  std::span<const Type> out_types;
};

/// One element from one element of each operand.
struct ScalarContext : RuleContext {
  loop::ScalarBuilder& s;
  std::span<const loop::V> in;
  std::span<const DType> out_dtypes;
};

struct SpaceContext : RuleContext {
  std::span<const Type> in;
  std::span<const Type> out;
};

/// The tangents of the results that the tangent `t` of one operand causes; none = zero.
struct JvpContext : RuleContext {
  Builder& b;
  std::span<const Value> in, out;
  int operand;
  Value t;
};

/// The cotangent of a linear operand. `in` holds none for the linear operands being transposed.
struct TransposeContext : RuleContext {
  Builder& b;
  std::span<const Value> in;
  std::span<const Type> in_types;
  int operand;
  std::span<const Value> ct;  // of the results; none = zero
};

struct Batched {
  Value value;
  int axis = -1;  // where the batch axis stands; -1: not batched
};

struct BatchContext : RuleContext {
  Builder& b;
  std::span<const Batched> in;
  int64_t size;
  /// Operand i with its batch axis at `axis`; broadcast along it if it is not batched.
  Value at(int i, int axis) const;
};

struct OpDef {
  std::string name;
  Family family = Family::Elementwise;
  int operands = 1;  // -1: any number
  int results = 1;   // -1: given by the type rule
  std::vector<AttrDef> attributes;
  /// Never numbered, folded, dropped or reordered.
  bool effect = false;
  /// Never numbered nor folded, dropped if unused (barrier).
  bool opaque = false;
  /// a op b == b op a: operands are put in order on insert.
  bool commutative = false;
  /// Linear jointly in these operands (add), or in each of them with the others fixed (mul, dot).
  /// {-1} stands for every operand of a variadic op (concatenate).
  std::vector<int> linear;
  bool multilinear = false;

  /// Reductions: how elements combine.
  std::optional<loop::ReduceOp> reduction;

  std::function<std::vector<Type>(const InferContext&)> infer;
  std::function<std::vector<RefArray>(const ReferenceContext&)> reference;
  std::function<std::vector<loop::V>(const ScalarContext&)> scalar;  // elementwise and iota
  std::function<Space(const SpaceContext&)> space;
  std::function<std::vector<Value>(const JvpContext&)> jvp;
  std::function<Value(const TransposeContext&)> transpose;
  std::function<std::vector<Batched>(const BatchContext&)> batch;
  /// Rewrites x op 0 = x and the like; none = keep the node. Exact identities only.
  std::function<Value(Builder&, std::span<const Value>, const Attrs&)> simplify;

  /// Other ops that compute the same, for the scheduler; nothing = keep the node.
  std::function<std::vector<Value>(Builder&, std::span<const Value>, const Attrs&)> decompose;

  std::string no_jvp, no_transpose, no_batch, no_lowering;  // why the rule cannot exist

  /// Index of an attribute by name; GRADUS_CHECKs that it is there.
  size_t attribute(std::string_view name) const;
  bool is_linear_in(int operand) const;
};

template <class T>
const T& RuleContext::attr(std::string_view name) const {
  return std::get<T>(attributes[op.attribute(name)]);
}

/// The row of that name; ParseError-free lookup: nullptr when there is none.
const OpDef* find_op(std::string_view name);
/// The row of that name, which must exist.
const OpDef& op_named(std::string_view name);
/// All rows, in registration order: what the generated tests iterate over.
std::span<const OpDef* const> all_ops();

/// Collects rows; each family file has one `void register_…(Registry&)`.
class Registry {
 public:
  OpDef& add(OpDef row);
  /// Throws InternalError naming the first row that lacks a rule it must have.
  void check() const;

  std::vector<std::unique_ptr<OpDef>> rows;
};

}  // namespace gradus::ops
