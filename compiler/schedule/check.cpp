// What must hold of a placed schedule, whatever chose it.
#include "compiler/schedule/state.h"
#include "runtime/error.h"

namespace gradus::schedule {
namespace {

void check_read(const Schedule& s, int v, const Read& r, bool looped) {
  const int u = r.source, a = s.region_of[u], b = s.region_of[v];
  GRADUS_CHECK(s.phase[u] <= s.phase[v], "a phase reads a later one");
  GRADUS_CHECK(s.phase[u] < s.phase[v] || looped || !blocks(s, v, r), "a phase waits for itself");
  GRADUS_CHECK(s.phase[u] < s.phase[v] || a <= b || looped, "a region reads a later one");
  GRADUS_CHECK(a == b || s.stored[u] || s.label[u].empty(),
               "a value crosses and is not stored whole");
  if (s.nodes[u].lane_block > 0) {
    GRADUS_CHECK(b >= 0 && s.regions[b].carrier_in_lanes && s.label[v].size() == 1 &&
                     same_axis(r, s.label[u][0]) == s.label[v][0],
                 "a value in blocks is read along another axis");
    GRADUS_CHECK(s.regions[b].lane_block == s.nodes[u].lane_block);
  }
  if (a == b && !s.label[u].empty() && !s.label[v].empty() && u != v &&
      !(looped && s.inner_barriers > 0)) {
    GRADUS_CHECK(s.label[u].size() == s.label[v].size());
    for (size_t i = 0; i < s.label[u].size(); ++i) {
      GRADUS_CHECK(same_axis(r, s.label[u][i]) == s.label[v][i],
                   "an edge inside a region leaves its slice");
    }
  }
}

/// What is labelled runs over one range, position by position.
void check_carriers(const Schedule& s, const Region& region) {
  std::vector<int64_t> extents;
  for (int v : region.nodes) {
    std::vector<int64_t> own;
    for (int a : s.label[v])
      own.push_back(s.nodes[v].extents[a]);
    if (extents.empty()) extents = own;
    GRADUS_CHECK(own.empty() || own == extents, "a region has carriers of different extents");
  }
}

void check_regions(const Schedule& s) {
  std::vector<std::vector<int>> into(s.regions.size());
  std::vector<int> all;
  for (int b = 0; b < static_cast<int>(s.regions.size()); ++b) {
    all.push_back(b);
    check_carriers(s, s.regions[b]);
    for (int v : s.regions[b].nodes) {
      GRADUS_CHECK(s.region_of[v] == b && s.phase[v] == s.regions[b].phase);
      for (const Read& r : s.nodes[v].reads) {
        const int a = s.region_of[r.source];
        if (a >= 0 && a != b && !s.label[r.source].empty()) into[b].push_back(a);
      }
    }
  }
  GRADUS_CHECK(components(all, into).size() == s.regions.size(), "regions form a cycle");
}

void check_leaves(const Schedule& s, const std::vector<int>& loop_of) {
  std::vector<int> leaf_of(s.nodes.size(), -1), place(s.nodes.size(), -1);
  for (size_t b = 0; b < s.regions.size(); ++b) {
    const Region& region = s.regions[b];
    size_t count = 0;
    for (size_t k = 0; k < region.leaves.size(); ++k) {
      count += region.leaves[k].size();
      GRADUS_CHECK(!region.leaves[k].empty());
      for (size_t i = 0; i < region.leaves[k].size(); ++i) {
        const int v = region.leaves[k][i];
        GRADUS_CHECK(s.region_of[v] == static_cast<int>(b) && leaf_of[v] < 0);
        leaf_of[v] = static_cast<int>(k);
        place[v] = static_cast<int>(i);
      }
    }
    GRADUS_CHECK(count == region.nodes.size(), "leaves are no partition of their region");
    for (int v : region.nodes) {
      for (const Read& r : s.nodes[v].reads) {
        const int u = r.source;
        if (s.region_of[u] != static_cast<int>(b) || r.back) continue;
        if (loop_of[u] >= 0 && loop_of[u] == loop_of[v]) continue;
        GRADUS_CHECK(leaf_of[u] < leaf_of[v] || (leaf_of[u] == leaf_of[v] && place[u] < place[v]),
                     "a leaf reads a later one");
      }
    }
  }
}

}  // namespace

void check(const Schedule& s) {
  const auto loop_of = find_loops(s.nodes);
  for (int v = 0; v < static_cast<int>(s.nodes.size()); ++v) {
    const Node& n = s.nodes[v];
    if (n.kind == NodeKind::Input || n.kind == NodeKind::Dead) continue;
    GRADUS_CHECK(s.region_of[v] >= 0, "a node has no region");
    for (const Read& r : n.reads) {
      if (s.nodes[r.source].kind == NodeKind::Input) continue;
      check_read(s, v, r, loop_of[v] >= 0 && loop_of[v] == loop_of[r.source]);
    }
  }
  for (int v : s.outputs)
    GRADUS_CHECK(s.nodes[v].out && s.stored[v], "an output is not stored");
  check_regions(s);
  check_leaves(s, loop_of);
}

}  // namespace gradus::schedule
