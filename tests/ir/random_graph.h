// Random graphs over the whole op table: every row is tried with random operands and attributes,
// and what its type rule accepts stays.
#pragma once

#include <random>

#include "compiler/ir/builder.h"
#include "compiler/ops/op.h"

namespace gradus::ir {

class RandomGraph {
 public:
  explicit RandomGraph(uint32_t seed) : random_(seed) {}

  /// Some graph with `nodes` attempts at a node.
  Graph make(int nodes, int depth = 0);

  int below(int n) { return std::uniform_int_distribution<int>(0, n - 1)(random_); }
  bool chance(double p) { return std::bernoulli_distribution(p)(random_); }

 private:
  Type type();
  Literal literal(const Type& type);
  Attr attr(ops::AttrKind kind, int depth);
  /// A small list: axes, a permutation, extents.
  Ints ints();
  std::string name();

  std::mt19937 random_;
};

}  // namespace gradus::ir
