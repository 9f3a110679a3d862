// Dimensions as products of factors (atoms), refined until every reshape is a re-bracketing.
//
// A reshape cuts both of its sides at the union of their cumulative products; cuts spread along the
// identity maps of all other ops to a fixpoint. A reshape whose sides have no common factors is
// left out: it stays a copy.
#pragma once

#include <span>
#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/ops/space.h"
#include "compiler/schedule/union_find.h"

namespace gradus::schedule {

/// Whether an op's axis walks a dimension of that extent from end to end.
bool is_identity(const ops::DimIndex& index, std::span<const int64_t> axes, int64_t extent);

class Atoms {
 public:
  /// `spaces[n]`: of node n; reshapes are the nodes with `regroups[n]`; the results of `aliases`
  /// are their operands.
  Atoms(const ir::Graph& graph, const std::vector<ops::Space>& spaces,
        const std::vector<char>& regroups, const std::vector<char>& aliases);

  /// Factors of dimension d of a value, outermost first; none if its extent is 1.
  std::vector<int64_t> of_dim(ir::Value v, int d) const;
  /// Factors of an axis of a node's space.
  std::vector<int64_t> of_axis(ir::NodeId n, int axis) const;

 private:
  struct Regroup {
    std::vector<int> in, out;  // keys of the dimensions
  };
  std::vector<int64_t> of(int key) const;
  std::vector<int> keys(ir::Value v) const;
  void link(int a, int b);
  bool refine(const Regroup& regroup);

  const ir::Graph& graph_;
  std::vector<int> dims_;  // value_index -> first key
  std::vector<int> axes_;  // node -> first key
  std::vector<int64_t> extent_;
  mutable UnionFind classes_;
  std::vector<std::vector<int64_t>> cuts_;  // of a class's root, ascending
};

}  // namespace gradus::schedule
