// Reductions over the carrier: granule partials and their ordered sum, chosen as a graph rewrite
// after each commit. Which sums are bracketed how is thereby fixed by shapes alone.
#include <algorithm>
#include <set>

#include "compiler/schedule/state.h"

namespace gradus::schedule {
namespace {

/// Partial results of these combine by the op itself.
bool is_splittable(const Node& n) {
  static const ops::OpDef& argmax = ops::op_named("argmax");
  static const ops::OpDef& argmin = ops::op_named("argmin");
  if (n.kind == NodeKind::Product) return true;
  if (n.kind == NodeKind::Reduce) return !n.combine && n.op != &argmax && n.op != &argmin;
  // A partial scatter starts at zero, so the value that is added to must be zero itself.
  return n.kind == NodeKind::Scatter && n.operands[0].kind == Operand::Kind::Constant &&
         n.operands[0].constant == 0;
}

struct Split {
  int node;
  std::vector<int> axes;
  int part_axis;
  int64_t parts, granule;
};

/// The reader's axes that the labels of its sources inside become; empty unless all agree.
std::vector<int> carried_axes(const State& st, int v, const std::vector<char>& taken) {
  std::vector<int> axes;
  bool first = true;
  for (const Read& r : st.nodes[v].reads) {
    if (!taken[r.source]) continue;
    std::vector<int> map;
    for (int d : st.label[r.source])
      map.push_back(same_axis(r, d));
    if (std::ranges::find(map, -1) != map.end() || (!first && map != axes)) return {};
    axes = std::move(map);
    first = false;
  }
  return axes;
}

void split(State& st, const Split& choice) {
  const int v = choice.node;
  Node partial = st.nodes[v];
  partial.parts = choice.parts;
  partial.granule = choice.granule;
  partial.part_axis = choice.part_axis;
  partial.out = false;
  const int p = st.add(std::move(partial));
  st.label[p] = choice.axes;
  Node& n = st.nodes[v];
  const int parallel = n.parallel;
  Read result{.source = p, .spans = whole(p, static_cast<size_t>(parallel)).spans, .partial = true};
  n.kind = NodeKind::Reduce;
  n.combine = true;
  n.extents.resize(parallel);
  n.extents.push_back(choice.parts);
  n.reads = {std::move(result)};
  n.operands = {{.kind = Operand::Kind::Read, .read = 0, .dtype = n.dtype}};
  n.static_key.clear();
  n.data_axes = {0, 0};
  n.work = static_cast<double>(n.result_elements() * choice.parts);
  st.users[p] = {{v, 0}};
  for (int u : distinct_sources(st.nodes[p])) {
    for (Use& use : st.users[u]) {
      if (use.node == v) use.node = p;
    }
  }
}

}  // namespace

void split_reductions(State& st, const std::vector<int>& taken_nodes) {
  std::vector<char> taken(st.nodes.size(), 0), stored(st.nodes.size(), 0);
  std::vector<int> border;
  for (int u : taken_nodes) {
    taken[u] = 1;
    stored[u] = st.nodes[u].out;
  }
  for (int u : taken_nodes) {
    for (const Use& use : st.users[u]) {
      if (!st.labelled[use.node] && st.loop_of[use.node] < 0) border.push_back(use.node);
    }
  }
  std::ranges::sort(border);
  border.erase(std::ranges::unique(border).begin(), border.end());
  // Largest result first: one that stays whole stores its operands.
  std::ranges::stable_sort(border, std::greater{}, [&](int v) { return st.nodes[v].bytes(); });
  std::vector<Split> chosen;
  for (int v : border) {
    const Node& n = st.nodes[v];
    const auto sources = distinct_sources(n);
    const auto axes = carried_axes(st, v, taken);
    // Runs are cut along the longest of the carrying axes that are reduced.
    int part_axis = -1;
    for (int a : axes) {
      if (a < n.parallel) continue;
      if (part_axis < 0 || n.extents[a] > n.extents[part_axis]) part_axis = a;
    }
    const int64_t extent = part_axis < 0 ? 1 : n.extents[part_axis];
    const bool known =
        std::ranges::all_of(sources, [&](int u) { return taken[u] || st.is_input(u); });
    if (is_splittable(n) && !axes.empty() && extent > 1 && known) {
      const int64_t granule = st.granule_of(extent);
      const int64_t parts = (extent + granule - 1) / granule;
      int64_t moved = 0;
      for (int u : sources) {
        const int64_t bytes = st.nodes[u].bytes();
        if (taken[u]) moved += bytes * (stored[u] ? 1 : 2);
        if (st.is_input(u) && std::ranges::any_of(st.users[u], [&](const Use& w) {
              return w.node < v && taken[w.node];
            })) {
          moved += bytes;
        }
      }
      // As if the last granule were whole: all batches up to kParts granules are bracketed alike, and
      // share their kernels.
      if (2 * extent * n.bytes() < moved * granule) {
        chosen.push_back({v, axes, part_axis, parts, granule});
        continue;
      }
    }
    for (int u : sources) {
      if (taken[u]) stored[u] = 1;
    }
  }
  for (const Split& choice : chosen)
    split(st, choice);
}

}  // namespace gradus::schedule
