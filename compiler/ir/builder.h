// The only creator of graphs. Nodes are type-checked, folded and value-numbered on insert, so no
// pass has to run "CSE first". Folding runs exact operations only, on at most 64 elements.
#pragma once

#include "compiler/ir/graph.h"
#include "runtime/hash_index.h"
#include "runtime/small_vector.h"

namespace gradus::ir {

/// Operands or results of a node.
using Values = SmallVector<Value, 4>;

class Builder {
 public:
  /// Verbatim: nodes are type-checked only and appended as given, neither folded, simplified, put in
  /// order nor numbered, so that a graph's text reads back to the same nodes.
  enum class Mode : uint8_t { Reduce, Verbatim };

  explicit Builder(std::string name = "main", Mode mode = Mode::Reduce);

  /// Appends an input.
  Value parameter(Type type, std::string name = {});
  Value constant(Literal literal);
  /// A constant whose elements all equal x (converted to type.dtype); not for keys.
  Value splat(const Type& type, double x) { return constant(Literal::splat_of(type, x)); }
  Value zeros(const Type& type) { return splat(type, 0); }

  /// Appends a node (or finds the equal one, or folds it to a constant or to an operand) and returns
  /// its results. Throws the typed errors of the op's type rule, with the current source position.
  std::vector<Value> add_node(const ops::OpDef& op, std::span<const Value> operands, Attrs attrs);
  /// The same for ops with one result.
  Value add(const ops::OpDef& op, std::span<const Value> operands, Attrs attrs = {});
  Value add(const ops::OpDef& op, std::initializer_list<Value> operands, Attrs attrs = {}) {
    return add(op, std::span(operands.begin(), operands.size()), std::move(attrs));
  }

  /// Positions that nodes added from here on carry.
  void set_source(SourcePos source);
  SourcePos source() const { return graph_.sources_[source_]; }

  /// The graph so far: types, operands, attributes of the nodes that exist.
  const Graph& graph() const { return graph_; }
  /// The reference stays good while nodes are added.
  const Type& type(Value v) const { return graph_.type(v); }
  /// The literal if v is a constant, else nullptr. It stays where it is while the graph grows.
  const Literal* literal(Value v) const;

  /// Appends copies of all nodes of `graph` with its inputs replaced; returns its outputs' copies.
  std::vector<Value> inline_graph(const Graph& graph, std::span<const Value> inputs);
  /// Copies node n of another graph; `map` gives the copies of its operands.
  Values copy_node(const Graph& from, NodeId n, std::span<const Value> operands);

  /// Ends construction. Unused nodes stay (dce removes them).
  Graph finish(std::span<const Value> outputs, std::vector<std::string> output_names = {});

 private:
  /// Result types: those of node n of a graph where the operands have the same types.
  struct Known {
    const Graph* graph = nullptr;
    NodeId n = 0;
  };
  Values insert(const ops::OpDef& op, std::span<const Value> operands, AttrsPtr attrs, Known known);
  uint32_t type_index(const Type& type);
  NodeId append(const ops::OpDef& op, std::span<const Value> operands, AttrsPtr attrs,
                std::span<const Type* const> results);
  size_t key_of(const ops::OpDef& op, std::span<const Value> operands, const Attrs& attrs) const;
  bool same_node(NodeId n, const ops::OpDef& op, std::span<const Value> operands,
                 const Attrs& attrs) const;

  Graph graph_;
  Mode mode_;
  uint32_t source_ = 0;
  HashIndex numbered_;  // nodes
  HashIndex types_;     // of the graph
};

/// Maps values of one graph to values of a graph under construction.
class ValueMap {
 public:
  explicit ValueMap(const Graph& from) : from_(from), values_(from.num_values()) {}
  Value& operator[](Value v) { return values_[from_.value_index(v)]; }
  Value operator[](Value v) const { return values_[from_.value_index(v)]; }
  void set(NodeId n, std::span<const Value> results) {
    for (uint32_t i = 0; i < results.size(); ++i)
      (*this)[Value{n, i}] = results[i];
  }
  Values all(std::span<const Value> from) const {
    Values to(from.size());
    for (size_t i = 0; i < from.size(); ++i)
      to[i] = (*this)[from[i]];
    return to;
  }

 private:
  const Graph& from_;
  std::vector<Value> values_;
};

}  // namespace gradus::ir
