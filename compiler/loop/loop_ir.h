// The loop IR: one leaf kernel as a nest of typed loops over affine accesses.
//
// A kernel knows no extents and no strides but those that shape its code: what varies from call to
// call comes in `args`, so that kernels are shared between batch sizes, and often between layers.
// Loops over Vector variables are innermost; variables of kind Unroll and Vector have constant
// counts. The same variable may drive several loops (not nested in each other): a local indexed by
// it is the register array that those loops share. Nothing here depends on threads.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/loop/scalar.h"

namespace gradus::loop {

/// See Expr::near.
inline constexpr int64_t kReach = 16 << 10;

/// A set of a kernel's variables, of its locals or of its alias groups: no kernel has more of them.
using NumberSet = std::bitset<256>;

enum class LoopKind : uint8_t { Serial, Reduce, Unroll, Vector };

struct Variable {
  std::string name;
  LoopKind kind = LoopKind::Serial;
  int64_t count = 0;  // Unroll, Vector: the constant trip count
};

/// factor * args[arg], or just factor where arg is negative.
struct Coefficient {
  int64_t factor = 1;
  int arg = -1;
  friend bool operator==(const Coefficient&, const Coefficient&) = default;
};

/// coefficient * variable; a negative variable: the coefficient alone.
struct Term {
  int variable = -1;
  Coefficient coefficient;
  friend bool operator==(const Term&, const Term&) = default;
};

/// The sum of the terms, in elements.
struct Index {
  std::vector<Term> terms;
  friend bool operator==(const Index&, const Index&) = default;
};

struct BufferParam {
  DType dtype = DType::F32;
  bool written = false;
  /// Parameters of one group may be the same memory (a donated input and its output): at equal
  /// positions they then hold the same element, and every element is loaded before it is stored.
  int alias_group = 0;
};

/// A register, or an array of registers over the variables `dims` (Unroll or Vector).
struct Local {
  std::string name;
  DType dtype = DType::F32;
  std::vector<int> dims;
};

struct Expr {
  enum class Kind : uint8_t {
    Constant,  // bits
    Op,        // op(in…)
    Load,  // buffer[index + offset]; where `predicate` fails: `otherwise`, and memory is not touched
    Local,  // the local at the current values of its dims
    Index,  // index, converted to dtype (an integer or float type)
  };
  Kind kind = Kind::Constant;
  ScalarOp op{};
  DType dtype = DType::F32;
  std::array<int, 3> in{-1, -1, -1};
  Bits bits = 0;
  int buffer = -1, local = -1;
  Index index;
  int predicate = -1, otherwise = -1;  // Load: bool expression and value; -1: always
  int offset = -1;                     // Load: i64 expression added to the index; -1: none
  /// Load with a predicate: Reduce, Unroll and Vector loops that do not change the predicate take it
  /// forward by less than kReach bytes.
  bool near = false;
  friend bool operator==(const Expr&, const Expr&) = default;
};

struct Stmt {
  enum class Kind : uint8_t { For, Assign, Store, LaneReduce };
  Kind kind = Kind::For;

  // For: variable = 0 … count-1. Vector loops only: where `limit`, which counts the lanes one by one,
  // is given, only the points with limit < bound are run; loads that do not vary along the lanes are
  // made all the same.
  int variable = -1;
  Coefficient count;
  std::vector<Stmt> body;
  std::optional<Index> limit;
  Coefficient bound;

  // Assign: local (at the current values of its dims) = expr. `merge`: under a limit, points that are
  // not run keep their value (else it is undefined). What is first assigned in a Serial or Reduce loop
  // is not read after it.
  // Store: buffer[index] = expr.
  int local = -1, expr = -1, buffer = -1;
  bool merge = false;
  Index index;

  // LaneReduce: the canonical 16-lane tree. sources[i] has the two innermost dims (u, l) with
  // count(u) * count(l) == 16, lane = u * count(l) + l; for h = 8, 4, 2, 1: x[j] = combine(x[j], x[j+h]).
  // targets[i] has the dims before those two; outside of the loops over them the statement holds for
  // every element.
  ReduceOp reduce{};
  std::vector<int> sources, targets;
};

struct Kernel {
  std::string name;
  std::vector<BufferParam> buffers;
  std::vector<std::string> args;  // names, for dumps
  std::vector<Variable> variables;
  std::vector<Local> locals;
  std::vector<Expr> exprs;  // operands before users, distinct
  std::vector<Stmt> body;

  int add_buffer(BufferParam p);
  int add_arg(std::string name);
  int add_variable(std::string name, LoopKind kind, int64_t count = 0);
  int add_local(std::string name, DType dtype, std::vector<int> dims);
  /// The number of an equal expression, appended if there is none.
  int add_expr(Expr e);
  int constant(DType dtype, Bits bits);
  int load(int buffer, Index index);
  int local_value(int local);
  int op(ScalarOp op, std::initializer_list<int> in, DType result);
  /// Appends a scalar program; `inputs[n]` replaces its n-th input. Returns the numbers of `results`.
  std::vector<int> append(const ScalarBuilder& program, std::span<const int> inputs,
                          std::span<const V> results);
  /// `in_order`: x's index is above all before, see combine_next.
  std::vector<int> combine(ReduceOp op, std::vector<int> acc, std::vector<int> x,
                           bool in_order = false);
};

Stmt make_for(int variable, Coefficient count, std::vector<Stmt> body);
/// A body of one statement. (A list in braces would copy it.)
std::vector<Stmt> body_of(Stmt s);
/// Moves `tail` behind `body`.
void append(std::vector<Stmt>& body, std::vector<Stmt> tail);
/// body_of(make_for(…)).
std::vector<Stmt> for_loop(int variable, Coefficient count, std::vector<Stmt> body);
Stmt make_assign(int local, int expr, bool merge = false);
Stmt make_store(int buffer, Index index, int expr);

/// Everything but the name; equal texts are equal kernels.
std::string to_string(const Kernel& kernel);
/// The same as bytes, without any names, in a fraction of the time: what kernels are looked up by.
std::string key_of(const Kernel& kernel);
/// Throws InternalError naming the first rule that does not hold.
void verify(const Kernel& kernel);

/// Runs the kernel one point at a time: the oracle of code generation.
void interpret(const Kernel& kernel, std::span<void* const> buffers, std::span<const int64_t> args);

}  // namespace gradus::loop
