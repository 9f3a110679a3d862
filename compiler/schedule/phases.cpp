// Phases: a read blocks if the source is labelled and the reader is not, or is partial, or the
// labels do not correspond under the identical axes. phase(v) = max(phase(u) + blocks). Then nodes
// sink, readers first: to the earliest reader's phase if that lowers the bytes that cross, or if
// the whole tree from the arguments on is read only there.
#include <algorithm>
#include <limits>

#include "compiler/schedule/state.h"

namespace gradus::schedule {
namespace {

/// Barriers in each iteration of the loops.
int inner_barriers(const State& st, const Components& comps) {
  int inner = 0;
  for (size_t i = 0; i < comps.size(); ++i) {
    std::vector<int> own;
    for (int v : comps[i]) {
      if (st.loop_of[v] >= 0) own.push_back(v);
    }
    if (own.empty()) continue;
    std::ranges::sort(own);
    const auto inside = [&](const Read& r) { return std::ranges::binary_search(own, r.source); };
    std::vector<std::vector<int>> sources(st.nodes.size());
    bool around = false;
    for (int v : own) {
      for (const Read& r : st.nodes[v].reads) {
        if (!inside(r)) continue;
        if (!r.back) sources[v].push_back(r.source);
        around |= r.back && st.blocks(v, r);
      }
    }
    std::vector<int> rank(st.nodes.size(), 0);
    layer(components(own, sources), rank, [&](int v, auto f) {
      for (const Read& r : st.nodes[v].reads) {
        if (inside(r) && !r.back) f(r.source, st.blocks(v, r));
      }
    });
    int top = 1;
    for (int v : own)
      top = std::max(top, rank[v]);
    inner += top - 1 + (around ? 1 : 0);
  }
  return inner;
}

}  // namespace

void find_phases(State& st) {
  st.find_users();
  const Components comps = st.ordered();
  const auto each_read = [&](int v, auto f) {
    for (const Read& r : st.nodes[v].reads) {
      if (!st.is_input(r.source)) f(r.source, st.blocks(v, r));
    }
  };
  const auto each_user = [&](int v, auto f) {
    for (const Use& w : st.users[v])
      f(w.node, st.blocks(w.node, st.read(w)));
  };
  const auto fixed = [&](int v) { return st.loop_of[v] >= 0 || st.nodes[v].out; };
  layer(comps, st.phase, each_read);

  // Trees from arguments on that only later phases read may go there at no cost.
  std::vector<int> last(st.nodes.size(), 0);
  std::vector<char> free(st.nodes.size(), 0);
  for (size_t i = comps.size(); i-- > 0;) {
    for (int v : comps[i]) {
      last[v] = fixed(v) ? st.phase[v] : std::numeric_limits<int>::max();
      if (fixed(v)) continue;
      each_user(v, [&](int w, bool blocks) { last[v] = std::min(last[v], last[w] - blocks); });
    }
  }
  for (size_t i = 0; i < comps.size(); ++i) {
    const int v = comps[i][0];
    bool tree = last[v] > st.phase[v];
    for (const Read& r : st.nodes[v].reads) {
      const int u = r.source;
      tree = tree && (st.is_input(u) || st.label[u].empty() || (free[u] && last[u] >= last[v]));
    }
    free[v] = tree;
  }
  const auto border = [&](int u) {
    return !st.label[u].empty() && st.crosses(u) ? static_cast<double>(st.nodes[u].bytes()) : 0.0;
  };
  sink(comps, st.phase, each_user, each_read, border, fixed, [&](int v) { return free[v] != 0; });
  st.s.inner_barriers = inner_barriers(st, comps);
}

}  // namespace gradus::schedule
