// Leaf kernels: the two steps of phases (layer, sink) a floor down. A read is tight if the reader
// is elementwise or a reduction and its loop nest meets each element once, or the rest is a row of
// few elements kept in registers; level(v) = max(level(u) + not tight); leaves are components of
// one level along tight reads. Elementwise operands of a product fold into it if that costs no more
// than storing and loading them.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "compiler/schedule/leaf_split.h"
#include "compiler/schedule/state.h"
#include "compiler/schedule/union_find.h"

namespace gradus::schedule {
namespace {

class Leaves {
 public:
  explicit Leaves(State& state)
      : st_(state), row_(state.nodes.size(), 1), level_(state.nodes.size(), 0) {}
  void run();

 private:
  bool is_tight(int v, const Read& r) const;
  bool folds(int u) const;
  bool blocks(int v, const Read& r) const { return !is_tight(v, r) && !folds(r.source); }
  void copy_shared_operands(Region& region);
  void group(Region& region);
  void find_levels(const Region& region);

  bool is_inside(const Read& r, int region) const {
    return !r.back && st_.s.region_of[r.source] == region;
  }
  template <class F>
  void each_read(int v, F f) const {
    for (const Read& r : st_.nodes[v].reads) {
      if (is_inside(r, st_.s.region_of[v])) f(r);
    }
  }

