// The order of a product's own axes is free: it takes that of its first elementwise reader of the
// same shape, so that the reader is at the product's points and can be its epilogue. (A batched
// matrix–vector product arrives as [rows, batch] with a transpose behind it.)
#include <algorithm>

#include "compiler/schedule/node_table.h"

namespace gradus::schedule {
namespace {

struct Use {
  int node, read;
};

bool walks_atom_by_atom(const Read& r, int atoms) {
  if (r.spans.size() != static_cast<size_t>(atoms)) return false;
  return std::ranges::all_of(r.spans, [](const Span& s) { return s.hi == s.lo + 1; });
}

/// The reader's axis of each axis of the product; empty unless they are the same points.
std::vector<int> order_of(const Node& reader, const Node& product, const Read& r) {
  if (reader.kind != NodeKind::Elementwise || reader.parallel != product.parallel ||
      r.same.size() != static_cast<size_t>(product.parallel)) {
    return {};
  }
  std::vector<int> order(r.same.size(), -1), seen(r.same.size(), 0);
  for (auto [d, a] : r.same) {
    order[d] = a;
    ++seen[a];
  }
  return std::ranges::all_of(seen, [](int n) { return n == 1; }) ? order : std::vector<int>{};
}

void reorder(Node& n, const std::vector<int>& order) {
  std::vector<Affine> move(n.extents.size());
  std::vector<int64_t> extents = n.extents;
  for (size_t a = 0; a < n.extents.size(); ++a) {
    const int to = a < order.size() ? order[a] : static_cast<int>(a);
    move[a] = axis_index(to);
    extents[to] = n.extents[a];
  }
  n.extents = std::move(extents);
  for (Read& r : n.reads) {
    for (Span& s : r.spans)
      s.index = substitute(s.index, move);
    for (Guard& g : r.guards)
      g.index = substitute(g.index, move);
    for (auto& [d, a] : r.same)
      a = a < static_cast<int>(order.size()) ? order[a] : a;
  }
}

void reorder_source(Read& r, const std::vector<int>& order) {
  for (Span& s : r.spans) {
    s.lo = order[s.lo];
    s.hi = s.lo + 1;
  }
  std::ranges::sort(r.spans, {}, &Span::lo);
  for (auto& [d, a] : r.same)
    d = order[d];
  std::ranges::sort(r.same);
}

}  // namespace

void orient_products(Schedule& schedule) {
  auto& nodes = schedule.nodes;
  std::vector<std::vector<Use>> users(nodes.size());
  for (int v = 0; v < static_cast<int>(nodes.size()); ++v) {
    for (int r = 0; r < static_cast<int>(nodes[v].reads.size()); ++r) {
      users[nodes[v].reads[r].source].push_back({v, r});
    }
  }
  for (size_t v = 0; v < nodes.size(); ++v) {
    Node& n = nodes[v];
    if (n.kind != NodeKind::Product || n.out) continue;
    const auto read = [&](const Use& w) -> Read& { return nodes[w.node].reads[w.read]; };
    const bool movable = std::ranges::all_of(
        users[v], [&](const Use& w) { return walks_atom_by_atom(read(w), n.parallel); });
    if (!movable) continue;
    for (const Use& w : users[v]) {
      const auto order = order_of(nodes[w.node], n, read(w));
      if (order.empty()) continue;
      if (!std::ranges::is_sorted(order)) {
        reorder(n, order);
        for (const Use& x : users[v])
          reorder_source(read(x), order);
      }
      break;
    }
  }
  // An output that was a transposed copy of a product may now be the product.
  for (int& v : schedule.outputs) {
    Node& copy = nodes[v];
    if (copy.op != nullptr || copy.reads.size() != 1) continue;
    Node& n = nodes[copy.reads[0].source];
    const auto order = order_of(copy, n, copy.reads[0]);
    if (n.kind != NodeKind::Product || n.out || order.empty() || !std::ranges::is_sorted(order)) {
      continue;
    }
    copy.out = false;
    n.out = true;
    v = copy.reads[0].source;
  }
}

}  // namespace gradus::schedule
