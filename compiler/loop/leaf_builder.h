// Shared by the lowerings: from element programs over a leaf's axes to expressions of a kernel.
#pragma once

#include "compiler/loop/lower.h"

namespace gradus::loop {

/// A sum in lanes has so many, whatever the vector unit.
inline constexpr int64_t kCanonicalLanes = 16;

class LeafBuilder {
 public:
  /// `extents` of the leaf's axes.
  LeafBuilder(const LowerContext& context, std::vector<int64_t> extents)
      : context_(context), extents_(std::move(extents)) {}

  /// The axis that the range restricts: it takes the values begin * scale / divisor onwards.
  void set_carrier(int leaf_axis, int64_t scale = 1, int64_t divisor = 1) {
    carrier_ = leaf_axis;
    scale_ = scale;
    divisor_ = divisor;
  }
  /// The kernel index that stands for a leaf axis: sum of constant * variable. With `after`, counted
  /// from the largest multiple of `after` that is not above the axis' count.
  void set_axis(int leaf_axis, Index index, int64_t after = 0) {
    axes_[leaf_axis] = {std::move(index), after};
  }
  /// A quantity of the axis' count: a rule without scale.
  Coefficient quantity(int leaf_axis, ArgRule::Kind kind, int64_t a, int64_t b, const char* name);
  /// floor(count of the axis / divisor).
  Coefficient count(int leaf_axis, int64_t divisor) {
    return quantity(leaf_axis, ArgRule::Kind::Count, divisor, 1, "n");
  }
  /// A loop around `body` that runs once if count % divisor is not 0.
  std::vector<Stmt> if_rest(int leaf_axis, int64_t divisor, std::vector<Stmt> body);
  /// Arguments: the points of the carrier's range; the blocks of so many that cover it.
  int carrier_points();
  int carrier_blocks(int64_t points, const char* name = "blocks");
  /// Whether an element is loaded by lane from memory that ends with the carrier's range.
  bool loads_without_room(const ElementBuilder& element, int lane_axis) const;
  bool is_carrier(int leaf_axis) const { return leaf_axis == carrier_; }
  int64_t extent(int leaf_axis) const { return extents_[leaf_axis]; }
  /// Strides that do not depend on the carrier's extent are part of the code from here on: addresses
  /// need fewer registers.
  void fix_strides() { strides_fixed_ = true; }
  /// The local that stands for a node bound to a register.
  void set_register(int node, int local) { registers_[node] = local; }

  /// The number of an argument. Equal rules share one if they have the same name and owner: else
  /// kernels would differ where two extents of a graph are equal by chance. Counts have the leaf
  /// axis as their owner; strides and constants have none.
  int arg(ArgRule rule, const char* name, int owner = -1);
  Coefficient constant_arg(int64_t value, const char* name, int owner = -1);
  /// Expressions for values of the element program.
  std::vector<int> expressions(const ElementBuilder& element, std::span<const V> values);
  Stmt store(const Position& position, int expr);
  int buffer(const BufferRule& rule, bool written);
  /// Constant coefficients as they are if they shape the code (0, 1), else arguments.
  Index index_of(const Affine& a);
  int index_expr(const Affine& a, DType dtype);

  Kernel& kernel() { return leaf_.kernel; }
  Leaf& leaf() { return leaf_; }
  const LowerContext& context() const { return context_; }
  Leaf finish();

 private:
  std::pair<int, Index> access(const Position& position, bool written);
  bool has_fixed_strides(const Position& position) const;
  int expression(const ElementInput& in, std::span<const int> number);
  int guard(const std::vector<schedule::Guard>& guards);
  bool is_near(const ElementInput& in) const;

  struct AxisUse {
    Index index;
    int64_t after = 0;
  };
  /// coefficient * the axis.
  Index axis_term(int leaf_axis, int64_t coefficient, const char* name, bool fixed = false);

  const LowerContext& context_;
  std::vector<int64_t> extents_;
  struct ArgKey {
    std::string_view name;
    int owner;
  };
  std::vector<ArgKey> arg_keys_;  // of the leaf's arguments
  int carrier_ = -1;
  int64_t scale_ = 1, divisor_ = 1;
  bool strides_fixed_ = false;
  Leaf leaf_;
  std::map<int, AxisUse> axes_;
  std::map<int, int> registers_;
};

/// a * factor, term by term.
Index scaled(const Index& index, Coefficient factor);
Index plus(Index a, const Index& b);
Index variable(int v, int64_t factor = 1);
Index constant_index(Coefficient c);

}  // namespace gradus::loop
