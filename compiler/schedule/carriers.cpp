// Carriers: the axis class with the best score labels all its nodes that have no label yet; the
// classes it touched are rescored; repeat.
//
// A class is a set of (node, parallel axis) joined along identical axes, between computed nodes.
// The score is the cycles that a class saves as carrier: barriers (the longest chain of hops:
// aligned reads by a reduction, product, gather or scatter), bytes over hops, less lost
// parallelism. Elementwise edges count next to nothing: they are satisfied whichever axis wins, and
// weight-sized optimiser edges would drown the activations. Ties: the class whose first member is
// lowest.
#include <algorithm>
#include <map>
#include <queue>
#include <set>

#include "compiler/schedule/state.h"
#include "compiler/schedule/union_find.h"

namespace gradus::schedule {
namespace {

bool is_hop(NodeKind kind) {
  return kind == NodeKind::Reduce || kind == NodeKind::Product || kind == NodeKind::Gather ||
         kind == NodeKind::Scatter;
}

/// A class as carrier of its free members.
struct Candidate {
  std::vector<int> nodes;   // ascending
  std::vector<int> axis;    // of each, in the class
  size_t width = 1;         // axes of a label
  std::vector<int> labels;  // `width` for each node
  std::vector<Use> edges;   // aligned reads between members, by reader
  std::span<const int> label(size_t i) const { return {labels.data() + i * width, width}; }
};

struct Score {
  double gain = 0;
  bool worth = false;  // more than a barrier
};

class Carriers {
 public:
  explicit Carriers(State& state) : st_(state), at_(state.nodes.size(), -1) {
    find_classes();
    for (int v = 0; v < st_.size(); ++v) {
      if (is_window(st_.nodes[v])) windows_.push_back(v);
    }
  }
  void choose();

 private:
  using Torn = std::vector<SmallVector<int, 4>>;  // axes of each member, by position

  void find_classes();
  /// Calls f(axis of the source, axis of v) for every link of the read that may carry.
  template <class F>
  void each_link(int v, const Read& r, F f) const {
    const int u = r.source;
    if (st_.is_input(u) || u == v || r.partial) return;
    const AxisRange from = free_axes(st_, u), to = free_axes(st_, v);
    for (auto [d, a] : r.same) {
      if (from.contains(d) && to.contains(a)) f(d, a);
    }
  }
  int class_of(int v, int axis) const { return class_[base_[v] + axis]; }
  bool is_empty(int c);
  Candidate candidate(int c);
  void settle_conflicts(int c, const std::vector<int>& nodes, Torn& axes);
  void cover(int c, Candidate& result);
  Score score(int c);
  bool are_images(const Candidate& cand) const;
  /// The nodes it labelled.
  std::vector<int> commit(int c);
  std::vector<Candidate> components(int c, const Candidate& whole);

