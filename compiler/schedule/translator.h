// Graph -> nodes. Internal to translate.
#pragma once

#include "compiler/schedule/atoms.h"
#include "compiler/schedule/node_table.h"

namespace gradus::schedule {

class Translator {
 public:
  explicit Translator(const ir::Graph& graph);
  Schedule run();

 private:
  /// How a node of the graph is met.
  enum class Role : uint8_t { Unused, Input, Constant, Iota, Reshape, Alias, Op };
  /// What the operands of the graph node at hand are read by: the axes of its space in atoms.
  struct Axes {
    std::vector<std::vector<int64_t>> atoms;  // by axis of the space
    std::vector<int> first;                   // variable of each axis's first atom
    std::vector<int64_t> extents;             // of all variables
    int parallel = 0;                         // variables that index the result
  };

  void classify();
  void visit(ir::NodeId n);
  void add_input(ir::NodeId n);
  void add_constant(ir::NodeId n);
  void add_iota(ir::NodeId n);
  void add_reshape(ir::NodeId n);
  void apply(ir::NodeId n);
  void apply_layout(ir::NodeId n, const Axes& axes);
  void apply_reduce(ir::NodeId n, const Axes& axes);
  void apply_product(ir::NodeId n, const Axes& axes);
  void apply_indexed(ir::NodeId n, const Axes& axes);
  void apply_elementwise(ir::NodeId n, const Axes& axes);

  Axes axes_of(ir::NodeId n) const;
  std::vector<std::vector<int64_t>> dims(ir::Value v) const;
  View& view(ir::Value v) { return views_[graph_.value_index(v)]; }

  struct Index {
    std::vector<DimExpr> dims;
    std::vector<Guard> guards;
  };
  Index index_of(ir::NodeId n, int operand, const Axes& axes) const;
  /// The operand as read over `axes`; copied first where its map and the op's do not compose.
  NodeInput bind(View v, const Index& index, const Axes& axes, loop::Bits fill);
  /// The same, of a kind that is a read without (other) guards than those of the op.
  NodeInput bind_read(View v, const Index& index, const Axes& axes);

  /// A node for every used result; sets their views.
  void emit(ir::NodeId n, NodeKind kind, const Axes& axes, std::vector<NodeInput> inputs);
  void set_constant(ir::Value v, loop::Bits bits);
  void set_view(ir::NodeId n, const Axes& axes, NodeInput input);
  std::span<const int64_t> base_atoms(const View& v) const;
  Node copy_node(const View& v) const;
  View copied(const View& v);
  /// A node without axes that holds a constant, under a view of any shape.
  View scalar_node(const View& v);
  bool is_plain(const View& v) const;
  int output(ir::Value v);

  const ir::Graph& graph_;
  std::vector<uint32_t> uses_;
  std::vector<Role> roles_;
  std::vector<ops::Space> spaces_;
  std::vector<View> views_;  // by value_index
  std::optional<Atoms> atoms_;
  NodeTable table_;
  ir::NodeId origin_ = 0;
};

}  // namespace gradus::schedule
