#include "compiler/schedule/leaf_split.h"

#include <algorithm>
#include <unordered_map>

namespace gradus::schedule {
namespace {

/// The read is of the same point on every axis, wherever the reader stands.
bool is_pointwise(const Node& reader, const Node& source, const Read& r) {
  if (!r.guards.empty() || reader.parallel != source.parallel ||
      r.same.size() != static_cast<size_t>(source.parallel)) {
    return false;
  }
  return std::ranges::all_of(r.same, [](auto s) { return s.first == s.second; });
}

/// Whether the results' axes are the same, one by one.
bool has_points(const Node& a, const Node& b) {
  return a.parallel == b.parallel &&
         std::equal(a.extents.begin(), a.extents.begin() + a.parallel, b.extents.begin());
}

/// Parts are numbered so that every read goes to a lower or an equal number: no cycles. Part 0
/// holds what depends on nothing in the leaf and is not read point by point.
class Splitter {
 public:
  Splitter(const State& state, const std::vector<int>& leaf)
      : state_(state), nodes_(state.nodes), leaf_(leaf) {
    for (int v : leaf) {
      part_of_[v] = kFree;
      for (const Read& r : nodes_[v].reads)
        readers_[r.source].push_back({v, &r});
    }
  }

  std::vector<std::vector<int>> run() {
    for (int v : leaf_)
      place(v);
    for (size_t i = leaf_.size(); i-- > 0;) {
      if (part_of_[leaf_[i]] == kFree) place_free(leaf_[i]);
    }
    std::vector<std::vector<int>> result(parts_.size());
    for (int v : leaf_)
      result[part_of_[v]].push_back(v);
    std::erase_if(result, [](const auto& part) { return part.empty(); });
    return result;
  }

 private:
  static constexpr int kFree = -1, kNone = -1;

  bool opens(int v) const {
    return nodes_[v].kind == NodeKind::Product || nodes_[v].kind == NodeKind::Scatter;
  }
  int add_part(int anchor) {
    parts_.push_back({anchor, kNone});
    return static_cast<int>(parts_.size()) - 1;
  }
  bool is_in(int v, int part) const {
    const auto it = part_of_.find(v);
    return it != part_of_.end() && it->second == part;
  }
  /// Whether v may be computed in the part's loops over its product's points, or over the points of
  /// the windows that it reduces.
  bool is_epilogue(int v, int part) const {
    const Node &n = nodes_[v], &p = nodes_[parts_[part].anchor];
    if (n.kind != NodeKind::Elementwise || p.kind != NodeKind::Product || p.is_partial()) {
      return false;
    }
    return std::ranges::all_of(n.reads, [&](const Read& r) {
      return !is_in(r.source, part) ||
             (has_points(n, nodes_[r.source]) && is_pointwise(n, nodes_[r.source], r));
    });
  }
  /// Whether v reduces windows that do not overlap, so small that a tile of the product covers them:
  /// with the carrier in the lanes, of axes that only the operand in the lanes has.
  bool reduces_window(int v, int part) const;

  void place(int v) {
    int last = kNone;
    for (const Read& r : nodes_[v].reads) {
      const auto it = part_of_.find(r.source);
      if (it != part_of_.end() && !r.back) last = std::max(last, it->second);
    }
    if (opens(v)) {
      part_of_[v] = add_part(v);
      return;
    }
    if (last == kNone && nodes_[v].kind == NodeKind::Elementwise) return;  // free: see its readers
    if (last != kNone && (parts_[last].anchor == kNone || is_epilogue(v, last))) {
      part_of_[v] = last;
      return;
    }
    if (last != kNone && reduces_window(v, last)) {
      part_of_[v] = last;
      parts_[last].window = v;
      return;
    }
    if (rest_ <= last || rest_ == kNone) rest_ = add_part(kNone);
    part_of_[v] = rest_;
  }

  /// Goes to its first reader; to part 0 where it has none or is not at the product's points.
  void place_free(int v) {
    int first = static_cast<int>(parts_.size());
    const auto& readers = readers_[v];
    for (const auto& [w, r] : readers)
      first = std::min(first, part_of_[w]);
    if (readers.empty()) first = 0;
    part_of_[v] = first;
    const int anchor = parts_[first].anchor;
    if (anchor == kNone) return;
    for (const auto& [w, r] : readers) {
      if (part_of_[w] != first) continue;
      const bool operand = w == anchor && nodes_[w].kind == NodeKind::Product;
      const bool pointwise = w != anchor && is_pointwise(nodes_[w], nodes_[v], *r);
      if (!operand && !pointwise) part_of_[v] = 0;
    }
  }

  struct Part {
    int anchor;  // product or scatter
    int window;  // a reduction of the product's windows
  };

  const State& state_;
  const std::vector<Node>& nodes_;
  const std::vector<int>& leaf_;
  std::unordered_map<int, int> part_of_;
  std::unordered_map<int, std::vector<std::pair<int, const Read*>>> readers_;
  std::vector<Part> parts_{{kNone, kNone}};
  int rest_ = kNone;  // the last part without an anchor
};

bool Splitter::reduces_window(int v, int part) const {
  const int anchor = parts_[part].anchor, window = parts_[part].window;
  const Node &n = nodes_[v], &p = nodes_[anchor];
  if (n.kind != NodeKind::Reduce || n.combine || n.is_partial() || n.lane_axis >= 0) return false;
  if (p.kind != NodeKind::Product || n.reads.size() != 1) return false;
  const bool in_lanes = state_.s.regions[state_.s.region_of[anchor]].carrier_in_lanes;
  const auto& label = state_.label[anchor];
  if (!in_lanes || label.size() != 1 || label[0] >= p.parallel) return false;
  const Read& r = n.reads[0];
  if (!is_in(r.source, part) || !has_points(nodes_[r.source], p) || !r.guards.empty()) return false;
  if (window >= 0) {
    const Node& other = nodes_[window];
    if (other.extents != n.extents || other.reads[0].spans != r.spans) return false;
  }
  // All axes of the product, each as it is.
  std::vector<int> of(n.extents.size(), -1);
  for (auto [from, to] : r.same)
    of[to] = from;
  if (r.same.size() != static_cast<size_t>(p.parallel) || r.same.size() != of.size()) return false;
  if (std::ranges::find(of, -1) != of.end()) return false;
  const auto reduced = std::span(of).subspan(static_cast<size_t>(n.parallel));
  const auto varies = [&](int axis, bool lanes) {
    return std::ranges::any_of(p.reads, [&](const Read& q) {
      const auto is_used = [&](int a) {
        return std::ranges::any_of(q.spans, [&](const Span& s) { return uses(s.index, a); });
      };
      return is_used(label[0]) == lanes && is_used(axis);
    });
  };
  int64_t points = 1;
  for (int a : reduced) {
    points *= p.extents[a];
    if (a == label[0] || !varies(a, true) || varies(a, false)) return false;
  }
  return points <= nominal::kWindow && std::ranges::is_sorted(reduced);
}

}  // namespace

std::vector<std::vector<int>> split_leaf(const State& state, const std::vector<int>& leaf) {
  const bool any = std::ranges::any_of(leaf, [&](int v) {
    const NodeKind kind = state.nodes[v].kind;
    return kind == NodeKind::Product || kind == NodeKind::Scatter;
  });
  if (!any) return {leaf};
  return Splitter(state, leaf).run();
}

}  // namespace gradus::schedule
