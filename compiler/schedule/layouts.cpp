// Layouts: in which order the values of a region lie in memory, and with it which axis the vectors
// run along. The last part of the numeric plan, for sums that run along the vectors are dealt to 16
// lanes; it sees shapes and carriers only.
//
// Values are row-major and vectors run along the last axis, but for regions with convolutions and
// those that go on with their values: there the carrier (the images of a batch) is innermost. Every
// vector is then whole, whatever the number of channels, windows slide without gathering, and padding
// is a store inside a larger array.
#include <algorithm>
#include <map>
#include <numeric>

#include "compiler/schedule/state.h"

namespace gradus::schedule {

bool slides(const Node& n, const Read& r) {
  const auto reduced = [&](const auto& t) { return t.first >= n.parallel; };
  return std::ranges::any_of(r.spans, [&](const Span& s) {
    return std::ranges::any_of(s.index.terms, reduced) &&
           !std::ranges::all_of(s.index.terms, reduced);
  });
}

bool is_window(const Node& n) {
  return n.kind == NodeKind::Product &&
         std::ranges::any_of(n.reads, [&](const Read& r) { return slides(n, r); });
}

namespace {

/// Fewer images than this leave most lanes empty: then channels are better. Not where their
/// gradients are summed up: LeNet-5's step takes 173 us for 4 images in the lanes, 650 otherwise.
constexpr int64_t kLeastImages = 8, kLeastSummedImages = 2;

/// Whether the source's innermost dimension is reduced: then the lanes run along it.
bool reduces_innermost(const Node& n) {
  if (n.kind != NodeKind::Reduce || n.combine || n.reads.empty()) return false;
  const auto& spans = n.reads[0].spans;
  if (spans.empty() || spans.back().index.terms.empty()) return false;
  return spans.back().index.terms.back().first >= n.parallel;
}

std::vector<std::vector<int>>::iterator leaf_of(Region& region, int node) {
  return std::ranges::find_if(region.leaves, [&](const auto& nodes) {
    return std::ranges::find(nodes, node) != nodes.end();
  });
}

class Layouts {
 public:
  explicit Layouts(State& state) : st_(state) {}
  void choose_lanes();
  void copy_operands();

 private:
  bool suits_lanes(const Region& region) const;
  bool suits_lanes(int v, int64_t least) const;
  bool continues_lanes(int v) const;
  void find_whole_in_lanes();
  void copy_whole_operands(int region);
  void straighten_operands(int region);
  int straight_copy(int region, int v, const Read& read);
  int add_copy(int region, int u, std::vector<int> order);

