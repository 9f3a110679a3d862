// Nests whose lanes run along the carrier (the images of a batch) or along a reduced axis.
#include <algorithm>

#include "compiler/loop/nest_lowering.h"
#include "runtime/error.h"

namespace gradus::loop {
namespace {

/// Sums that run side by side.
constexpr int64_t kChains = 12;
/// Bytes that stay near while they are read several times; and results with 16 lanes each that do
/// beside them.
constexpr int64_t kNearBytes = 512 << 10, kMostResults = 512;

}  // namespace

/// Whether memory without room for dead lanes is read or written by lane.
bool NestLowering::touches_without_room() const {
  return std::ranges::any_of(stored_, [&](const auto& s) { return !context_.has_room(s.first); }) ||
         leaf_->loads_without_room(*element_, carrier_);
}

/// Blocks of the carrier outermost, so that a block of all values stays near.
std::vector<Stmt> NestLowering::lanes_over_carrier() {
  Kernel& k = leaf_->kernel();
  GRADUS_CHECK(carrier_ >= 0 && !granule_);
  leaf_->leaf().granule = kCanonicalLanes;
  lanes_ = std::min(lanes_, kCanonicalLanes);
  lane_ = k.add_variable("l", LoopKind::Vector, lanes_);
  std::erase(outer_, carrier_);
  const int b = k.add_variable("block", LoopKind::Serial);
  const Index lane = plus(variable(b, lanes_), variable(lane_));
  leaf_->set_axis(carrier_, lane);
  std::optional<Limit> limit;
  if (touches_without_room()) {
    const int n = leaf_->carrier_points();
    limit = Limit{lane, {1, n}};
  }
  const int64_t unroll = outer_.empty() ? 1 : unrolled_points(outer_.back(), 4);
  const int u = k.add_variable("u", LoopKind::Unroll, unroll);
  std::vector<Stmt> body;
  if (outer_.empty()) {
    body = block(u, limit);
  } else {
    const int last = outer_.back(), x = variables_[last];
    leaf_->set_axis(last, plus(variable(x, unroll), variable(u)));
    body = for_loop(x, leaf_->constant_arg(extents_[last] / unroll, "n", last), block(u, limit));
    body = outer_loops(outer_.size() - 1, std::move(body));
  }
  const int count = leaf_->carrier_blocks(lanes_);
  return for_loop(b, {1, count}, std::move(body));
}

/// The largest divisor of the axis' extent up to `most`; 1 for long programs.
int64_t NestLowering::unrolled_points(int leaf_axis, int64_t most) const {
  if (element_->program().nodes().size() > kShortProgram) return 1;
  while (extents_[leaf_axis] % most != 0)
    --most;
  return most;
}

/// Whether what the sums read does not stay near while they read it once for every few results.
bool NestLowering::reads_far(int64_t passes) const {
  if (passes < 2 || reduced_.size() < 3 || reductions_->has_pairs()) return false;
  int64_t bytes = 0, results = 1;
  std::set<int> sources;
  for (const ElementInput& in : element_->inputs()) {
    const bool by_lane =
        in.kind == ElementInput::Kind::Load && coefficient(in.position.index, granule_axis_) != 0;
    if (by_lane && sources.insert(in.position.node).second) bytes += node(in.position.node).bytes();
  }
  for (size_t i = 1; i < outer_.size(); ++i)
    results *= extents_[outer_[i]];
  const auto size = static_cast<int64_t>(reductions_->size());
  return bytes / extents_[split_] * granule_ > kNearBytes && results * size <= kMostResults;
}

/// Sums over the carrier, dealt to the lanes: every part, masked by what there is of the carrier.
/// Several results at once, for a chain waits for its sum at every step.
std::vector<Stmt> NestLowering::parts_over_carrier() {
  Kernel& k = leaf_->kernel();
  lanes_ = std::min(lanes_, kCanonicalLanes);
  const int part = k.add_variable("part", LoopKind::Serial);
  const bool one_block = granule_ == kCanonicalLanes;
  const int b = one_block ? -1 : k.add_variable("block", LoopKind::Reduce);
  const int u = k.add_variable("u", LoopKind::Unroll, kCanonicalLanes / lanes_);
  lane_ = k.add_variable("l", LoopKind::Vector, lanes_);
  const Index in_block = plus(variable(u, lanes_), variable(lane_));
  const Index lane = one_block ? in_block : plus(variable(b, kCanonicalLanes), in_block);
  leaf_->set_axis(part_axis_, variable(part));
  leaf_->set_axis(granule_axis_, lane);
  const Coefficient granule = leaf_->constant_arg(granule_, "granule");
  const int count = leaf_->carrier_points();
  const int last = outer_.size() > 1 ? outer_.back() : -1;  // the first is that of the parts
  const int64_t most = std::max<int64_t>(1, kChains / static_cast<int64_t>(reductions_->size()));
  const int64_t results = last < 0 ? 1 : unrolled_points(last, most);
  const int q = k.add_variable("q", LoopKind::Unroll, results);
  if (last >= 0) leaf_->set_axis(last, plus(variable(variables_[last], results), variable(q)));
  const auto in_lanes = [&](std::vector<Stmt> body, bool limited) {
    Stmt inner = make_for(lane_, {lanes_}, std::move(body));
    if (limited) {
      inner.limit = plus(lane, loop::scaled(variable(part), granule));
      inner.bound = {1, count};
    }
    body = for_loop(u, {k.variables[u].count}, body_of(std::move(inner)));
    return for_loop(q, {results}, std::move(body));
  };
  const auto over_results = [&](std::vector<Stmt> body) {
    if (last >= 0) {
      const Coefficient blocks = leaf_->constant_arg(extents_[last] / results, "n", last);
      body = for_loop(variables_[last], blocks, std::move(body));
    }
    return outer_loops(std::max<size_t>(outer_.size(), 2) - 1, std::move(body));
  };
  reductions_->declare({q, u, lane_});
  // Lanes are chains of their own: dead ones may run on, but in blocks that live ones run in too.
  const bool masked_after = one_block && !reductions_->has_pairs() &&
                            !leaf_->loads_without_room(*element_, granule_axis_);
  std::vector<Stmt> step = in_lanes(reductions_->accumulate(!masked_after), !masked_after);
  if (!one_block) {
    step = for_loop(b, leaf_->constant_arg(granule_ / kCanonicalLanes, "blocks", granule_axis_),
                    std::move(step));
  }
  const auto end = [&] {
    std::vector<Stmt> body;
    if (masked_after) {
      const auto [first, kept] = reductions_->renew({q, u, lane_});
      append(body, in_lanes(first, false));
      append(body, in_lanes(kept, true));
    }
    append(body, reductions_->reduce_lanes({q}));
    append(body, for_loop(q, {results}, stores({q})));
    return body;
  };
  std::vector<Stmt> body;
  if (reads_far(last < 0 ? 1 : extents_[last] / results)) {
    // Bands along the outermost reduced axis: results wait in memory for the next one.
    Index slot = in_block;
    int64_t stride = kCanonicalLanes;
    for (size_t i = outer_.size(); i-- > 1;) {
      const int a = outer_[i];
      slot = plus(std::move(slot), variable(variables_[a], a == last ? results * stride : stride));
      if (a == last) slot = plus(std::move(slot), variable(q, stride));
      stride *= extents_[a];
    }
    const auto memory = reductions_->memory(slot, stride);
    std::vector<Stmt> start = in_lanes(reductions_->initial_values(), false);
    append(start, in_lanes(memory.stores, false));
    body = over_results(std::move(start));
    std::vector<Stmt> band = in_lanes(memory.loads, false);
    append(band, reduced_loops(1, reduced_.size() - 1, std::move(step)));
    append(band, in_lanes(memory.stores, false));
    append(body, reduced_loops(0, 1, over_results(std::move(band))));
    std::vector<Stmt> finish = in_lanes(memory.loads, false);
    append(finish, end());
    append(body, over_results(std::move(finish)));
  } else {
    body = in_lanes(reductions_->initial_values(), false);
    append(body, reduced_loops(0, reduced_.size() - 1, std::move(step)));
    append(body, end());
    body = over_results(std::move(body));
  }
  const int parts = leaf_->carrier_blocks(granule_, "parts");
  return for_loop(part, {1, parts}, std::move(body));
}

std::vector<Stmt> NestLowering::lanes_over_reduced() {
  Kernel& k = leaf_->kernel();
  lanes_ = std::min(lanes_, kCanonicalLanes);
  lane_ = k.add_variable("l", LoopKind::Vector, lanes_);
  const int u = k.add_variable("u", LoopKind::Unroll, kCanonicalLanes / lanes_);
  const int last = reduced_.back();
  const Index lane = plus(variable(u, lanes_), variable(lane_));
  const auto in_lanes = [&](std::vector<Stmt> body, int64_t bound) {
    Stmt inner = make_for(lane_, {lanes_}, std::move(body));
    if (bound < kCanonicalLanes) {
      inner.limit = lane;
      inner.bound = {bound};
    }
    return make_for(u, {k.variables[u].count}, body_of(std::move(inner)));
  };
  return with_parts([&] {
    reductions_->declare({u, lane_});
    std::vector<Stmt> body = body_of(in_lanes(reductions_->initial_values(), kCanonicalLanes)),
                      steps;
    const int64_t extent = extents_[last], rest = extent % kCanonicalLanes;
    if (extent >= kCanonicalLanes) {
      const int x = k.add_variable("k", LoopKind::Reduce);
      leaf_->set_axis(last, plus(variable(x, kCanonicalLanes), lane));
      const Coefficient count = last == granule_axis_
                                    ? leaf_->constant_arg(extent / kCanonicalLanes, "blocks", last)
                                    : leaf_->count(last, kCanonicalLanes);
      steps.push_back(
          make_for(x, count, body_of(in_lanes(reductions_->accumulate(false), kCanonicalLanes))));
    }
    if (rest) {
      leaf_->set_axis(last, plus(lane, constant_index({extent - rest})));
      steps.push_back(in_lanes(reductions_->accumulate(true), rest));
    }
    append(body, reduced_loops(0, reduced_.size() - 1, std::move(steps)));
    append(body, reductions_->reduce_lanes({}));
    append(body, stores({}));
    return outer_loops(outer_.size(), std::move(body));
  });
}

}  // namespace gradus::loop
