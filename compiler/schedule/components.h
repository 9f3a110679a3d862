// Layers: the mechanism behind phases and, a floor down, leaf kernels.
#pragma once

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

namespace gradus::schedule {

/// Strongly connected components, producers first.
struct Components {
  std::vector<int> order;     // of all nodes
  std::vector<int> start{0};  // of each component in `order`
  size_t size() const { return start.size() - 1; }
  std::span<const int> operator[](size_t i) const {
    return {order.data() + start[i], order.data() + start[i + 1]};
  }
};

/// `sources[v]`: what v waits for. Tarjan's algorithm, iteratively; vertices are visited in order.
Components components(std::span<const int> vertices, const std::vector<std::vector<int>>& sources);

/// rank(v) = max over reads of rank(source) + (1 if the read blocks); a component has one rank.
/// `each_read(v, f)` calls f(source, blocks).
template <class EachRead>
void layer(const Components& comps, std::vector<int>& rank, EachRead each_read) {
  std::vector<int> component_of(rank.size(), -1);
  for (size_t i = 0; i < comps.size(); ++i) {
    for (int v : comps[i])
      component_of[v] = static_cast<int>(i);
    int top = 1;
    for (int v : comps[i]) {
      each_read(v, [&](int u, bool blocks) {
        if (component_of[u] != static_cast<int>(i)) top = std::max(top, rank[u] + (blocks ? 1 : 0));
      });
    }
    for (int v : comps[i])
      rank[v] = top;
  }
}

/// Readers first: a node moves down to its first reader where that lowers the bytes that cross
/// (sum of `border` over itself and its sources), or where it is free.
template <class EachUser, class EachRead, class Border, class Fixed, class Free>
void sink(const Components& comps, std::vector<int>& rank, EachUser each_user, EachRead each_read,
          Border border, Fixed fixed, Free free) {
  std::vector<int> near;
  for (size_t i = comps.size(); i-- > 0;) {
    const int v = comps[i][0];
    if (comps[i].size() > 1 || fixed(v)) continue;
    int last = std::numeric_limits<int>::max();
    each_user(v, [&](int w, bool blocks) { last = std::min(last, rank[w] - (blocks ? 1 : 0)); });
    if (last == std::numeric_limits<int>::max() || last <= rank[v]) continue;
    const int was = rank[v];
    if (free(v)) {
      rank[v] = last;
      continue;
    }
    near.assign(1, v);
    each_read(v, [&](int u, bool) {
      if (std::ranges::find(near, u) == near.end()) near.push_back(u);
    });
    double before = 0, after = 0;
    for (int u : near)
      before += border(u);
    rank[v] = last;
    for (int u : near)
      after += border(u);
    if (after >= before) rank[v] = was;
  }
}

}  // namespace gradus::schedule
