// Layouts: in which order the values of a region lie in memory, and with it which axis the vectors
// run along. The last part of the numeric plan, for sums that run along the vectors are dealt to 16
// lanes; it sees shapes and carriers only.
//
// Values are row-major and vectors run along the last axis, but for regions with convolutions: there
// the carrier (the images of a batch) is innermost. Every vector is then whole, whatever the number
// of channels, windows slide without gathering, and padding is a store inside a larger array.
#include <algorithm>
#include <map>

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

/// Fewer images than this leave most lanes empty: then channels are better.
constexpr int64_t kLeastImages = 8;

/// Whether the source's innermost dimension is reduced: then the lanes run along it.
bool reduces_innermost(const Node& n) {
  if (n.kind != NodeKind::Reduce || n.combine || n.reads.empty()) return false;
  const auto& spans = n.reads[0].spans;
  if (spans.empty() || spans.back().index.terms.empty()) return false;
  return spans.back().index.terms.back().first >= n.parallel;
}

class Layouts {
 public:
  explicit Layouts(State& state) : st_(state) {}
  void run();

 private:
  bool suits_lanes(const Region& region) const;
  bool suits_lanes(int v) const;
  void copy_whole_operands(int region);

  State& st_;
};

void Layouts::run() {
  for (int r = 0; r < static_cast<int>(st_.s.regions.size()); ++r) {
    Region& region = st_.s.regions[r];
    region.carrier_in_lanes = suits_lanes(region);
    if (region.carrier_in_lanes) copy_whole_operands(r);
    for (int v : st_.s.regions[r].nodes) {
      Node& n = st_.nodes[v];
      const bool labelled = !st_.label[v].empty();
      if (st_.s.regions[r].carrier_in_lanes && labelled) {
        n.lane_axis = n.part_axis;
      } else if (reduces_innermost(n)) {
        n.lane_axis = static_cast<int>(n.extents.size()) - 1;
      }
    }
  }
}

bool Layouts::suits_lanes(const Region& region) const {
  if (!region.shared) return false;
  double work = 0, windows = 0;
  for (int v : region.nodes) {
    const Node& n = st_.nodes[v];
    work += n.work;
    if (is_window(n)) windows += n.work;
    if (!st_.label[v].empty() && !suits_lanes(v)) return false;
  }
  return 2 * windows > work;
}

/// Whether vectors of the node can run along the carrier.
bool Layouts::suits_lanes(int v) const {
  const Node& n = st_.nodes[v];
  if (st_.label[v].size() != 1 || n.kind == NodeKind::Scatter) return false;
  const int carrier = st_.label[v][0];
  if (n.extents[carrier] < kLeastImages) return false;
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

/// Operands of products that come from outside, and vary along the carrier, become values of the
/// region: copied, which turns them.
void Layouts::copy_whole_operands(int number) {
  std::map<int, int> copies;
  const auto nodes = st_.s.regions[number].nodes;
  for (int v : nodes) {
    if (st_.nodes[v].kind != NodeKind::Product || st_.label[v].empty()) continue;
    for (size_t i = 0; i < st_.nodes[v].reads.size(); ++i) {
      const int u = st_.nodes[v].reads[i].source;
      if (st_.s.region_of[u] == number && !st_.s.stored[u]) continue;
      int axis = -1;
      for (auto [from, to] : st_.nodes[v].reads[i].same) {
        if (to == st_.label[v][0]) axis = from;
      }
      if (axis < 0) continue;
      auto [it, fresh] = copies.try_emplace(u, -1);
      if (fresh) {
        const Node& source = st_.nodes[u];
        Node copy{.kind = NodeKind::Elementwise, .origin = source.origin, .dtype = source.dtype};
        copy.parallel = source.parallel;
        copy.extents.assign(source.extents.begin(), source.extents.begin() + source.parallel);
        Read whole{.source = u};
        for (int a = 0; a < source.parallel; ++a) {
          whole.spans.push_back({.lo = a, .hi = a + 1, .index = axis_index(a)});
          whole.same.emplace_back(a, a);
        }
        copy.reads = {std::move(whole)};
        copy.operands = {{.kind = Operand::Kind::Read, .read = 0, .dtype = source.dtype}};
        it->second = st_.add(std::move(copy));
        st_.label[it->second] = {axis};
        st_.phase[it->second] = st_.s.regions[number].phase;
        st_.s.stored.push_back(0);
        st_.s.region_of.push_back(number);
      }
      st_.nodes[v].reads[i].source = it->second;
    }
  }
  // Behind what they copy, in front of who reads them.
  Region& region = st_.s.regions[number];
  for (auto [u, copy] : copies) {
    const auto after = std::ranges::find(region.nodes, u);
    region.nodes.insert(after == region.nodes.end() ? region.nodes.begin() : after + 1, copy);
    const auto leaf = std::ranges::find_if(region.leaves, [&](const auto& nodes) {
      return std::ranges::find(nodes, u) != nodes.end();
    });
    region.leaves.insert(leaf == region.leaves.end() ? region.leaves.begin() : leaf + 1, {copy});
  }
}

}  // namespace

void lay_out(State& state) {
  Layouts(state).run();
}

}  // namespace gradus::schedule
