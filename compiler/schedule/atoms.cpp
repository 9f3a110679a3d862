#include "compiler/schedule/atoms.h"

#include <algorithm>
#include <map>

namespace gradus::schedule {

using ir::NodeId;
using ir::Value;

bool is_identity(const ops::DimIndex& index, std::span<const int64_t> axes, int64_t extent) {
  return !index.data && index.constant == 0 && index.terms.size() == 1 &&
         index.terms[0].second == 1 && axes[index.terms[0].first] == extent;
}

namespace {

/// Each divides the next.
bool is_chain(const std::vector<int64_t>& ascending) {
  for (size_t i = 1; i < ascending.size(); ++i) {
    if (ascending[i] % ascending[i - 1] != 0) return false;
  }
  return true;
}

}  // namespace

Atoms::Atoms(const ir::Graph& graph, const std::vector<ops::Space>& spaces,
             const std::vector<char>& regroups, const std::vector<char>& aliases)
    : graph_(graph), dims_(graph.num_values()), axes_(graph.size()) {
  for (NodeId n = 0; n < graph.size(); ++n) {
    for (uint32_t i = 0; i < graph.results(n); ++i) {
      const Shape& shape = graph.type({n, i}).shape;
      dims_[graph.value_index({n, i})] = static_cast<int>(extent_.size());
      extent_.insert(extent_.end(), shape.begin(), shape.end());
    }
    axes_[n] = static_cast<int>(extent_.size());
    extent_.insert(extent_.end(), spaces[n].extents.begin(), spaces[n].extents.end());
  }
  classes_ = UnionFind(extent_.size());
  std::vector<Regroup> reshapes;
  for (NodeId n = 0; n < graph.size(); ++n) {
    const auto operands = graph.operands(n);
    if (regroups[n]) {
      if (graph.type({n, 0}).elements() > 0) reshapes.push_back({keys(operands[0]), keys({n, 0})});
      continue;
    }
    for (uint32_t i = 0; aliases[n] && i < graph.results(n); ++i) {
      const auto in = keys(operands[i]), out = keys({n, i});
      for (size_t d = 0; d < in.size(); ++d)
        link(in[d], out[d]);
    }
    const ops::Space& space = spaces[n];
    for (uint32_t i = 0; i < graph.results(n); ++i) {
      const int dim = dims_[graph.value_index({n, i})];
      for (int a = 0; a < space.parallel; ++a)
        link(dim + a, axes_[n] + a);
    }
    for (size_t o = 0; o < space.operands.size(); ++o) {
      const int dim = dims_[graph.value_index(operands[o])];
      for (size_t d = 0; d < space.operands[o].size(); ++d) {
        const ops::DimIndex& index = space.operands[o][d];
        const int key = dim + static_cast<int>(d);
        if (is_identity(index, space.extents, extent_[key])) {
          link(key, axes_[n] + index.terms[0].first);
        }
      }
    }
  }
  cuts_.resize(extent_.size());
  // Sweeps alternate, so that cuts cross a chain of reshapes in either direction at once.
  for (bool changed = true; changed;) {
    changed = false;
    for (const Regroup& r : reshapes)
      changed |= refine(r);
    std::ranges::reverse(reshapes);
  }
}

std::vector<int> Atoms::keys(Value v) const {
  std::vector<int> result(graph_.type(v).rank());
  std::iota(result.begin(), result.end(), dims_[graph_.value_index(v)]);
  return result;
}

void Atoms::link(int a, int b) {
  if (extent_[a] == extent_[b]) classes_.join(a, b);
}

std::vector<int64_t> Atoms::of_dim(Value v, int d) const {
  return of(dims_[graph_.value_index(v)] + d);
}

std::vector<int64_t> Atoms::of_axis(NodeId n, int axis) const {
  return of(axes_[n] + axis);
}

std::vector<int64_t> Atoms::of(int key) const {
  if (extent_[key] == 0) return {0};
  if (extent_[key] == 1) return {};
  std::vector<int64_t> factors;
  int64_t outer = extent_[key];
  const auto& cuts = cuts_[classes_.find(key)];
  for (size_t i = cuts.size(); i-- > 0;) {
    factors.push_back(outer / cuts[i]);
    outer = cuts[i];
  }
  factors.push_back(outer);
  return factors;
}

bool Atoms::refine(const Regroup& regroup) {
  std::vector<int64_t> marks{1};
  for (const auto* keys : {&regroup.in, &regroup.out}) {
    int64_t base = 1;
    for (size_t i = keys->size(); i-- > 0;) {
      const int key = (*keys)[i];
      for (int64_t c : cuts_[classes_.find(key)])
        marks.push_back(base * c);
      base *= extent_[key];
      marks.push_back(base);
    }
  }
  std::ranges::sort(marks);
  marks.erase(std::ranges::unique(marks).begin(), marks.end());
  if (!is_chain(marks)) return false;
  // Both sides may have dimensions of one class, whose cuts must then agree as well.
  std::map<int, std::vector<int64_t>> refined;
  for (const auto* keys : {&regroup.in, &regroup.out}) {
    int64_t base = 1;
    for (size_t i = keys->size(); i-- > 0;) {
      const int root = classes_.find((*keys)[i]);
      auto& cuts = refined.try_emplace(root, cuts_[root]).first->second;
      const int64_t top = base * extent_[(*keys)[i]];
      for (int64_t m : marks) {
        if (m > base && m < top) cuts.push_back(m / base);
      }
      base = top;
    }
  }
  bool changed = false;
  for (auto& [root, cuts] : refined) {
    std::ranges::sort(cuts);
    cuts.erase(std::ranges::unique(cuts).begin(), cuts.end());
    if (!is_chain(cuts)) return false;
  }
  for (auto& [root, cuts] : refined) {
    changed |= cuts.size() != cuts_[root].size();
    cuts_[root] = std::move(cuts);
  }
  return changed;
}

}  // namespace gradus::schedule
