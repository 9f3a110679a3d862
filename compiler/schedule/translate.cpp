#include <algorithm>
#include <cstring>

#include "compiler/schedule/translator.h"
#include "runtime/error.h"

namespace gradus::schedule {

using ir::NodeId;
using ir::Value;
using ops::OpDef;

namespace {

/// Drops nodes that no output needs.
void keep_live(Schedule& schedule) {
  std::vector<Node> nodes = std::move(schedule.nodes);
  std::vector<int> number(nodes.size(), -1), stack;
  for (int v : schedule.outputs) {
    number[v] = 0;
    stack.push_back(v);
  }
  while (!stack.empty()) {
    const int v = stack.back();
    stack.pop_back();
    for (const Read& r : nodes[v].reads) {
      if (number[r.source] == 0) continue;
      number[r.source] = 0;
      stack.push_back(r.source);
    }
  }
  schedule.nodes.clear();
  for (size_t v = 0; v < nodes.size(); ++v) {
    if (number[v] < 0) continue;
    number[v] = static_cast<int>(schedule.nodes.size());
    schedule.nodes.push_back(std::move(nodes[v]));
  }
  for (int& v : schedule.outputs)
    v = number[v];
  for (Node& n : schedule.nodes) {
    for (Read& r : n.reads)
      r.source = number[r.source];
  }
}

}  // namespace

Schedule translate(const ir::Graph& graph) {
  return Translator(graph).run();
}

Translator::Translator(const ir::Graph& graph)
    : graph_(graph),
      uses_(ir::count_uses(graph)),
      roles_(graph.size(), Role::Unused),
      spaces_(graph.size()),
      views_(graph.num_values()) {}

Schedule Translator::run() {
  classify();
  std::vector<char> regroups(graph_.size());
  std::vector<char> aliases(graph_.size());
  for (NodeId n = 0; n < graph_.size(); ++n) {
    regroups[n] = roles_[n] == Role::Reshape;
    aliases[n] = roles_[n] == Role::Alias;
  }
  atoms_.emplace(graph_, spaces_, regroups, aliases);
  for (NodeId n = 0; n < graph_.size(); ++n) {
    if (roles_[n] != Role::Unused) visit(n);
  }
  Schedule schedule;
  for (Value v : graph_.outputs()) {
    origin_ = v.node;
    schedule.outputs.push_back(output(v));
  }
  merge_sums(table_.nodes);
  schedule.nodes = std::move(table_.nodes);
  for (Node& n : schedule.nodes) {
    for (Read& r : n.reads)
      r.same = identical_axes(n, schedule.nodes[r.source], r);
  }
  orient_products(schedule);
  keep_live(schedule);
  return schedule;
}

void Translator::classify() {
  static const OpDef& parameter = ops::op_named("parameter");
  static const OpDef& constant = ops::op_named("constant");
  static const OpDef& iota = ops::op_named("iota");
  static const OpDef& barrier = ops::op_named("barrier");
  static const OpDef& reshape = ops::op_named("reshape");
  static const OpDef& stop_gradient = ops::op_named("stop_gradient");
  std::vector<char> live(graph_.size());
  for (Value v : graph_.outputs())
    live[v.node] = 1;
  for (NodeId n = static_cast<NodeId>(graph_.size()); n-- > 0;) {
    if (!live[n]) continue;
    for (Value v : graph_.operands(n))
      live[v.node] = 1;
    const OpDef& op = graph_.op(n);
    if (&op == &parameter) {
      roles_[n] = Role::Input;
    } else if (&op == &constant) {
      roles_[n] = Role::Constant;
    } else if (&op == &barrier || &op == &stop_gradient) {
      roles_[n] = Role::Alias;
    } else {
      roles_[n] = &op == &iota ? Role::Iota : &op == &reshape ? Role::Reshape : Role::Op;
      GRADUS_CHECK(op.space, op.name + " has no space: it is rewritten before scheduling");
      std::vector<Type> in, out;
      for (Value v : graph_.operands(n))
        in.push_back(graph_.type(v));
      for (uint32_t i = 0; i < graph_.results(n); ++i)
        out.push_back(graph_.type({n, i}));
      spaces_[n] = op.space({{op, graph_.attrs(n)}, in, out});
    }
  }
}

void Translator::visit(NodeId n) {
  origin_ = n;
  bool empty = true;
  for (uint32_t i = 0; i < graph_.results(n); ++i) {
    // Nothing is read of a value without elements.
    const bool none = graph_.type({n, i}).elements() == 0;
    if (none) set_constant({n, i}, 0);
    empty &= none;
  }
  if (empty && graph_.results(n) > 0) return;
  switch (roles_[n]) {
    case Role::Unused:
      return;
    case Role::Input:
      return add_input(n);
    case Role::Constant:
      return add_constant(n);
    case Role::Iota:
      return add_iota(n);
    case Role::Reshape:
      return add_reshape(n);
    case Role::Alias:
      for (uint32_t i = 0; i < graph_.results(n); ++i) {
        view({n, i}) = view(graph_.operands(n)[i]);
        // A value behind a barrier is never merged with the one in front of it.
        if (graph_.op(n).opaque) view({n, i}).fence = n + 1;
      }
      return;
    case Role::Op:
      return apply(n);
  }
}

std::vector<std::vector<int64_t>> Translator::dims(Value v) const {
  std::vector<std::vector<int64_t>> atoms;
  for (int d = 0; d < graph_.type(v).rank(); ++d)
    atoms.push_back(atoms_->of_dim(v, d));
  return atoms;
}

void Translator::set_constant(Value v, loop::Bits bits) {
  view(v) = {.access = {.kind = Operand::Kind::Constant, .constant = bits},
             .atoms = dims(v),
             .dtype = graph_.type(v).dtype};
}

void Translator::add_input(NodeId n) {
  View& v = view({n, 0});
  v = {.atoms = dims({n, 0}), .dtype = graph_.type({n, 0}).dtype};
  Node node{.kind = NodeKind::Input, .origin = n, .dtype = v.dtype, .extents = v.flat()};
  static const OpDef& parameter = ops::op_named("parameter");
  if (&graph_.op(n) == &parameter) {
    node.input = static_cast<int>(graph_.attr<int64_t>(n, "index"));
  }
  node.parallel = static_cast<int>(node.extents.size());
  const size_t rank = node.extents.size();
  v.access = whole(table_.append(std::move(node), {}), rank);
}

void Translator::add_constant(NodeId n) {
  const ir::Literal& literal = graph_.attr<ir::Literal>(n, "value");
  if (!literal.is_splat()) return add_input(n);
  loop::Bits bits = 0;
  std::memcpy(&bits, literal.bytes(), size_of(literal.type().dtype));
  set_constant({n, 0}, bits);
}

void Translator::add_iota(NodeId n) {
  View& v = view({n, 0});
  v = {.access = {.kind = Operand::Kind::Iota},
       .atoms = dims({n, 0}),
       .dtype = graph_.type({n, 0}).dtype};
  const auto dim = static_cast<size_t>(graph_.attr<int64_t>(n, "dim"));
  int first = 0;
  for (size_t d = 0; d < dim; ++d)
    first += static_cast<int>(v.atoms[d].size());
  v.access.iota = row_major(first, v.atoms[dim]);
}

void Translator::add_reshape(NodeId n) {
  View v = view(graph_.operands(n)[0]);
  auto atoms = dims({n, 0});
  View result = v;
  result.atoms = atoms;
  if (v.is_constant() || result.flat() == v.flat()) {
    view({n, 0}) = result;
    return;
  }
  // No common factors: nothing stays aligned. The copy reads one span over all atoms.
  const bool whole_base = v.access.kind == Operand::Kind::Read && v.access.guards.empty() &&
                          v.access.spans == whole(v.access.base, v.flat().size()).spans &&
                          std::ranges::equal(base_atoms(v), v.flat());
  if (!whole_base) v = copied(v);
  const auto extents = result.flat();
  Access access{.base = v.access.base};
  access.spans = {
      {.lo = 0, .hi = static_cast<int>(base_atoms(v).size()), .index = row_major(0, extents)}};
  Node node = copy_node(result);
  result.access = whole(table_.add(std::move(node), {{access, v.dtype, v.fence}}), extents.size());
  result.fence = 0;
  view({n, 0}) = result;
}

std::span<const int64_t> Translator::base_atoms(const View& v) const {
  if (v.access.kind != Operand::Kind::Read) return {};
  const Node& base = table_.nodes[v.access.base];
  return {base.extents.data(), static_cast<size_t>(base.parallel)};
}

Node Translator::copy_node(const View& v) const {
  Node node{.kind = NodeKind::Elementwise, .origin = origin_, .dtype = v.dtype};
  node.extents = v.flat();
  node.parallel = static_cast<int>(node.extents.size());
  return node;
}

View Translator::copied(const View& v) {
  View copy = v;
  const int node = table_.add(copy_node(v), {{v.access, v.dtype, v.fence}});
  copy.access = whole(node, v.flat().size());
  copy.fence = 0;
  return copy;
}

View Translator::scalar_node(const View& v) {
  View scalar = v;
  scalar.atoms.clear();
  View result = v;
  result.access = copied(scalar).access;
  return result;
}

bool Translator::is_plain(const View& v) const {
  if (v.access.kind != Operand::Kind::Read || !v.access.guards.empty()) return false;
  return table_.nodes[v.access.base].kind != NodeKind::Input &&
         std::ranges::equal(base_atoms(v), v.flat()) &&
         v.access.spans == whole(v.access.base, v.flat().size()).spans;
}

int Translator::output(Value v) {
  const View& result = view(v);
  int node = result.access.base;
  if (!is_plain(result) || table_.nodes[node].out) {
    node = table_.append(copy_node(result), {{result.access, result.dtype, result.fence}});
  }
  table_.nodes[node].out = true;
  return node;
}

}  // namespace gradus::schedule
