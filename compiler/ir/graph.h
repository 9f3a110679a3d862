// The graph: a straight-line program in static single assignment, immutable once built.
//
// Invariants (checked by verify): operands of node n are nodes < n (so index order is a topological
// order); every node's result types are those its op's type rule gives; the i-th input is a
// `parameter` node with index i; a Graph owns everything it refers to. Nothing in a graph is a
// pointer to a node: Value is a pair of indices, and side arrays hold what has variable length.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "compiler/ir/literal.h"
#include "runtime/error.h"
#include "runtime/type.h"

namespace gradus::ops {
struct OpDef;
}

namespace gradus::ir {

class Graph;
using GraphPtr = std::shared_ptr<const Graph>;
using NodeId = uint32_t;

/// The out-th result of a node.
struct Value {
  static constexpr uint32_t kNone = ~0u;
  NodeId node = kNone;
  uint32_t out = 0;

  explicit operator bool() const { return node != kNone; }
  friend bool operator==(const Value&, const Value&) = default;
};

using Ints = std::vector<int64_t>;
/// An attribute. Which ones a node has, and in which order, is declared in its op's row.
using Attr = std::variant<int64_t, double, Ints, std::string, DType, Literal, GraphPtr>;
/// In the order of OpDef::attributes.
using Attrs = std::vector<Attr>;
/// Attributes never change: copies of a node share them.
using AttrsPtr = std::shared_ptr<const Attrs>;

struct Node {
  const ops::OpDef* op;
  uint32_t first_operand, first_result, attrs, source;
  uint16_t operands, results;
};

class Graph {
 public:
  size_t size() const { return nodes_.size(); }
  const Node& node(NodeId n) const { return nodes_[n]; }
  const ops::OpDef& op(NodeId n) const { return *nodes_[n].op; }
  std::span<const Value> operands(NodeId n) const {
    return {operands_.data() + nodes_[n].first_operand, nodes_[n].operands};
  }
  uint32_t results(NodeId n) const { return nodes_[n].results; }
  /// Values are numbered 0 … num_values() - 1 in node order: an index for side tables.
  uint32_t value_index(Value v) const { return nodes_[v.node].first_result + v.out; }
  uint32_t num_values() const { return static_cast<uint32_t>(results_.size()); }
  const Type& type(Value v) const { return types_[results_[value_index(v)]]; }
  const Attrs& attrs(NodeId n) const { return *attrs_[nodes_[n].attrs]; }
  const AttrsPtr& shared_attrs(NodeId n) const { return attrs_[nodes_[n].attrs]; }
  /// The attribute of that name; T is one of Attr's alternatives.
  template <class T>
  const T& attr(NodeId n, std::string_view name) const {
    return std::get<T>(attrs(n)[attr_index(n, name)]);
  }
  SourcePos source(NodeId n) const { return sources_[nodes_[n].source]; }

  std::span<const Value> inputs() const { return inputs_; }
  std::span<const Value> outputs() const { return outputs_; }
  /// Paths such as "params[0].w", for messages and dumps; may be empty strings.
  const std::string& input_name(size_t i) const { return input_names_[i]; }
  const std::string& output_name(size_t i) const { return output_names_[i]; }
  std::span<const std::string> input_names() const { return input_names_; }
  std::span<const std::string> output_names() const { return output_names_; }
  const std::string& name() const { return name_; }

  std::vector<Type> input_types() const;
  std::vector<Type> output_types() const;

 private:
  friend class Builder;
  friend Graph without_unused(Graph graph);
  friend struct BrokenGraph;  // tests of verify make graphs that break its rules
  size_t attr_index(NodeId n, std::string_view name) const;

  std::string name_ = "main";
  std::vector<Node> nodes_;
  std::vector<Value> operands_;
  std::vector<uint32_t> results_;   // indices into types_
  std::deque<Type> types_;          // distinct; stay where they are as more come
  std::vector<AttrsPtr> attrs_;     // entry 0 is empty
  std::vector<SourcePos> sources_;  // entry 0 is "unknown"
  std::vector<Value> inputs_, outputs_;
  std::vector<std::string> input_names_, output_names_;
};

/// The graph without the nodes that nothing needs; inputs and effects stay, and the order of nodes.
Graph without_unused(Graph graph);

/// How many times each value is read, by value_index; outputs count.
std::vector<uint32_t> count_uses(const Graph& graph);

bool equal(const Attr& a, const Attr& b);
size_t hash_of(const Attr& a);

/// Same computation: nodes, types, attributes, inputs and outputs; names and source positions apart.
bool structurally_equal(const Graph& a, const Graph& b);
/// Equal graphs have equal hashes; names and source positions do not enter.
size_t hash_of(const Graph& graph);

/// A file name with static lifetime, for SourcePos.
const char* interned(std::string_view text);

}  // namespace gradus::ir