  State& st_;
  std::vector<int64_t> row_;  // elements that a leaf keeps for the value
  std::vector<int> level_;
};

/// Whether the reader meets every element of the source at most once while it walks `n`.
bool meets_once(const Node& n, const Read& r) {
  std::vector<char> seen(n.extents.size(), 0);
  for (const Span& s : r.spans) {
    if (s.data) return false;
    auto terms = s.index.terms;
    std::ranges::sort(terms, {}, [](const auto& t) { return std::abs(t.second); });
    int64_t reach = 1;
    for (auto [axis, c] : terms) {
      if (std::abs(c) < reach || seen[axis]) return false;  // overlapping windows
      seen[axis] = 1;
      reach += std::abs(c) * (n.extents[axis] - 1);
    }
  }
  return true;
}

bool Leaves::is_tight(int v, const Read& r) const {
  const Node &n = st_.nodes[v], &u = st_.nodes[r.source];
  if (n.kind != NodeKind::Elementwise && n.kind != NodeKind::Reduce) return false;
  if (r.back || st_.loop_of[v] != st_.loop_of[r.source]) return false;
  if (u.parallel == 0 && n.points() > 1) return false;
  for (const Read& q : n.reads) {
    if (q.source == r.source && (q.spans != r.spans || q.guards != r.guards)) return false;
  }
  if (!meets_once(n, r)) return false;
  int64_t rest = 1;
  for (int a = 0; a < static_cast<int>(n.extents.size()); ++a) {
    const bool met = std::ranges::any_of(r.spans, [&](const Span& s) { return uses(s.index, a); });
    if (!met) rest *= n.extents[a];
  }
  return rest == 1 || (rest <= nominal::kRow && row_[r.source] <= nominal::kRow);
}

/// Every atom at an index of its own: the value can be computed at the point where it is read.
bool is_in_place(const Read& r) {
  return r.guards.empty() &&
         std::ranges::all_of(r.spans, [](const Span& s) { return s.hi == s.lo + 1 && !s.data; });
}

/// An operand of products that is evaluated where they read it: cost * (reads - 1) <= store + load.
bool Leaves::folds(int u) const {
  const Node& m = st_.nodes[u];
  if (m.kind != NodeKind::Elementwise || st_.s.stored[u]) return false;
  const int here = st_.s.region_of[u];
  if (std::ranges::any_of(m.reads,
                          [&](const Read& r) { return st_.s.region_of[r.source] == here; })) {
    return false;
  }
  const auto points = static_cast<double>(std::max<int64_t>(1, m.points()));
  return std::ranges::all_of(st_.users[u], [&](const Use& w) {
    if (st_.options.grouping == LeafGrouping::CodeGeneration && !is_in_place(st_.read(w))) {
      return false;
    }
    const Node& n = st_.nodes[w.node];
    const double reads = static_cast<double>(n.points()) / points /
                         static_cast<double>(nominal::kReuse * nominal::kLanes);
    return n.kind == NodeKind::Product &&
           m.work * (reads - 1) <=
               2 * static_cast<double>(m.bytes()) / nominal::kNear * nominal::kPeak;
  });
}

/// An operand that folds into several products: each gets its own, so that leaves are a partition.
void Leaves::copy_shared_operands(Region& region) {
  std::vector<int> nodes;
  for (int u : region.nodes) {
    nodes.push_back(u);
    if (st_.users[u].size() < 2 || !folds(u)) continue;
    const auto readers = st_.users[u];
    std::map<int, int> copies{{readers[0].node, u}};
    st_.users[u].clear();
    for (const Use& w : readers) {
      auto [it, fresh] = copies.try_emplace(w.node, 0);
      if (fresh) {
        it->second = st_.add(st_.nodes[u]);
        const int c = it->second;
        st_.label[c] = st_.label[u];
        st_.phase[c] = st_.phase[u];
        st_.s.is_private[c] = st_.s.is_private[u];
        st_.s.stored.push_back(0);
        st_.s.region_of.push_back(st_.s.region_of[u]);
        row_.push_back(1);
        level_.push_back(0);
        nodes.push_back(c);
        for (int r = 0; r < static_cast<int>(st_.nodes[c].reads.size()); ++r) {
          st_.users[st_.nodes[c].reads[r].source].push_back({c, r});
        }
      }
      st_.nodes[w.node].reads[w.read].source = it->second;
      st_.users[it->second].push_back(w);
    }
  }
  region.nodes = std::move(nodes);
}

void Leaves::find_levels(const Region& region) {
  for (int v : region.nodes) {
    const Node& n = st_.nodes[v];
    int top = 1;
    each_read(
        v, [&](const Read& r) { top = std::max(top, level_[r.source] + (blocks(v, r) ? 1 : 0)); });
    level_[v] = top;
    row_[v] = n.kind == NodeKind::Reduce
                  ? product({n.extents.data() + n.parallel, n.extents.size() - n.parallel})
                  : 1;
    each_read(v, [&](const Read& r) {
      if (level_[r.source] == top) row_[v] = std::max(row_[v], row_[r.source]);
    });
  }
  Components single;
  for (int v : region.nodes) {
    single.order.push_back(v);
    single.start.push_back(static_cast<int>(single.order.size()));
  }
  const auto each_user = [&](int v, auto f) {
    for (const Use& w : st_.users[v]) {
      const Read& r = st_.read(w);
      if (!r.back && st_.s.region_of[w.node] == st_.s.region_of[v]) f(w.node, blocks(w.node, r));
    }
  };
  const auto border = [&](int u) {
    bool crosses = false;
    each_user(u, [&](int w, bool blocked) { crosses |= level_[w] != level_[u] || blocked; });
    return crosses ? static_cast<double>(st_.nodes[u].bytes()) : 0.0;
  };
  sink(
      single, level_, each_user,
      [&](int v, auto f) { each_read(v, [&](const Read& r) { f(r.source, blocks(v, r)); }); },
      border, [&](int v) { return st_.loop_of[v] >= 0; }, [](int) { return false; });
}

void Leaves::group(Region& region) {
  find_levels(region);
  std::unordered_map<int, int> place;  // in the region
  for (int v : region.nodes)
    place.emplace(v, static_cast<int>(place.size()));
  UnionFind joined(place.size());
  for (int v : region.nodes) {
    each_read(v, [&](const Read& r) {
      if (level_[r.source] == level_[v]) joined.join(place[r.source], place[v]);
    });
  }
  std::vector<int> leaf_of(place.size(), -1);
  std::vector<std::vector<int>> leaves;
  for (int v : region.nodes) {
    int& leaf = leaf_of[joined.find(place[v])];
    if (leaf < 0) {
      leaf = static_cast<int>(leaves.size());
      leaves.emplace_back();
    }
    leaves[leaf].push_back(v);
  }
  std::ranges::stable_sort(leaves, {}, [&](const auto& leaf) { return level_[leaf[0]]; });
  region.leaves.clear();
  for (auto& leaf : leaves) {
    if (st_.options.grouping == LeafGrouping::Tight) {
      region.leaves.push_back(std::move(leaf));
    } else {
      for (auto& part : split_leaf(st_, leaf))
        region.leaves.push_back(std::move(part));
    }
  }
}

void Leaves::run() {
  std::vector<int> place(st_.nodes.size(), 0);
  const auto order = st_.ordered(false).order;
  for (size_t i = 0; i < order.size(); ++i)
    place[order[i]] = static_cast<int>(i);
  for (Region& region : st_.s.regions) {
    std::ranges::sort(region.nodes, {}, [&](int v) { return place[v]; });
    if (st_.options.grouping == LeafGrouping::CodeGeneration) copy_shared_operands(region);
    group(region);
  }
}

}  // namespace

void find_leaves(State& state) {
  Leaves(state).run();
}

}  // namespace gradus::schedule
