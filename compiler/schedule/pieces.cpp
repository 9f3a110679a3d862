#include "compiler/schedule/pieces.h"

#include <algorithm>
#include <map>

#include "compiler/loop/reductions.h"
#include "compiler/schedule/union_find.h"
#include "runtime/error.h"

namespace gradus::schedule {
namespace {

using loop::Piece;

/// Elementwise work (flop per element) from which it is not repeated in several kernels.
constexpr double kExpensive = 8;
/// Work (flop per element) in one kernel: longer leaves are cut into runs of so much (code
/// generation costs ~20 us an instruction), whose constants become arguments: equal runs share one
/// kernel.
constexpr double kRun = 200;
constexpr size_t kMostRoots = 32;

/// Every atom by itself, unguarded, at an index that is not data: can be evaluated in place.
bool is_pointwise(const Read& r) {
  return r.guards.empty() && !r.partial &&
         std::ranges::all_of(r.spans, [](const Span& s) { return s.hi == s.lo + 1 && !s.data; });
}

class LeafCutter {
 public:
  LeafCutter(const Schedule& schedule, const std::vector<std::vector<int>>& users,
             const std::vector<int>& leaf)
      : s_(schedule), users_(users), leaf_(leaf), own_(leaf.begin(), leaf.end()) {}

  std::vector<Piece> run();

 private:
  std::vector<Piece> cut();
  void find_classes();
  bool is_at_same_point(int v, const Read& r) const;
  void find_materialised();
  std::vector<Piece> around_product(int product);
  std::vector<Piece> by_roots();
  std::set<int> parallel_classes(int v) const;
  /// In loop order, which the bracketing depends on.
  std::vector<int> reduced_classes(int v) const;

