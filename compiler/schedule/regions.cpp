// Regions: components of equal phase along non-blocking reads. Acyclic, since every read that
// leaves a region raises the phase. Private values go with their readers, unless these run over
// carriers of different extents: then they are a region in front of them. The uniform nodes of a phase
// form one region.
#include <algorithm>
#include <map>
#include <tuple>

#include "compiler/schedule/state.h"
#include "compiler/schedule/union_find.h"

namespace gradus::schedule {

namespace {

/// Extents of the axes that carry the node.
std::vector<int64_t> extents_of_label(const State& st, int v) {
  std::vector<int64_t> extents;
  for (int a : st.label[v])
    extents.push_back(st.nodes[v].extents[a]);
  return extents;
}

UnionFind join_nodes(const State& st, const std::vector<int>& order) {
  UnionFind joined(st.nodes.size());
  const auto each_read = [&](auto f) {
    for (int v : order) {
      for (const Read& r : st.nodes[v].reads) {
        const int u = r.source;
        if (st.is_input(u) || st.phase[u] != st.phase[v]) continue;
        if (st.is_shared(v) && st.is_shared(u)) f(u, v);
      }
    }
  };
  each_read([&](int u, int v) {
    if (st.s.is_private[u] == st.s.is_private[v]) joined.join(u, v);
  });
  // Private values, and who reads them.
  std::map<int, std::vector<int>> readers;
  each_read([&](int u, int v) {
    if (st.s.is_private[u] && !st.s.is_private[v]) readers[joined.find(u)].push_back(v);
  });
  for (const auto& [values, nodes] : readers) {
    const auto extents = extents_of_label(st, nodes[0]);
    const bool alike =
        std::ranges::all_of(nodes, [&](int v) { return extents_of_label(st, v) == extents; });
    for (int v : nodes) {
      if (alike) joined.join(values, v);
    }
  }
  return joined;
}

}  // namespace

void find_regions(State& st) {
  const auto order = st.ordered().order;
  UnionFind joined = join_nodes(st, order);
  std::map<std::tuple<int, bool, int>, std::vector<int>> groups;
  for (int v : order) {
    const bool shared = st.is_shared(v);
    groups[{st.phase[v], shared, shared ? joined.find(v) : 0}].push_back(v);
  }
  st.s.regions.clear();
  for (auto& [key, nodes] : groups) {
    st.s.regions.push_back({.phase = std::get<0>(key),
                            .shared = std::get<1>(key),
                            .nodes = std::move(nodes),
                            .leaves = {}});
  }
  std::ranges::sort(st.s.regions, {}, [&](const Region& r) {
    const bool carried = std::ranges::any_of(r.nodes, [&](int v) { return !st.label[v].empty(); });
    return std::tuple(r.phase, r.shared, carried, r.nodes[0]);
  });
  st.s.region_of.assign(st.nodes.size(), -1);
  for (size_t i = 0; i < st.s.regions.size(); ++i) {
    for (int v : st.s.regions[i].nodes)
      st.s.region_of[v] = static_cast<int>(i);
  }
  st.s.stored.assign(st.nodes.size(), 0);
  int last = 1;
  for (int v : order) {
    st.s.stored[v] = st.crosses(v);
    // A last phase of uniform nodes alone runs on one worker after the join: no barrier of its own.
    if (!st.label[v].empty()) last = std::max(last, st.phase[v]);
  }
  st.s.barriers = last - 1;
}

}  // namespace gradus::schedule
