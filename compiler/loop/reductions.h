// Reductions at one point of a leaf: what is combined at each step, and the registers that hold the
// results.
#pragma once

#include <memory>

#include "compiler/loop/leaf_builder.h"

namespace gradus::loop {

/// Whether the node has a loop of its own: reductions, products, scatters.
bool accumulates(const schedule::Node& node);

class Reductions {
 public:
  Reductions(ElementBuilder& element, LeafBuilder& leaf) : element_(element), leaf_(leaf) {}

  /// The node is reduced here, at a point of all of its axes; from here on its value is a register.
  void add(int node, const Point& at);
  size_t size() const { return items_.size(); }
  /// The axes that are reduced, in the order in which they are walked: an argmax counts their points.
  void walk(std::vector<int> axes) { axes_ = std::move(axes); }
  /// Whether there are values that come with an index.
  bool has_pairs() const;
  /// Whether the results begin with what memory holds.
  bool loads_first() const;
  bool combines_parts() const;

  /// New registers, over `dims`.
  void declare(const std::vector<int>& dims);
  std::vector<Stmt> initial_values() const;
  /// Every register combined with the element at this point.
  std::vector<Stmt> accumulate(bool merge) const;
  /// New registers over `dims` in place of those so far: first values, and then what those held.
  struct Renewed {
    std::vector<Stmt> first, kept;
  };
  Renewed renew(const std::vector<int>& dims);
  /// The registers from and to memory of the thread's own, `elements` for each reduction.
  struct Memory {
    std::vector<Stmt> loads, stores;
  };
  Memory memory(const Index& at, int64_t elements) const;
  /// The trees over the lanes; the results stand in new registers over `dims`.
  std::vector<Stmt> reduce_lanes(const std::vector<int>& dims) const;

 private:
  struct Item {
    int node;
    ReduceOp op;
    std::vector<V> values;  // what is combined: (value), (value, index), (update, condition)
    std::vector<int> acc;
    V first;            // Scatter: what is added to
    int extremum = -1;  // ArgMax, ArgMin: another node, its value
  };

  Item scatter(int v, const Point& at);
  bool joins(const Item& item);
  int identity(const Item& item, size_t i) const;
  void set_registers(const Item& item, std::span<const int> locals) const;
  const schedule::Node& node(int v) const { return leaf_.context().schedule.nodes[v]; }

  ElementBuilder& element_;
  LeafBuilder& leaf_;
  std::vector<int> axes_;
  std::vector<Item> items_;
};

}  // namespace gradus::loop