  const Schedule& s_;
  const std::vector<std::vector<int>>& users_;
  const std::vector<int>& leaf_;
  const std::set<int> own_;
  std::map<int, std::vector<int>> classes_;  // per node and axis
  std::set<int> materialised_;
  bool in_runs_ = false;
  std::map<int, int> run_;
};

std::vector<Piece> LeafCutter::run() {
  find_classes();
  find_materialised();
  auto pieces = cut();
  for (Piece& p : pieces) {
    for (int v : p.nodes)
      p.classes[v] = classes_.at(v);
  }
  return pieces;
}

std::vector<Piece> LeafCutter::cut() {
  for (int v : leaf_) {
    if (s_.nodes[v].kind == NodeKind::Product && !s_.nodes[v].is_partial())
      return around_product(v);
  }
  return by_roots();
}

/// A product with what is folded into its operands and what follows at its own points. Operands
/// that others read too are kernels of their own.
std::vector<Piece> LeafCutter::around_product(int product) {
  const auto outside = [&](int v) {
    return s_.stored[v] || std::ranges::any_of(users_[v], [&](int w) { return !own_.contains(w); });
  };
  std::set<int> below{product}, above;
  for (int v : leaf_) {
    for (const Read& r : s_.nodes[v].reads) {
      if (below.contains(r.source)) below.insert(v);
    }
  }
  for (size_t i = leaf_.size(); i-- > 0;) {
    const int v = leaf_[i];
    if (below.contains(v) || !(above.contains(v) || outside(v))) continue;
    above.insert(v);
    for (const Read& r : s_.nodes[v].reads) {
      if (own_.contains(r.source)) above.insert(r.source);
    }
  }
  std::vector<Piece> pieces;
  Piece p;
  if (!above.empty()) {
    std::vector<int> before;
    for (int v : leaf_) {
      if (above.contains(v)) before.push_back(v);
    }
    pieces = LeafCutter(s_, users_, before).run();
  }
  std::set<int> done;
  for (const Piece& q : pieces)
    done.insert(q.materialised.begin(), q.materialised.end());
  for (int v : leaf_) {
    if (done.contains(v)) continue;
    p.nodes.push_back(v);
    if (below.contains(v) && outside(v)) p.materialised.insert(v);
  }
  pieces.push_back(std::move(p));
  return pieces;
}

void LeafCutter::find_classes() {
  std::map<int, int> first;  // node -> number of its first axis
  int axes = 0;
  for (int v : leaf_) {
    first[v] = axes;
    axes += static_cast<int>(s_.nodes[v].extents.size());
  }
  // A class is a loop, so two axes of one node are never in one class: of x + transpose(x) one read
  // stays out.
  UnionFind joined(static_cast<size_t>(axes));
  std::vector<std::map<int, int>> members(static_cast<size_t>(axes));  // node -> axis, by root
  for (int v : leaf_) {
    const auto count = static_cast<int>(s_.nodes[v].extents.size());
    for (int a = 0; a < count; ++a)
      members[first[v] + a] = {{v, a}};
  }
  const auto join = [&](int x, int y) {
    x = joined.find(x);
    y = joined.find(y);
    if (x == y) return;
    if (members[x].size() > members[y].size()) std::swap(x, y);
    for (auto [v, a] : members[x]) {
      const auto it = members[y].find(v);
      if (it != members[y].end() && it->second != a) return;
    }
    members[y].merge(members[x]);
    joined.join(x, y);
  };
  for (int v : leaf_) {
    for (const Read& r : s_.nodes[v].reads) {
      if (!own_.contains(r.source)) continue;
      for (auto [from, to] : r.same)
        join(first[r.source] + from, first[v] + to);
    }
  }
  // Two that read the same elements in the same way walk together.
  std::map<int, std::vector<std::pair<int, const Read*>>> readers;
  for (int v : leaf_) {
    for (const Read& r : s_.nodes[v].reads)
      readers[r.source].emplace_back(v, &r);
  }
  for (const auto& [source, uses] : readers) {
    for (auto [w, q] : uses) {
      const auto [v, r] = uses[0];
      const Node &a = s_.nodes[v], &b = s_.nodes[w];
      if (v == w || a.kind != NodeKind::Reduce || b.kind != NodeKind::Reduce) continue;
      if (a.extents != b.extents || a.parallel != b.parallel || r->spans != q->spans) continue;
      for (size_t x = 0; x < a.extents.size(); ++x)
        join(first[v] + static_cast<int>(x), first[w] + static_cast<int>(x));
    }
  }
  for (int v : leaf_) {
    auto& classes = classes_[v];
    const auto count = static_cast<int>(s_.nodes[v].extents.size());
    for (int a = 0; a < count; ++a)
      classes.push_back(joined.find(first[v] + a));
  }
}

/// Whether loops over the classes that are at a point of v are at the point that it reads.
bool LeafCutter::is_at_same_point(int v, const Read& r) const {
  const auto &to = classes_.at(v), &from = classes_.at(r.source);
  std::vector<char> met(static_cast<size_t>(s_.nodes[r.source].parallel), 0);
  for (auto [d, a] : r.same)
    met[d] = from[d] == to[a];
  return r.guards.empty() && std::ranges::all_of(met, [](char m) { return m != 0; });
}

std::set<int> LeafCutter::parallel_classes(int v) const {
  std::set<int> c;
  for (int a = 0; a < s_.nodes[v].parallel; ++a)
    c.insert(classes_.at(v)[a]);
  return c;
}

std::vector<int> LeafCutter::reduced_classes(int v) const {
  const auto& c = classes_.at(v);
  return {c.begin() + s_.nodes[v].parallel, c.end()};
}

void LeafCutter::find_materialised() {
  std::map<int, double> work;
  std::set<ir::NodeId> counted;  // results of one op are computed together
  double total = 0, sum = 0;
  for (int v : leaf_) {
    const Node& n = s_.nodes[v];
    if (n.kind != NodeKind::Elementwise) continue;
    const bool again = n.op && n.op->results > 1 && !counted.insert(n.origin).second;
    const auto points = static_cast<double>(std::max<int64_t>(1, n.points()));
    work[v] = again ? 1 : 1 + n.work / points;
    total += work[v];
  }
  in_runs_ = total > 2 * kRun;
  int run = 0;
  for (int v : leaf_) {
    if (in_runs_ && sum + work[v] > kRun) {
      ++run;
      sum = 0;
    }
    sum += work[v];
    run_[v] = run;
  }
  for (int v : leaf_) {
    const Node& n = s_.nodes[v];
    bool memory = s_.stored[v] || users_[v].empty();
    int readers = 0;
    for (int w : users_[v]) {
      memory |= !own_.contains(w) || run_.at(w) != run_.at(v);
      for (const Read& r : s_.nodes[w].reads) {
        if (r.source != v) continue;
        ++readers;
        memory |= !is_pointwise(r);
      }
    }
    if (n.kind == NodeKind::Elementwise && readers > 1 && !in_runs_) {
      const int64_t points = std::max<int64_t>(1, n.points());
      memory |= n.work / static_cast<double>(points) >= kExpensive;
    }
    if (memory) materialised_.insert(v);
  }
}

std::vector<Piece> LeafCutter::by_roots() {
  struct Group {
    std::vector<int> roots;
    std::set<int> parallel;
    std::vector<int> reduced;
    bool labelled = false;
    int64_t granule = 0;
    int run = 0;
    bool lanes = false;
  };
  std::vector<Group> groups;
  std::map<int, size_t> group_of;
  std::map<int, std::set<int>> cone;  // node -> nodes evaluated in place for it, itself included
  // node -> roots that its cone reads, and whether at another point than that of the loops
  std::map<int, std::map<int, bool>> needs;
  for (int v : leaf_) {
    const Node& n = s_.nodes[v];
    cone[v] = {v};
    for (const Read& r : n.reads) {
      if (!own_.contains(r.source)) continue;
      const int u = r.source;
      const bool elsewhere = !is_at_same_point(v, r);
      if (materialised_.contains(u) || loop::accumulates(s_.nodes[u])) {
        needs[v][u] |= elsewhere;
      } else {
        cone[v].insert(cone[u].begin(), cone[u].end());
        for (auto [root, away] : needs[u])
          needs[v][root] |= away || elsewhere;
      }
    }
    if (!materialised_.contains(v) && !loop::accumulates(n)) continue;
    const auto parallel = parallel_classes(v);
    const auto reduced = reduced_classes(v);
    const bool labelled = !s_.label[v].empty(), lanes = n.lane_axis >= 0;
    size_t after = 0;  // groups before this one are needed complete
    for (auto [u, elsewhere] : needs[v]) {
      // A value of the same group is at hand only at the same point.
      const bool joins = !elsewhere && parallel_classes(u) == parallel &&
                         (reduced.empty() || !loop::accumulates(s_.nodes[u]));
      after = std::max(after, group_of.at(u) + (joins && reduced.empty() ? 0 : 1));
    }
    size_t g = after;
    for (; g < groups.size(); ++g) {
      const Group& have = groups[g];
      const bool same = have.parallel == parallel && have.labelled == labelled &&
                        have.granule == n.granule &&
                        (!loop::accumulates(n) || have.reduced.empty() || have.lanes == lanes) &&
                        (reduced.empty() || have.reduced.empty() || have.reduced == reduced);
      // A reduction may not join a group whose values it comes after.
      const bool order = reduced.empty() || have.reduced == reduced;
      const bool small = have.roots.size() < kMostRoots;
      if (same && order && small && have.run == run_.at(v)) break;
    }
    if (g == groups.size()) {
      groups.push_back({{}, parallel, reduced, labelled, n.granule, run_.at(v), lanes});
    }
    groups[g].roots.push_back(v);
    if (!reduced.empty()) {
      groups[g].reduced = reduced;
      groups[g].lanes = lanes;
    }
    group_of[v] = g;
  }
  std::set<int> complete = materialised_;  // roots that go through memory
  for (auto [v, g] : group_of) {
    for (auto [u, elsewhere] : needs[v]) {
      if (elsewhere || group_of.at(u) != g) complete.insert(u);
    }
  }
  std::map<int, size_t> place;
  for (size_t i = 0; i < leaf_.size(); ++i)
    place[leaf_[i]] = i;
  std::vector<Piece> pieces;
  for (const Group& g : groups) {
    Piece p;
    std::set<int> nodes;
    for (int r : g.roots)
      nodes.insert(cone[r].begin(), cone[r].end());
    p.nodes.assign(nodes.begin(), nodes.end());
    std::ranges::sort(p.nodes, {}, [&](int v) { return place.at(v); });
    for (int r : g.roots) {
      if (complete.contains(r)) p.materialised.insert(r);
    }
    pieces.push_back(std::move(p));
  }
  return pieces;
}

}  // namespace

std::vector<RegionPiece> cut_pieces(const Schedule& schedule) {
  std::vector<std::vector<int>> users(schedule.nodes.size());
  for (int v = 0; v < static_cast<int>(schedule.nodes.size()); ++v) {
    if (schedule.nodes[v].kind == NodeKind::Dead) continue;
    for (const Read& r : schedule.nodes[v].reads)
      users[r.source].push_back(v);
  }
  std::vector<RegionPiece> pieces;
  for (int r = 0; r < static_cast<int>(schedule.regions.size()); ++r) {
    for (const auto& leaf : schedule.regions[r].leaves) {
      for (Piece& p : LeafCutter(schedule, users, leaf).run())
        pieces.push_back({std::move(p), r});
    }
  }
  return pieces;
}

}  // namespace gradus::schedule