  State& st_;
};

void Layouts::choose_lanes() {
  for (Region& region : st_.s.regions) {
    region.carrier_in_lanes = suits_lanes(region);
    for (int v : region.nodes) {
      Node& n = st_.nodes[v];
      if (region.carrier_in_lanes && !st_.label[v].empty()) {
        region.lane_block = st_.granule_of(n.extents[st_.label[v][0]]);
        n.lane_axis = n.part_axis;
      } else if (reduces_innermost(n)) {
        n.lane_axis = static_cast<int>(n.extents.size()) - 1;
      }
    }
  }
  find_whole_in_lanes();
}

void Layouts::copy_operands() {
  for (int r = 0; r < static_cast<int>(st_.s.regions.size()); ++r) {
    if (!st_.s.regions[r].carrier_in_lanes) continue;
    copy_whole_operands(r);
    straighten_operands(r);
  }
}

bool Layouts::suits_lanes(const Region& region) const {
  if (!region.shared) return false;
  const bool sums = std::ranges::any_of(
      region.nodes, [&](int v) { return st_.nodes[v].is_partial() && !st_.label[v].empty(); });
  const int64_t least = sums ? kLeastSummedImages : kLeastImages;
  bool wanted = false;
  for (int v : region.nodes) {
    if (st_.label[v].empty()) continue;
    wanted |= is_window(st_.nodes[v]) || continues_lanes(v);
    if (!suits_lanes(v, least)) return false;
  }
  return wanted;
}

/// Whether the node goes on along the carrier of a region before with the carrier in the lanes.
bool Layouts::continues_lanes(int v) const {
  if (st_.label[v].size() != 1) return false;
  return std::ranges::any_of(st_.nodes[v].reads, [&](const Read& r) {
    const int from = st_.s.region_of[r.source];
    if (from < 0 || !st_.s.regions[from].carrier_in_lanes) return false;
    return st_.label[r.source].size() == 1 &&
           source_axis(r, st_.label[v][0]) == st_.label[r.source][0];
  });
}

/// Values between regions with the carrier in the lanes stay as they lie.
void Layouts::find_whole_in_lanes() {
  for (int u = 0; u < st_.size(); ++u) {
    Node& n = st_.nodes[u];
    const int region = st_.s.region_of[u];
    const bool stays = region >= 0 && st_.s.regions[region].carrier_in_lanes && st_.s.stored[u] &&
                       !n.out && !n.is_partial() && st_.label[u].size() == 1;
    if (stays) n.lane_block = st_.s.regions[region].lane_block;
  }
  for (int v = 0; v < st_.size(); ++v) {
    const int region = st_.s.region_of[v];
    const bool in_lanes = region >= 0 && st_.s.regions[region].carrier_in_lanes;
    for (const Read& r : st_.nodes[v].reads) {
      Node& source = st_.nodes[r.source];
      if (source.lane_block == 0) continue;
      const bool goes_on = in_lanes && st_.label[v].size() == 1 &&
                           source_axis(r, st_.label[v][0]) == st_.label[r.source][0];
      if (!goes_on) source.lane_block = 0;
    }
  }
}

/// Whether vectors of the node can run along the carrier, which has so many points at least.
bool Layouts::suits_lanes(int v, int64_t least) const {
  const Node& n = st_.nodes[v];
  if (st_.label[v].size() != 1 || n.kind == NodeKind::Scatter) return false;
  const int carrier = st_.label[v][0];
  if (n.extents[carrier] < least) return false;
  // A sum over the carrier comes in parts.
  if (carrier >= n.parallel && n.part_axis != carrier) return false;
  if (n.kind != NodeKind::Product) return true;
  int along = 0;  // operands that vary along the carrier
  for (const Operand& o : n.operands) {
    if (o.kind != Operand::Kind::Read) return false;
    const Read& r = n.reads[o.read];
    for (const Span& s : r.spans) {
      if (!uses(s.index, carrier)) continue;
      if (!is_axis(s.index, carrier) || s.hi != s.lo + 1) return false;
      ++along;
    }
    for (const Guard& g : r.guards) {
      if (uses(g.index, carrier)) return false;
    }
  }
  return along == (carrier >= n.parallel ? 2 : 1);
}

/// A copy of u, a node of the region, whose axis k is u's axis order[k].
int Layouts::add_copy(int region, int u, std::vector<int> order) {
  const Node& source = st_.nodes[u];
  Node copy{.kind = NodeKind::Elementwise, .origin = source.origin, .dtype = source.dtype};
  copy.parallel = source.parallel;
  Read whole{.source = u};
  for (int a = 0; a < source.parallel; ++a) {
    const auto at = static_cast<int>(std::ranges::find(order, a) - order.begin());
    copy.extents.push_back(source.extents[order[a]]);
    whole.spans.push_back({.lo = a, .hi = a + 1, .index = axis_index(at)});
    whole.same.emplace_back(a, at);
  }
  copy.reads = {std::move(whole)};
  copy.operands = {{.kind = Operand::Kind::Read, .read = 0, .dtype = source.dtype}};
  const int number = st_.add(std::move(copy));
  st_.phase[number] = st_.s.regions[region].phase;
  st_.s.stored.push_back(0);
  st_.s.region_of.push_back(region);
  return number;
}

/// Operands of products that come from outside, and vary along the carrier, become values of the
/// region: copied, which turns them, unless they lie in blocks and need no padding.
void Layouts::copy_whole_operands(int number) {
  std::map<std::pair<int, int>, int> copies;  // by node and its axis that is the carrier
  const auto nodes = st_.s.regions[number].nodes;
  for (int v : nodes) {
    if (st_.nodes[v].kind != NodeKind::Product || st_.label[v].empty()) continue;
    for (size_t i = 0; i < st_.nodes[v].reads.size(); ++i) {
      const int u = st_.nodes[v].reads[i].source;
      if (st_.s.region_of[u] == number && !st_.s.stored[u]) continue;
      const Read& read = st_.nodes[v].reads[i];
      const int axis = source_axis(read, st_.label[v][0]);
      if (axis < 0 || (st_.nodes[u].lane_block > 0 && read.guards.empty())) continue;
      auto [it, fresh] = copies.try_emplace({u, axis}, -1);
      if (fresh) {
        std::vector<int> order(static_cast<size_t>(st_.nodes[u].parallel));
        std::iota(order.begin(), order.end(), 0);
        it->second = add_copy(number, u, std::move(order));
        st_.label[it->second] = {axis};
      }
      st_.nodes[v].reads[i].source = it->second;
    }
  }
  // Behind what they copy, in front of who reads them.
  Region& region = st_.s.regions[number];
  for (auto [from, copy] : copies) {
    const int u = from.first;
    const auto after = std::ranges::find(region.nodes, u);
    region.nodes.insert(after == region.nodes.end() ? region.nodes.begin() : after + 1, copy);
    const auto leaf = leaf_of(region, u);
    region.leaves.insert(leaf == region.leaves.end() ? region.leaves.begin() : leaf + 1, {copy});
  }
}

/// For every axis of a permuted copy's source the axis of the copy; empty if it is none.
std::vector<int> permutation_of(const Node& copy, const Node& source) {
  const bool is_copy = copy.kind == NodeKind::Elementwise && !copy.op && copy.reads.size() == 1;
  if (!is_copy || !copy.reads[0].guards.empty() || copy.parallel != source.parallel) return {};
  std::vector<int> to(static_cast<size_t>(source.parallel), -1);
  for (auto [from, at] : copy.reads[0].same)
    to[from] = at;
  for (int a = 0; a < source.parallel; ++a) {
    if (std::ranges::find(to, a) == to.end()) return {};
  }
  return to;
}

/// The read of a source by way of its permuted copy.
Read by_way_of(int copy, std::span<const int> to, const Read& r) {
  Read turned = r;
  turned.source = copy;
  turned.spans.resize(to.size());
  for (const Span& s : r.spans) {
    turned.spans[to[s.lo]] = {.lo = to[s.lo], .hi = to[s.lo] + 1, .index = s.index};
  }
  for (auto& [from, at] : turned.same)
    from = to[from];
  std::ranges::sort(turned.same);
  return turned;
}

/// Sums over positions of images walk them in one order, that of the sum, which then is one loop: an
/// operand that lies in another order (as a pool's gradient does) is stored in this one.
void Layouts::straighten_operands(int number) {
  const auto nodes = st_.s.regions[number].nodes;
  for (int v : nodes) {
    if (st_.nodes[v].kind != NodeKind::Product || st_.label[v].empty()) continue;
    if (!st_.nodes[v].is_partial()) continue;
    for (size_t i = 0; i < st_.nodes[v].reads.size(); ++i) {
      const Read read = st_.nodes[v].reads[i];
      const int copy = straight_copy(number, v, read);
      if (copy < 0) continue;
      const auto to = permutation_of(st_.nodes[copy], st_.nodes[read.source]);
      st_.nodes[v].reads[i] = by_way_of(copy, to, read);
    }
  }
}

/// A copy of what v reads with the axes in the order in which v reduces them; -1: none is needed.
int Layouts::straight_copy(int number, int v, const Read& read) {
  const int u = read.source;
  const Node &source = st_.nodes[u], &reader = st_.nodes[v];
  if (st_.s.region_of[u] != number || st_.s.stored[u] || st_.label[u].size() != 1) return -1;
  if (!read.guards.empty() || read.spans.size() != static_cast<size_t>(source.parallel)) return -1;
  std::vector<int> at;  // the reader's axis for each of the source's
  for (const Span& s : read.spans) {
    if (s.data || s.hi != s.lo + 1 || s.index.terms.size() != 1) return -1;
    if (!is_axis(s.index, s.index.terms[0].first)) return -1;
    at.push_back(s.index.terms[0].first);
  }
  std::vector<int> order(at.size());
  std::iota(order.begin(), order.end(), 0);
  std::vector<int> inner;  // reduced axes
  for (int a : at) {
    if (a >= reader.parallel && a != reader.part_axis) inner.push_back(a);
  }
  if (std::ranges::is_sorted(inner)) return -1;
  for (int w : st_.s.regions[number].nodes) {
    const Node& n = st_.nodes[w];
    if (n.reads.size() != 1 || n.reads[0].source != u || st_.s.stored[w]) continue;
    const auto to = permutation_of(n, source);
    if (to.empty()) continue;
    std::vector<int> of(to.size());
    for (size_t a = 0; a < to.size(); ++a)
      of[to[a]] = at[a];
    std::erase_if(of, [&](int a) { return a < reader.parallel || a == reader.part_axis; });
    if (std::ranges::is_sorted(of)) return w;
  }
  // The carrier, the sum's other axes, then those of the result.
  const auto rank = [&](int a) {
    return at[a] == reader.part_axis ? -1 : at[a] >= reader.parallel ? at[a] : at[a] + 1000;
  };
  std::ranges::stable_sort(order, {}, rank);
  const int label = st_.label[u][0];
  const int copy = add_copy(number, u, order);
  st_.label[copy] = {static_cast<int>(std::ranges::find(order, label) - order.begin())};
  Region& region = st_.s.regions[number];
  region.nodes.insert(std::ranges::find(region.nodes, u) + 1, copy);
  auto leaf = leaf_of(region, u);
  leaf->insert(std::ranges::find(*leaf, u) + 1, copy);
  return copy;
}

}  // namespace

void choose_lanes(State& state) {
  Layouts(state).choose_lanes();
}

void copy_operands(State& state) {
  Layouts(state).copy_operands();
}

}  // namespace gradus::schedule
