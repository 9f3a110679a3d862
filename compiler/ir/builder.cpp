#include "compiler/ir/builder.h"

#include <algorithm>

#include "compiler/ir/fold.h"
#include "compiler/ops/op.h"

namespace gradus::ir {

using ops::OpDef;

Builder::Builder(std::string name, Mode mode) : mode_(mode) {
  graph_.name_ = std::move(name);
  graph_.attrs_.emplace_back();
  graph_.sources_.emplace_back();
}

Value Builder::parameter(Type type, std::string name) {
  static const OpDef& op = ops::op_named("parameter");
  const auto index = static_cast<int64_t>(graph_.inputs_.size());
  const Value v{append(op, {}, {index}, {&type, 1}), 0};
  graph_.inputs_.push_back(v);
  graph_.input_names_.push_back(std::move(name));
  return v;
}

Value Builder::constant(Literal literal) {
  static const OpDef& op = ops::op_named("constant");
  return add(op, {}, {std::move(literal)});
}

const Literal* Builder::literal(Value v) const {
  static const OpDef& op = ops::op_named("constant");
  if (&graph_.op(v.node) != &op) return nullptr;
  return &std::get<Literal>(graph_.attrs(v.node)[0]);
}

std::vector<Value> Builder::add_node(const OpDef& op, std::span<const Value> operands,
                                     Attrs attrs) {
  GRADUS_CHECK(attrs.size() == op.attributes.size(), op.name);
  GRADUS_CHECK(op.operands < 0 || static_cast<size_t>(op.operands) == operands.size(), op.name);
  std::vector<Value> in(operands.begin(), operands.end());
  std::vector<Type> types;
  for (Value v : in) {
    GRADUS_CHECK(v.node < graph_.size(), op.name);
    types.push_back(type(v));
  }
  const auto results = op.infer({{op, attrs}, types, source()});
  const bool free = !op.effect && !op.opaque && mode_ == Mode::Reduce;
  if (free && op.commutative && in.size() >= 2 && graph_.value_index(in[1]) < graph_.value_index(in[0])) {
    std::swap(in[0], in[1]);
  }
  if (free) {
    if (auto folded = fold(*this, op, in, attrs, results); !folded.empty()) return folded;
    if (op.simplify) {
      if (Value v = op.simplify(*this, in, attrs)) return {v};
    }
  }
  const size_t key = free ? key_of(op, in, attrs) : 0;
  if (free) {
    for (auto [it, end] = numbered_.equal_range(key); it != end; ++it) {
      if (!same_node(it->second, op, in, attrs)) continue;
      std::vector<Value> found;
      for (uint32_t i = 0; i < graph_.results(it->second); ++i) found.push_back({it->second, i});
      return found;
    }
  }
  const NodeId n = append(op, in, std::move(attrs), results);
  if (free) numbered_.emplace(key, n);
  std::vector<Value> values;
  for (uint32_t i = 0; i < results.size(); ++i) values.push_back({n, i});
  return values;
}

Value Builder::add(const OpDef& op, std::span<const Value> operands, Attrs attrs) {
  const auto values = add_node(op, operands, std::move(attrs));
  GRADUS_CHECK(values.size() == 1, op.name);
  return values[0];
}

NodeId Builder::append(const OpDef& op, std::span<const Value> operands, Attrs attrs,
                       std::span<const Type> results) {
  Graph& g = graph_;
  Node node{.op = &op,
            .first_operand = static_cast<uint32_t>(g.operands_.size()),
            .first_result = static_cast<uint32_t>(g.results_.size()),
            .attrs = 0,
            .source = source_,
            .operands = static_cast<uint16_t>(operands.size()),
            .results = static_cast<uint16_t>(results.size())};
  if (!attrs.empty()) {
    node.attrs = static_cast<uint32_t>(g.attrs_.size());
    g.attrs_.push_back(std::move(attrs));
  }
  g.operands_.insert(g.operands_.end(), operands.begin(), operands.end());
  for (const Type& t : results) g.results_.push_back(type_index(t));
  g.nodes_.push_back(node);
  return static_cast<NodeId>(g.nodes_.size() - 1);
}

uint32_t Builder::type_index(const Type& type) {
  const size_t h = hash_of(type);
  for (auto [it, end] = type_index_.equal_range(h); it != end; ++it) {
    if (graph_.types_[it->second] == type) return it->second;
  }
  graph_.types_.push_back(type);
  const auto index = static_cast<uint32_t>(graph_.types_.size() - 1);
  type_index_.emplace(h, index);
  return index;
}

void Builder::set_source(SourcePos source) {
  if (source == graph_.sources_[source_]) return;
  if (!source) {
    source_ = 0;
    return;
  }
  graph_.sources_.push_back(source);
  source_ = static_cast<uint32_t>(graph_.sources_.size() - 1);
}

size_t Builder::key_of(const OpDef& op, std::span<const Value> operands, const Attrs& attrs) const {
  size_t h = std::hash<const void*>{}(&op);
  const auto mix = [&h](size_t x) { h = (h ^ x) * 0x9e3779b97f4a7c15u + (h >> 31); };
  for (Value v : operands) mix(graph_.value_index(v));
  for (const Attr& a : attrs) mix(hash_of(a));
  return h;
}

bool Builder::same_node(NodeId n, const OpDef& op, std::span<const Value> operands,
                        const Attrs& attrs) const {
  return &graph_.op(n) == &op && std::ranges::equal(graph_.operands(n), operands) &&
         std::ranges::equal(graph_.attrs(n), attrs,
                            [](const Attr& a, const Attr& b) { return equal(a, b); });
}

std::vector<Value> Builder::copy_node(const Graph& from, NodeId n, std::span<const Value> operands) {
  if (from.source(n)) set_source(from.source(n));
  return add_node(from.op(n), operands, from.attrs(n));
}

std::vector<Value> Builder::inline_graph(const Graph& graph, std::span<const Value> inputs) {
  GRADUS_CHECK(inputs.size() == graph.inputs().size());
  static const OpDef& parameter = ops::op_named("parameter");
  const uint32_t outer = source_;
  ValueMap map(graph);
  for (NodeId n = 0; n < graph.size(); ++n) {
    if (&graph.op(n) == &parameter) {
      map[Value{n, 0}] = inputs[static_cast<size_t>(graph.attr<int64_t>(n, "index"))];
    } else {
      map.set(n, copy_node(graph, n, map.all(graph.operands(n))));
    }
  }
  source_ = outer;
  return map.all(graph.outputs());
}

Graph Builder::finish(std::span<const Value> outputs, std::vector<std::string> output_names) {
  graph_.outputs_.assign(outputs.begin(), outputs.end());
  output_names.resize(outputs.size());
  graph_.output_names_ = std::move(output_names);
  numbered_.clear();
  return std::move(graph_);
}

}  // namespace gradus::ir
