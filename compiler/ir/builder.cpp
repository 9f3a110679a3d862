#include "compiler/ir/builder.h"

#include <algorithm>

#include "compiler/ir/fold.h"
#include "compiler/ops/op.h"

namespace gradus::ir {

using ops::OpDef;

namespace {

/// All results of node n.
Values results_of(const Graph& graph, NodeId n) {
  Values values(graph.results(n));
  for (uint32_t i = 0; i < values.size(); ++i)
    values[i] = {n, i};
  return values;
}

AttrsPtr shared(Attrs attrs) {
  return attrs.empty() ? nullptr : std::make_shared<const Attrs>(std::move(attrs));
}

}  // namespace

Builder::Builder(std::string name, Mode mode) : mode_(mode) {
  graph_.name_ = std::move(name);
  static const AttrsPtr none = std::make_shared<const Attrs>();
  graph_.attrs_.push_back(none);
  graph_.sources_.emplace_back();
}

Value Builder::parameter(Type type, std::string name) {
  static const OpDef& op = ops::op_named("parameter");
  const auto index = static_cast<int64_t>(graph_.inputs_.size());
  const Type* result = &type;
  const Value v{append(op, {}, shared({index}), {&result, 1}), 0};
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
  const Values results = insert(op, operands, shared(std::move(attrs)), {});
  return {results.begin(), results.end()};
}

Values Builder::insert(const OpDef& op, std::span<const Value> operands, AttrsPtr shared_attrs,
                       Known known) {
  if (!shared_attrs) shared_attrs = graph_.attrs_[0];
  const Attrs& attrs = *shared_attrs;
  GRADUS_CHECK(attrs.size() == op.attributes.size(), op.name);
  GRADUS_CHECK(op.operands < 0 || static_cast<size_t>(op.operands) == operands.size(), op.name);
  // A copy: the operands may lie in the graph, which grows.
  Values in(operands.begin(), operands.end());
  for (Value v : in)
    GRADUS_CHECK(v.node < graph_.size(), op.name);
  std::vector<Type> inferred;
  SmallVector<const Type*, 2> results;
  if (known.graph) {
    for (uint32_t i = 0; i < known.graph->results(known.n); ++i) {
      results.push_back(&known.graph->type({known.n, i}));
    }
  } else {
    std::vector<Type> types;
    types.reserve(in.size());
    for (Value v : in)
      types.push_back(type(v));
    inferred = op.infer({{op, attrs}, types, source()});
    for (const Type& t : inferred)
      results.push_back(&t);
  }
  const bool free = !op.effect && !op.opaque && mode_ == Mode::Reduce;
  if (free && op.commutative && in.size() >= 2 &&
      graph_.value_index(in[1]) < graph_.value_index(in[0])) {
    std::swap(in[0], in[1]);
  }
  if (free) {
    const auto folded = fold(*this, op, in, attrs, results);
    if (!folded.empty()) return {folded.begin(), folded.end()};
    if (op.simplify) {
      if (Value v = op.simplify(*this, in, attrs)) return {v};
    }
  }
  const size_t key = free ? key_of(op, in, attrs) : 0;
  if (free) {
    const NodeId n = numbered_.find(key, [&](NodeId m) { return same_node(m, op, in, attrs); });
    if (n != HashIndex::kNone) return results_of(graph_, n);
  }
  const NodeId n = append(op, in, std::move(shared_attrs), results);
  if (free) numbered_.insert(key, n);
  return results_of(graph_, n);
}

Value Builder::add(const OpDef& op, std::span<const Value> operands, Attrs attrs) {
  const Values values = insert(op, operands, shared(std::move(attrs)), {});
  GRADUS_CHECK(values.size() == 1, op.name);
  return values[0];
}

NodeId Builder::append(const OpDef& op, std::span<const Value> operands, AttrsPtr attrs,
                       std::span<const Type* const> results) {
  Graph& g = graph_;
  Node node{.op = &op,
            .first_operand = static_cast<uint32_t>(g.operands_.size()),
            .first_result = static_cast<uint32_t>(g.results_.size()),
            .attrs = 0,
            .source = source_,
            .operands = static_cast<uint16_t>(operands.size()),
            .results = static_cast<uint16_t>(results.size())};
  if (!attrs->empty()) {
    node.attrs = static_cast<uint32_t>(g.attrs_.size());
    g.attrs_.push_back(std::move(attrs));
  }
  g.operands_.insert(g.operands_.end(), operands.begin(), operands.end());
  for (const Type* t : results)
    g.results_.push_back(type_index(*t));
  g.nodes_.push_back(node);
  return static_cast<NodeId>(g.nodes_.size() - 1);
}

uint32_t Builder::type_index(const Type& type) {
  const size_t h = hash_of(type);
  uint32_t index = types_.find(h, [&](uint32_t i) { return graph_.types_[i] == type; });
  if (index != HashIndex::kNone) return index;
  graph_.types_.push_back(type);
  index = static_cast<uint32_t>(graph_.types_.size() - 1);
  types_.insert(h, index);
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
  for (Value v : operands)
    mix(graph_.value_index(v));
  for (const Attr& a : attrs)
    mix(hash_of(a));
  return h;
}

bool Builder::same_node(NodeId n, const OpDef& op, std::span<const Value> operands,
                        const Attrs& attrs) const {
  return &graph_.op(n) == &op && std::ranges::equal(graph_.operands(n), operands) &&
         (&graph_.attrs(n) == &attrs ||
          std::ranges::equal(graph_.attrs(n), attrs,
                             [](const Attr& a, const Attr& b) { return equal(a, b); }));
}

Values Builder::copy_node(const Graph& from, NodeId n, std::span<const Value> operands) {
  if (from.source(n)) set_source(from.source(n));
  const auto old = from.operands(n);
  bool same_types = old.size() == operands.size();
  for (size_t i = 0; same_types && i < old.size(); ++i) {
    same_types = type(operands[i]) == from.type(old[i]);
  }
  return insert(from.op(n), operands, from.shared_attrs(n), same_types ? Known{&from, n} : Known{});
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
  const Values outputs = map.all(graph.outputs());
  return {outputs.begin(), outputs.end()};
}

Graph Builder::finish(std::span<const Value> outputs, std::vector<std::string> output_names) {
  graph_.outputs_.assign(outputs.begin(), outputs.end());
  output_names.resize(outputs.size());
  graph_.output_names_ = std::move(output_names);
  numbered_ = {};
  return std::move(graph_);
}

}  // namespace gradus::ir
