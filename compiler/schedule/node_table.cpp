#include "compiler/schedule/node_table.h"

#include <algorithm>

namespace gradus::schedule {
namespace {

void mix(size_t& h, size_t x) {
  h ^= x + 0x9e3779b97f4a7c15 + (h << 6) + (h >> 2);
}

void mix(size_t& h, const Affine& a) {
  for (auto [axis, c] : a.terms) {
    mix(h, static_cast<size_t>(axis));
    mix(h, static_cast<size_t>(c));
  }
  mix(h, static_cast<size_t>(a.constant));
}

size_t hash_of(const Node& n) {
  size_t h = std::hash<const void*>{}(n.op);
  mix(h, static_cast<size_t>(n.kind));
  mix(h, static_cast<size_t>(n.result));
  mix(h, static_cast<size_t>(n.dtype));
  for (int64_t e : n.extents)
    mix(h, static_cast<size_t>(e));
  if (n.attributes) {
    for (const ir::Attr& a : *n.attributes)
      mix(h, ir::hash_of(a));
  }
  for (const Read& r : n.reads) {
    mix(h, static_cast<size_t>(r.source));
    for (const Span& s : r.spans)
      mix(h, s.index);
  }
  for (const Operand& o : n.operands) {
    mix(h, static_cast<size_t>(o.kind));
    mix(h, static_cast<size_t>(o.constant));
    mix(h, o.iota);
  }
  return h;
}

bool equal(const Read& a, const Read& b) {
  return a.source == b.source && a.spans == b.spans && a.guards == b.guards && a.fill == b.fill;
}

bool equal(const Operand& a, const Operand& b) {
  return a.kind == b.kind && a.read == b.read && a.constant == b.constant && a.iota == b.iota &&
         a.dtype == b.dtype;
}

bool equal(const ir::AttrsPtr& a, const ir::AttrsPtr& b) {
  if (a == b) return true;
  return a && b && std::ranges::equal(*a, *b, [](const ir::Attr& x, const ir::Attr& y) {
           return ir::equal(x, y);
         });
}

bool equal(const Node& a, const Node& b) {
  const auto same = [](const auto& x, const auto& y) { return equal(x, y); };
  return a.op == b.op && a.kind == b.kind && a.result == b.result && a.dtype == b.dtype &&
         a.parallel == b.parallel && a.extents == b.extents && a.static_key == b.static_key &&
         std::ranges::equal(a.reads, b.reads, same) &&
         std::ranges::equal(a.operands, b.operands, same) && equal(a.attributes, b.attributes);
}

}  // namespace

void NodeTable::connect(Node& node, const std::vector<NodeInput>& inputs) {
  for (const NodeInput& in : inputs) {
    Operand operand{.kind = in.access.kind, .dtype = in.dtype};
    operand.constant = in.access.constant;
    if (operand.kind == Operand::Kind::Iota) operand.iota = in.access.iota;
    if (operand.kind == Operand::Kind::Read) {
      operand.read = static_cast<int>(node.reads.size());
      node.reads.push_back({.source = in.access.base,
                            .spans = in.access.spans,
                            .guards = in.access.guards,
                            .fill = in.access.fill});
    }
    node.operands.push_back(std::move(operand));
  }
}

int NodeTable::append(Node node, const std::vector<NodeInput>& inputs) {
  connect(node, inputs);
  nodes.push_back(std::move(node));
  return static_cast<int>(nodes.size()) - 1;
}

int NodeTable::add(Node node, std::vector<NodeInput> inputs) {
  connect(node, inputs);
  std::vector<uint32_t> fences;
  for (const NodeInput& in : inputs)
    fences.push_back(in.fence);
  const size_t key = hash_of(node);
  for (auto [it, end] = numbered_.equal_range(key); it != end; ++it) {
    if (it->second.fences == fences && equal(nodes[it->second.node], node)) return it->second.node;
  }
  nodes.push_back(std::move(node));
  const int number = static_cast<int>(nodes.size()) - 1;
  numbered_.emplace(key, Entry{number, std::move(fences)});
  return number;
}

std::vector<std::pair<int, int>> identical_axes(const Node& reader, const Node& source,
                                                const Read& read) {
  std::vector<std::pair<int, int>> same;
  for (const Span& s : read.spans) {
    if (s.hi != s.lo + 1 || s.guarded || s.data || s.index.terms.size() != 1) continue;
    const int axis = s.index.terms[0].first;
    if (!is_axis(s.index, axis) || reader.extents[axis] != source.extents[s.lo]) continue;
    same.emplace_back(s.lo, axis);
  }
  return same;
}

int same_axis(const Read& read, int source_axis) {
  for (auto [d, a] : read.same) {
    if (d == source_axis) return a;
  }
  return -1;
}

int source_axis(const Read& read, int axis) {
  for (auto [d, a] : read.same) {
    if (a == axis) return d;
  }
  return -1;
}

void merge_sums(std::vector<Node>& nodes) {
  static const ops::OpDef& sum = ops::op_named("reduce_sum");
  std::vector<int> readers(nodes.size(), 0), again;
  for (const Node& n : nodes) {
    for (const Read& r : n.reads)
      ++readers[r.source];
  }
  for (size_t v = 0; v < nodes.size(); ++v)
    again.push_back(static_cast<int>(v));
  while (!again.empty()) {
    const int v = again.back();
    again.pop_back();
    Node& n = nodes[v];
    if (n.op != &sum || n.reads.size() != 1) continue;
    const int u = n.reads[0].source;
    Node& c = nodes[u];
    if (c.out || !(c.op == &sum || c.kind == NodeKind::Product) || readers[u] != 1) continue;
    // Every axis of the product is one of the sum, and the other way round.
    auto axes = identical_axes(n, c, n.reads[0]);
    std::ranges::sort(axes, {}, &std::pair<int, int>::second);
    if (axes.size() != static_cast<size_t>(c.parallel) || axes.size() != n.extents.size()) continue;
    std::vector<Affine> move(c.extents.size());
    std::vector<int64_t> extents;
    for (auto [from, to] : axes) {
      move[from] = axis_index(static_cast<int>(extents.size()));
      extents.push_back(c.extents[from]);
    }
    for (size_t a = c.parallel; a < c.extents.size(); ++a) {
      move[a] = axis_index(static_cast<int>(extents.size()));
      extents.push_back(c.extents[a]);
    }
    n.reads = std::move(c.reads);
    n.operands = std::move(c.operands);
    for (Read& r : n.reads) {
      for (Span& s : r.spans)
        s.index = substitute(s.index, move);
      for (Guard& g : r.guards)
        g.index = substitute(g.index, move);
    }
    for (Operand& o : n.operands)
      o.iota = substitute(o.iota, move);
    n.kind = c.kind;
    n.op = c.op;
    n.attributes = c.attributes;
    n.static_key = c.static_key;
    n.work = c.work;
    n.extents = std::move(extents);
    c.reads.clear();
    c.operands.clear();
    c.kind = NodeKind::Dead;
    again.push_back(v);
  }
}

}  // namespace gradus::schedule