  State& st_;
  std::vector<int> base_;                  // node -> number of its axis 0
  std::vector<int> class_;                 // axis number -> class: its lowest member; -1
  std::vector<int> owner_;                 // axis number -> node
  std::vector<std::vector<int>> members_;  // class -> axis numbers, ascending
  std::vector<int> at_;                    // node -> position in the candidate at hand; -1
  std::vector<int> windows_;               // nodes
};

void Carriers::find_classes() {
  int count = 0;
  for (int v = 0; v < st_.size(); ++v) {
    base_.push_back(count);
    count += static_cast<int>(st_.nodes[v].extents.size());
    owner_.resize(count, v);
  }
  UnionFind joined(count);
  for (int v = 0; v < st_.size(); ++v) {
    for (const Read& r : st_.nodes[v].reads) {
      each_link(v, r, [&](int d, int a) { joined.join(base_[r.source] + d, base_[v] + a); });
    }
  }
  std::vector<int> first(count, -1);
  class_.assign(count, -1);
  members_.resize(count);
  for (int v = 0; v < st_.size(); ++v) {
    if (st_.is_input(v)) continue;
    const AxisRange range = free_axes(st_, v);
    for (int a = range.begin; a < range.end; ++a) {
      const int k = base_[v] + a;
      int& c = first[joined.find(k)];
      if (c < 0) c = k;
      class_[k] = c;
      members_[c].push_back(k);
    }
  }
}

bool Carriers::is_empty(int c) {
  std::erase_if(members_[c], [&](int k) { return st_.labelled[owner_[k]] != 0; });
  return members_[c].empty();
}

Candidate Carriers::candidate(int c) {
  Candidate result;
  if (is_empty(c)) return result;
  Torn axes;
  bool torn = false;
  for (int k : members_[c]) {
    const int v = owner_[k];
    if (result.nodes.empty() || result.nodes.back() != v) {
      at_[v] = static_cast<int>(result.nodes.size());
      result.nodes.push_back(v);
      result.axis.push_back(k - base_[v]);
      axes.emplace_back();
    }
    torn |= !axes.back().empty();
    axes.back().push_back(k - base_[v]);
  }
  if (torn) {
    settle_conflicts(c, result.nodes, axes);
    for (size_t i = 0; i < axes.size(); ++i)
      result.axis[i] = axes[i][0];
  }
  for (int v : result.nodes) {
    for (int r = 0; r < static_cast<int>(st_.nodes[v].reads.size()); ++r) {
      const Read& read = st_.nodes[v].reads[r];
      const int from = at_[read.source];
      bool aligned = false;
      if (from >= 0) {
        each_link(v, read, [&](int d, int a) {
          aligned |= d == result.axis[from] && a == result.axis[at_[v]];
        });
      }
      if (aligned) result.edges.push_back({v, r});
    }
  }
  cover(c, result);
  for (int v : result.nodes)
    at_[v] = -1;
  return result;
}

/// Nodes with two axes of one class (query and key) agree on the one along which more bytes stay
/// inside: they form groups along identical axes, and the group with more bytes wins.
void Carriers::settle_conflicts(int c, const std::vector<int>& nodes, Torn& axes) {
  const auto is_torn = [&](int v) { return axes[at_[v]].size() > 1; };
  struct Edge {
    int from, to;  // axis numbers
  };
  std::vector<Edge> edges;
  UnionFind groups(class_.size());
  for (int v : nodes) {
    for (const Read& r : st_.nodes[v].reads) {
      if (at_[r.source] < 0) continue;
      each_link(v, r, [&](int d, int a) {
        if (class_of(v, a) != c || class_of(r.source, d) != c) return;
        const Edge e{base_[r.source] + d, base_[v] + a};
        edges.push_back(e);
        if (is_torn(r.source) && is_torn(v)) groups.join(e.from, e.to);
      });
    }
  }
  struct Group {
    int64_t weight = 0;
    std::vector<int> members;  // axis numbers, ascending
  };
  std::map<int, Group> of;
  for (int v : nodes) {
    if (!is_torn(v)) continue;
    for (int a : axes[at_[v]])
      of[groups.find(base_[v] + a)].members.push_back(base_[v] + a);
  }
  for (const Edge& e : edges) {
    const int64_t bytes = st_.nodes[owner_[e.from]].bytes();
    const int from = is_torn(owner_[e.from]) ? groups.find(e.from) : -1;
    const int to = is_torn(owner_[e.to]) ? groups.find(e.to) : -1;
    if (from >= 0) of[from].weight += bytes;
    if (to >= 0 && to != from) of[to].weight += bytes;
  }
  std::vector<const Group*> order;
  for (const auto& [root, group] : of)
    order.push_back(&group);
  std::ranges::sort(order, [](const Group* a, const Group* b) {
    return std::pair(-a->weight, a->members[0]) < std::pair(-b->weight, b->members[0]);
  });
  for (const Group* group : order) {
    for (int k : group->members) {
      auto& own = axes[at_[owner_[k]]];
      if (own.size() > 1) own = {k - base_[owner_[k]]};
    }
  }
}

/// A label also takes every other class that all its nodes and edges share: chunks may then be cut
/// along any of them.
void Carriers::cover(int c, Candidate& result) {
  const int first = result.nodes[0];
  const auto times = [&](int v, int k) {
    const AxisRange range = free_axes(st_, v);
    int n = 0;
    for (int a = range.begin; a < range.end; ++a)
      n += class_of(v, a) == k;
    return n;
  };
  std::vector<std::pair<int, int>> shared;  // axis of the first node, class
  const AxisRange range = free_axes(st_, first);
  for (int a = range.begin; a < range.end; ++a) {
    const int k = class_of(first, a);
    if (k != c && times(first, k) == 1) shared.emplace_back(a, k);
  }
  for (size_t i = 1; i < result.nodes.size() && !shared.empty(); ++i) {
    std::erase_if(shared, [&](const auto& e) { return times(result.nodes[i], e.second) != 1; });
  }
  for (size_t i = 0; i < result.edges.size() && !shared.empty(); ++i) {
    const Use& e = result.edges[i];
    std::erase_if(shared, [&](const auto& k) {
      bool linked = false;
      each_link(e.node, st_.read(e),
                [&](int, int a) { linked |= class_of(e.node, a) == k.second; });
      return !linked;
    });
  }
  shared.emplace_back(result.axis[0], c);
  std::ranges::sort(shared);
  result.width = shared.size();
  for (size_t i = 0; i < result.nodes.size(); ++i) {
    const int v = result.nodes[i];
    const AxisRange own = free_axes(st_, v);
    for (auto [axis, k] : shared) {
      int at = result.axis[i];
      for (int a = own.begin; k != c && a < own.end; ++a) {
        if (class_of(v, a) == k) at = a;
      }
      result.labels.push_back(at);
    }
  }
}

/// Whether every convolution runs over the class or sums it up (`at_` is the candidate's), and there
/// are enough to fill the lanes.
bool Carriers::are_images(const Candidate& cand) const {
  if (windows_.empty() || cand.nodes.empty()) return false;
  if (st_.nodes[cand.nodes[0]].extents[cand.axis[0]] < nominal::kFewImages) return false;
  bool any = false;
  for (int w : windows_) {
    const Node& n = st_.nodes[w];
    const bool carried = at_[w] >= 0;
    any |= carried;
    const bool suits = std::ranges::any_of(n.reads, [&](const Read& r) {
      if (carried) return slides(n, r) && source_axis(r, cand.axis[at_[w]]) >= 0;
      return at_[r.source] >= 0 && same_axis(r, cand.axis[at_[r.source]]) >= n.parallel;
    });
    if (!suits) return false;
  }
  return any;
}

Score Carriers::score(int c) {
  const Candidate cand = candidate(c);
  std::vector<int> depth(cand.nodes.size(), 0);
  for (size_t i = 0; i < cand.nodes.size(); ++i)
    at_[cand.nodes[i]] = static_cast<int>(i);
  double hops = 0, others = 0, turns = 0;
  for (const Use& e : cand.edges) {
    const Node& n = st_.nodes[e.node];
    const int u = st_.read(e).source;
    const bool hop = is_hop(n.kind);
    int& own = depth[at_[e.node]];
    own = std::max(own, depth[at_[u]] + (hop ? 1 : 0));
    (hop ? hops : others) += 2.0 * static_cast<double>(st_.nodes[u].bytes());
    if (hop && st_.loop_of[e.node] >= 0 && st_.loop_of[e.node] == st_.loop_of[u]) {
      turns += static_cast<double>(product({n.extents.data(), n.loops.size()}));
    }
  }
  const bool images = are_images(cand);
  double alone = 0, shared = 0;
  for (size_t i = 0; i < cand.nodes.size(); ++i) {
    const int v = cand.nodes[i];
    const auto label = cand.label(i);
    at_[v] = -1;
    alone += st_.time(v);
    shared += st_.shared_time(v, label);
    if (st_.nodes[v].kind != NodeKind::Product) continue;
    for (const Read& r : st_.nodes[v].reads) {
      const bool cut = std::ranges::any_of(r.spans, [&](const Span& s) {
        return std::ranges::any_of(label, [&](int a) { return uses(s.index, a); });
      });
      // Every worker reads it whole.
      if (!cut) others -= 2.0 * static_cast<double>(st_.nodes[r.source].bytes());
    }
  }
  const double workers = st_.options.workers;
  const int deepest = depth.empty() ? 0 : *std::ranges::max_element(depth);
  const double gain =
      st_.options.barrier * (turns + deepest) + (hops + 0.001 * others) / nominal::kFar / workers;
  // What few images lose in parallelism they gain by filling the lanes.
  const double lost = images ? 0 : shared - alone / workers;
  return {gain - lost, alone > shared + st_.options.barrier};
}

std::vector<int> Carriers::commit(int c) {
  const Candidate whole = candidate(c);
  for (int v : whole.nodes)
    st_.labelled[v] = 1;
  for (const Candidate& piece : components(c, whole)) {
    double alone = 0, shared = 0;
    for (size_t i = 0; i < piece.nodes.size(); ++i) {
      alone += st_.time(piece.nodes[i]);
      shared += st_.shared_time(piece.nodes[i], piece.label(i));
    }
    // A piece that is not worth a barrier stays uniform: every worker computes it.
    if (alone <= shared + st_.options.barrier) continue;
    for (size_t i = 0; i < piece.nodes.size(); ++i) {
      const auto label = piece.label(i);
      st_.label[piece.nodes[i]].assign(label.begin(), label.end());
    }
  }
  return whole.nodes;
}

/// What the class consists of where nothing inside it connects it, each with a label of its own: a
/// weight and a bias share the axis of outputs, but the weight can be cut along its inputs too.
std::vector<Candidate> Carriers::components(int c, const Candidate& whole) {
  UnionFind joined(whole.nodes.size());
  for (size_t i = 0; i < whole.nodes.size(); ++i)
    at_[whole.nodes[i]] = static_cast<int>(i);
  for (const Use& e : whole.edges)
    joined.join(at_[st_.read(e).source], at_[e.node]);
  std::map<int, Candidate> pieces;
  for (size_t i = 0; i < whole.nodes.size(); ++i) {
    Candidate& piece = pieces[joined.find(static_cast<int>(i))];
    piece.nodes.push_back(whole.nodes[i]);
    piece.axis.push_back(whole.axis[i]);
  }
  for (const Use& e : whole.edges)
    pieces[joined.find(at_[e.node])].edges.push_back(e);
  std::vector<Candidate> result;
  for (auto& [root, piece] : pieces) {
    cover(c, piece);
    result.push_back(std::move(piece));
  }
  for (int v : whole.nodes)
    at_[v] = -1;
  return result;
}

void Carriers::choose() {
  struct Entry {
    double gain;
    int c;
    bool operator<(const Entry& o) const { return gain != o.gain ? gain < o.gain : c > o.c; }
  };
  std::vector<Score> best(class_.size());
  std::vector<char> open(class_.size(), 0);
  std::priority_queue<Entry> queue;
  const auto rescore = [&](int c) {
    best[c] = score(c);
    queue.push({best[c].gain, c});
  };
  for (size_t c = 0; c < class_.size(); ++c) {
    if (members_[c].empty()) continue;
    open[c] = 1;
    rescore(static_cast<int>(c));
  }
  while (!queue.empty()) {
    const auto [gain, c] = queue.top();
    queue.pop();
    if (!open[c] || best[c].gain != gain || !best[c].worth || is_empty(c)) continue;
    open[c] = 0;
    const auto taken = commit(c);
    std::set<int> touched;
    for (int v : taken) {
      const AxisRange range = free_axes(st_, v);
      for (int a = range.begin; a < range.end; ++a)
        touched.insert(class_of(v, a));
    }
    for (int k : touched) {
      if (open[k] && !is_empty(k)) rescore(k);
    }
    std::vector<int> shared;
    for (int v : taken) {
      if (!st_.label[v].empty()) shared.push_back(v);
    }
    split_reductions(st_, shared);
    at_.resize(st_.nodes.size(), -1);
  }
  std::ranges::fill(st_.labelled, 1);
}

}  // namespace

void choose_carriers(State& state) {
  Carriers(state).choose();
}

}  // namespace gradus::schedule
