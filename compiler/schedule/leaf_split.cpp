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

/// Parts are numbered so that every read goes to a lower or an equal number: no cycles. Part 0
/// holds what depends on nothing in the leaf and is not read point by point.
class Splitter {
 public:
  Splitter(const std::vector<Node>& nodes, const std::vector<int>& leaf)
      : nodes_(nodes), leaf_(leaf) {
    for (int v : leaf) {
      part_of_[v] = kFree;
      for (const Read& r : nodes[v].reads)
        readers_[r.source].push_back({v, &r});
    }
  }

  std::vector<std::vector<int>> run() {
    for (int v : leaf_)
      place(v);
    for (size_t i = leaf_.size(); i-- > 0;) {
      if (part_of_[leaf_[i]] == kFree) place_free(leaf_[i]);
    }
    std::vector<std::vector<int>> result(anchor_.size());
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
    anchor_.push_back(anchor);
    return static_cast<int>(anchor_.size()) - 1;
  }
  /// Whether v may be computed in the part's loops over its product's points.
  bool is_epilogue(int v, int part) const {
    const Node &n = nodes_[v], &p = nodes_[anchor_[part]];
    if (n.kind != NodeKind::Elementwise || p.kind != NodeKind::Product || p.is_partial())
      return false;
    if (n.parallel != p.parallel ||
        !std::equal(n.extents.begin(), n.extents.end(), p.extents.begin())) {
      return false;
    }
    return std::ranges::all_of(n.reads, [&](const Read& r) {
      const auto it = part_of_.find(r.source);
      return it == part_of_.end() || it->second != part || is_pointwise(n, nodes_[r.source], r);
    });
  }

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
    if (last != kNone && (anchor_[last] == kNone || is_epilogue(v, last))) {
      part_of_[v] = last;
      return;
    }
    if (rest_ <= last || rest_ == kNone) rest_ = add_part(kNone);
    part_of_[v] = rest_;
  }

  /// Goes to its first reader; to part 0 where it has none or is not at the product's points.
  void place_free(int v) {
    int first = static_cast<int>(anchor_.size());
    const auto& readers = readers_[v];
    for (const auto& [w, r] : readers)
      first = std::min(first, part_of_[w]);
    if (readers.empty()) first = 0;
    part_of_[v] = first;
    const int anchor = anchor_[first];
    if (anchor == kNone) return;
    for (const auto& [w, r] : readers) {
      if (part_of_[w] != first) continue;
      const bool operand = w == anchor && nodes_[w].kind == NodeKind::Product;
      const bool pointwise = w != anchor && is_pointwise(nodes_[w], nodes_[v], *r);
      if (!operand && !pointwise) part_of_[v] = 0;
    }
  }

  const std::vector<Node>& nodes_;
  const std::vector<int>& leaf_;
  std::unordered_map<int, int> part_of_;
  std::unordered_map<int, std::vector<std::pair<int, const Read*>>> readers_;
  std::vector<int> anchor_{kNone};  // product or scatter of each part
  int rest_ = kNone;                // the last part without one
};

}  // namespace

std::vector<std::vector<int>> split_leaf(const std::vector<Node>& nodes,
                                         const std::vector<int>& leaf) {
  const bool any = std::ranges::any_of(leaf, [&](int v) {
    return nodes[v].kind == NodeKind::Product || nodes[v].kind == NodeKind::Scatter;
  });
  if (!any) return {leaf};
  return Splitter(nodes, leaf).run();
}

}  // namespace gradus::schedule
