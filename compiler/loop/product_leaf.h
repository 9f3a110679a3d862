// What the lowerings of products share: the operands as element programs, partial results, and the
// nodes that follow the product at its own points, or at those of windows that the leaf reduces.
#pragma once

#include <memory>

#include "compiler/loop/reductions.h"

namespace gradus::loop {

/// Registers that a tile's sums may take.
int64_t most_accumulators(const VectorUnit& unit);
/// Cycles in which a tile of so many rows and columns of vectors makes one step of its sums: two
/// multiply-adds and two loads start every cycle, and a sum waits for itself.
double tile_cycles(int64_t rows, int64_t columns);

class ProductLeaf {
 public:
  ProductLeaf(const LowerContext& context, const Piece& piece, int product);

 protected:
  void find_roots();
  struct Root {
    int node;
    Point at;
    V value;
  };

  /// Stores what follows the product, which is in the register array `acc` over `dims`; `nest` makes
  /// the loops over them.
  template <class Nest>
  std::vector<Stmt> epilogue(int acc, const std::vector<int>& dims, Nest nest) {
    leaf_->set_register(product_, acc);
    if (roots_.empty()) return {};
    return nest(store_roots(roots_, dims));
  }
  std::vector<Stmt> store_roots(const std::vector<Root>& roots, const std::vector<int>& dims);
  bool is_split() const { return part_axis_ >= 0; }

  const LowerContext& context_;
  const Piece& piece_;
  const int product_;
  const schedule::Node& node_;
  std::vector<int64_t> extents_;          // of the leaf's axes: the node's, parts, points of a part
  int carrier_ = -1;                      // the axis of the node that the range restricts
  int split_axis_ = -1, part_axis_ = -1;  // of partial results: the axis cut into parts, the parts
  Point point_;
  std::unique_ptr<ElementBuilder> element_;
  std::unique_ptr<LeafBuilder> leaf_;
  std::vector<Root> roots_;
  /// Axes of the product that windows consist of; what is reduced over them; what is stored of that.
  std::vector<int> window_axes_;
  std::optional<Reductions> windows_;
  std::vector<Root> window_roots_;
};

}  // namespace gradus::loop
