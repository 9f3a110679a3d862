// Products with the carrier (the images of a batch) in the vector lanes: convolutions and their
// gradients, and the dense layers beside them.
//
// One operand or both vary along the carrier. If one does, the other is the same for all lanes (a
// weight, read as a scalar). If both do, the carrier is summed up: every lane has a chain of its own
// and a tree combines them at the end. Either way a register tile spans rows (axes of one operand
// alone) and columns (axes of the other alone), and every lane of every vector is at work. Small
// windows of the result (a pool's) lie in one tile and are reduced there.
#include "compiler/loop/lower_lanes.h"

#include <algorithm>
#include <cmath>

#include "compiler/loop/product_leaf.h"
#include "runtime/error.h"

namespace gradus::loop {
namespace {

/// Taps up to so many are unrolled, while the body stays below so many multiply-adds.
constexpr int64_t kUnrolledTaps = 5, kUnrolledBody = 128;
/// Cycles for a cache line from the second-level cache, where that does not overlap.
constexpr double kLine = 2;

/// How one axis is run through by the tile: in blocks of `tile` points, unrolled.
struct TiledAxis {
  int axis = -1;
  int64_t extent = 1, tile = 1;
  int block = -1, unrolled = -1;  // variables
};

class LanesLowering : ProductLeaf {
 public:
  using ProductLeaf::ProductLeaf;
  Leaf run();

 private:
  bool sums_lanes() const { return carrier_ >= node_.parallel; }
  void choose_operands();
  void choose_tile();
  bool spans_windows(const std::vector<TiledAxis>& columns) const;
  double cost(const std::vector<TiledAxis>& columns, int64_t rows) const;
  bool touches_without_room() const;
  void find_reduced_loops();
  std::vector<Stmt> blocks(std::span<TiledAxis* const> axes,
                           const std::function<std::vector<Stmt>()>& inner);
  std::vector<Stmt> tile();
  std::vector<Stmt> over_columns(std::vector<Stmt> body, bool of_windows, bool others) const;
  std::vector<Stmt> over_tile(std::vector<Stmt> body) const;
  std::vector<Stmt> in_lanes(std::vector<Stmt> body, bool limited);
  std::vector<Stmt> windows();

  V row_value_, column_value_;  // the operands
  int lane_axis_ = -1;          // leaf axis
  TiledAxis row_;
  std::vector<TiledAxis> columns_;
  std::vector<int> outer_;
  /// Loops over reduced axes: several axes that are walked as one are one loop.
  struct ReducedLoop {
    std::vector<int> axes;
    int64_t extent = 1;
    bool unrolled = false;
    int variable = -1;
  };
  std::vector<ReducedLoop> reduced_;
  std::set<int> sliding_;  // column axes along which the innermost reduced axis slides too
  int64_t lanes_ = 1;
  int part_ = -1, lane_block_ = -1, unit_ = -1, lane_ = -1;  // variables
  int carrier_count_ = -1;                                   // argument: points of the carrier
  Index point_in_lanes_;
  bool masked_ = false;        // every step, or what is stored
  bool masked_after_ = false;  // a sum over the lanes: once, before the tree
};

std::set<int> parallel_axes_of(const ElementBuilder& element, V v, int parallel) {
  const auto axes = axes_of(element, v);
  return {axes.begin(), axes.lower_bound(parallel)};
}

void LanesLowering::choose_operands() {
  const V in[] = {element_->operand(product_, 0, point_), element_->operand(product_, 1, point_)};
  lane_axis_ = sums_lanes() ? part_axis_ + 1 : carrier_;
  // Columns belong to the operand that slides, or that varies by lane.
  int with = 0;
  for (int i = 0; i < 2; ++i) {
    const auto axes = axes_of(*element_, in[i]);
    const schedule::Read& r = node_.reads[node_.operands[static_cast<size_t>(i)].read];
    if (sums_lanes() ? schedule::slides(node_, r) : axes.contains(lane_axis_)) with = i;
  }
  column_value_ = in[with];
  row_value_ = in[1 - with];
  // The axes along which neighbours in the innermost reduced loop are the next column.
  const schedule::Read& r = node_.reads[node_.operands[static_cast<size_t>(with)].read];
  int innermost = static_cast<int>(node_.extents.size()) - 1;
  while (innermost >= node_.parallel && innermost == split_axis_)
    --innermost;
  for (const schedule::Span& s : r.spans) {
    if (innermost < node_.parallel || coefficient(s.index, innermost) != 1) continue;
    for (auto [a, c] : s.index.terms) {
      if (a < node_.parallel && c == 1) sliding_.insert(a);
    }
  }
}

bool LanesLowering::spans_windows(const std::vector<TiledAxis>& columns) const {
  return std::ranges::all_of(window_axes_, [&](int a) {
    return std::ranges::any_of(
        columns, [&](const TiledAxis& c) { return c.axis == a && c.tile == c.extent; });
  });
}

/// Cycles a multiply-add of the tile, all blocks counted, with a little for every variant of it.
double LanesLowering::cost(const std::vector<TiledAxis>& columns, int64_t rows) const {
  double cycles = 0, variants = 0;
  int64_t whole = 1, slid = 1;
  const TiledAxis* partial = nullptr;
  for (const TiledAxis& c : columns) {
    if (c.tile == c.extent) {
      whole *= c.extent;
      if (sliding_.contains(c.axis)) slid *= c.extent;
    } else {
      partial = &c;
    }
  }
  const auto add = [&](int64_t column_extent, int64_t column_tile, int64_t times) {
    const auto block = [&](int64_t q, int64_t count) {
      if (q == 0 || count == 0) return;
      const int64_t p = whole * column_tile;
      const double work = tile_cycles(q, p);
      const double fresh =
          static_cast<double>(q) + static_cast<double>(p) / static_cast<double>(slid);
      const double lines = sums_lanes() ? kLine * fresh : 0;
      cycles += static_cast<double>(count * times) * std::max(work, lines);
      variants += 1;
    };
    if (column_extent == 0) return;
    block(rows, row_.extent / rows);
    block(row_.extent % rows, 1);
  };
  if (partial) {
    add(partial->extent, partial->tile, partial->extent / partial->tile);
    add(partial->extent % partial->tile, partial->extent % partial->tile, 1);
  } else {
    add(1, 1, 1);
  }
  const auto points = static_cast<double>(whole * (partial ? partial->extent : 1) * row_.extent);
  return cycles / points * (1 + 0.02 * variants);
}

void LanesLowering::choose_tile() {
  const auto rows = parallel_axes_of(*element_, row_value_, node_.parallel);
  const auto columns = parallel_axes_of(*element_, column_value_, node_.parallel);
  std::vector<int> candidates;
  for (int a = 0; a < node_.parallel; ++a) {
    if (a == lane_axis_ || node_.extents[a] == 1) continue;
    if (columns.contains(a) && !rows.contains(a)) candidates.push_back(a);
    if (rows.contains(a) && !columns.contains(a) &&
        (row_.axis < 0 || node_.extents[a] >= node_.extents[row_.axis])) {
      row_ = {.axis = a, .extent = node_.extents[a]};
    }
  }
  const int64_t registers = context_.unit.registers, most = most_accumulators(context_.unit);
  double best = INFINITY;
  std::vector<TiledAxis> chosen;
  int64_t chosen_rows = 1;
  const auto consider = [&](const std::vector<TiledAxis>& axes) {
    if (!spans_windows(axes)) return;
    int64_t p = 1;
    for (const TiledAxis& c : axes)
      p *= c.tile;
    for (int64_t q = 1; q <= row_.extent && p * q <= most; ++q) {
      if (p * q + std::min(p, q) + 2 > registers) continue;
      const double now = cost(axes, q);
      if (now < best * 0.999) {
        best = now;
        chosen = axes;
        chosen_rows = q;
      }
    }
  };
  // Every set of axes that a tile spans whole, and one more that it spans in part.
  for (unsigned set = 0; set < 1u << std::min<size_t>(candidates.size(), 6); ++set) {
    std::vector<TiledAxis> axes;
    int64_t p = 1;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (!(set >> i & 1)) continue;
      const int64_t extent = node_.extents[candidates[i]];
      p *= extent;
      axes.push_back({.axis = candidates[i], .extent = extent, .tile = extent});
    }
    if (p > most) continue;
    consider(axes);
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (set >> i & 1) continue;
      const int64_t extent = node_.extents[candidates[i]];
      for (int64_t t = 2; t < extent && p * t <= most; ++t) {
        auto more = axes;
        more.push_back({.axis = candidates[i], .extent = extent, .tile = t});
        consider(more);
      }
    }
  }
  GRADUS_CHECK(best < INFINITY, "a tile does not span a window");
  row_.tile = chosen_rows;
  columns_ = std::move(chosen);
  for (int a = 0; a < node_.parallel; ++a) {
    const bool tiled = a == row_.axis || std::ranges::any_of(columns_, [&](const TiledAxis& c) {
                         return c.axis == a;
                       });
    if (!tiled && a != lane_axis_) outer_.push_back(a);
  }
}

/// Whether memory without room for dead lanes is read or written by lane.
bool LanesLowering::touches_without_room() const {
  if (sums_lanes()) return leaf_->loads_without_room(*element_, lane_axis_);
  const auto lacks_room = [&](const Root& r) { return !context_.has_room(r.node); };
  if (std::ranges::any_of(roots_, lacks_room)) return true;
  if (std::ranges::any_of(window_roots_, lacks_room)) return true;
  return leaf_->loads_without_room(*element_, lane_axis_);
}

/// Consecutive axes that every access walks as one axis become one loop; few taps are unrolled.
void LanesLowering::find_reduced_loops() {
  const auto accesses = [&](int a) {
    std::vector<int64_t> steps;
    for (const ElementInput& in : element_->inputs()) {
      steps.push_back(coefficient(in.position.index, a));
      steps.push_back(coefficient(in.index, a));
      for (const auto& g : in.guards)
        steps.push_back(coefficient(g.index, a));
    }
    return steps;
  };
  for (int a = node_.parallel; a < static_cast<int>(node_.extents.size()); ++a) {
    if (a == split_axis_ || node_.extents[a] == 1) continue;
    const int64_t extent = node_.extents[a];
    if (!reduced_.empty()) {
      ReducedLoop& before = reduced_.back();
      const auto outer = accesses(before.axes.back()), inner = accesses(a);
      bool joined = true;
      for (size_t i = 0; i < inner.size(); ++i)
        joined &= outer[i] == inner[i] * extent;
      if (joined) {
        before.axes.push_back(a);
        before.extent *= extent;
        continue;
      }
    }
    reduced_.push_back({.axes = {a}, .extent = extent});
  }
  int64_t body = row_.tile;
  for (const TiledAxis& c : columns_)
    body *= c.tile;
  if (!reduced_.empty() && !sums_lanes()) {
    ReducedLoop& last = reduced_.back();
    last.unrolled = last.extent <= kUnrolledTaps && body * last.extent <= kUnrolledBody;
  }
  Kernel& k = leaf_->kernel();
  for (ReducedLoop& loop : reduced_) {
    loop.variable = loop.unrolled ? k.add_variable("tap", LoopKind::Unroll, loop.extent)
                                  : k.add_variable("k", LoopKind::Reduce);
    for (int a : loop.axes)
      leaf_->set_axis(a, {});
    leaf_->set_axis(loop.axes.back(), variable(loop.variable));
  }
}

Leaf LanesLowering::run() {
  choose_operands();
  choose_tile();
  leaf_ = std::make_unique<LeafBuilder>(context_, extents_);
  Kernel& k = leaf_->kernel();
  const auto size = static_cast<int64_t>(size_of(node_.dtype));
  lanes_ = std::min<int64_t>(kCanonicalLanes, context_.unit.lanes * 4 / size);
  if (sums_lanes()) {
    GRADUS_CHECK(is_split() && node_.granule % kCanonicalLanes == 0);
    leaf_->set_carrier(part_axis_, 1, node_.granule);
    leaf_->leaf().granule = node_.granule;
  } else {
    leaf_->set_carrier(carrier_);
    leaf_->leaf().granule = kCanonicalLanes;
  }
  leaf_->fix_strides();
  find_reduced_loops();
  find_roots();
  masked_ = touches_without_room();
  if (sums_lanes() && !masked_) {
    // Lanes are chains of their own: dead ones may run on, but in blocks that live ones run in too.
    masked_after_ = node_.granule == kCanonicalLanes;
    masked_ = !masked_after_;
  }

  carrier_count_ = leaf_->carrier_points();
  lane_ = k.add_variable("l", LoopKind::Vector, lanes_);
  lane_block_ = k.add_variable("block", sums_lanes() ? LoopKind::Reduce : LoopKind::Serial);
  point_in_lanes_ = variable(lane_);
  if (!sums_lanes() || node_.granule != kCanonicalLanes) {
    const Index block = variable(lane_block_, sums_lanes() ? kCanonicalLanes : lanes_);
    point_in_lanes_ = plus(block, point_in_lanes_);
  }
  if (sums_lanes()) {
    unit_ = k.add_variable("u", LoopKind::Unroll, kCanonicalLanes / lanes_);
    point_in_lanes_ = plus(point_in_lanes_, variable(unit_, lanes_));
    part_ = k.add_variable("part", LoopKind::Serial);
    leaf_->set_axis(part_axis_, variable(part_));
  }
  leaf_->set_axis(lane_axis_, point_in_lanes_);

  std::vector<int> loops;
  for (int a : outer_) {
    loops.push_back(k.add_variable("o", LoopKind::Serial));
    leaf_->set_axis(a, variable(loops.back()));
  }
  const auto over_outer = [&](std::vector<Stmt> body) {
    for (size_t i = loops.size(); i-- > 0;) {
      body = for_loop(loops[i], leaf_->count(outer_[i], 1), std::move(body));
    }
    return body;
  };
  std::vector<TiledAxis*> columns;
  for (TiledAxis& c : columns_)
    columns.push_back(&c);
  TiledAxis* rows[] = {&row_};
  // A sum over the lanes reads both operands whole for every tile: a slice of one stays near.
  auto body =
      sums_lanes()
          ? blocks(rows, [&] { return over_outer(blocks(columns, [&] { return tile(); })); })
          : over_outer(blocks(columns, [&] { return blocks(rows, [&] { return tile(); }); }));
  const int64_t step = sums_lanes() ? node_.granule : lanes_;
  const int count = leaf_->carrier_blocks(step);
  k.body = for_loop(sums_lanes() ? part_ : lane_block_, {1, count}, std::move(body));
  return leaf_->finish();
}

/// Loops over the blocks of tiled axes; what is left over of an axis has its own tile.
std::vector<Stmt> LanesLowering::blocks(std::span<TiledAxis* const> axes,
                                        const std::function<std::vector<Stmt>()>& inner) {
  if (axes.empty()) return inner();
  TiledAxis& t = *axes[0];
  const auto next = [&] { return blocks(axes.subspan(1), inner); };
  Kernel& k = leaf_->kernel();
  const char* name = &t == &row_ ? "i" : "j";
  const int64_t count = t.extent / t.tile, rest = t.extent % t.tile;
  t.unrolled = k.add_variable(name, LoopKind::Unroll, t.tile);
  if (t.axis < 0) return next();
  std::vector<Stmt> body;
  if (count == 1) {
    leaf_->set_axis(t.axis, variable(t.unrolled));
    body = next();
  } else {
    t.block = k.add_variable("block", LoopKind::Serial);
    leaf_->set_axis(t.axis, plus(variable(t.block, t.tile), variable(t.unrolled)));
    body.push_back(make_for(t.block, leaf_->constant_arg(count, "blocks", t.axis), next()));
  }
  if (rest > 0) {
    t.unrolled = k.add_variable(name, LoopKind::Unroll, rest);
    leaf_->set_axis(t.axis, variable(t.unrolled), t.tile);
    append(body, next());
  }
  return body;
}

/// Loops over the columns of the tile: those along axes of windows, the others, or both.
std::vector<Stmt> LanesLowering::over_columns(std::vector<Stmt> body, bool of_windows,
                                              bool others) const {
  for (size_t c = columns_.size(); c-- > 0;) {
    const bool in_window = std::ranges::find(window_axes_, columns_[c].axis) != window_axes_.end();
    if (in_window ? !of_windows : !others) continue;
    const int v = columns_[c].unrolled;
    body = for_loop(v, {leaf_->kernel().variables[v].count}, std::move(body));
  }
  return body;
}

/// Loops over the tile; the shorter side inside, for its values stay in registers.
std::vector<Stmt> LanesLowering::over_tile(std::vector<Stmt> body) const {
  const auto& variables = leaf_->kernel().variables;
  int64_t columns = 1;
  for (const TiledAxis& c : columns_)
    columns *= variables[c.unrolled].count;
  const int64_t rows = variables[row_.unrolled].count;
  const auto over_rows = [&](std::vector<Stmt> inner) {
    return for_loop(row_.unrolled, {rows}, std::move(inner));
  };
  return rows < columns ? over_columns(over_rows(std::move(body)), true, true)
                        : over_rows(over_columns(std::move(body), true, true));
}

/// Loops over the lanes of a block; `limited`: over those within the carrier's range.
std::vector<Stmt> LanesLowering::in_lanes(std::vector<Stmt> body, bool limited) {
  Stmt lanes = make_for(lane_, {lanes_}, std::move(body));
  if (limited) {
    lanes.limit = point_in_lanes_;
    if (sums_lanes()) {
      const Coefficient granule = leaf_->constant_arg(node_.granule, "granule");
      lanes.limit = plus(*lanes.limit, scaled(variable(part_), granule));
    }
    lanes.bound = {1, carrier_count_};
  }
  std::vector<Stmt> out = body_of(std::move(lanes));
  if (!sums_lanes()) return out;
  return for_loop(unit_, {leaf_->kernel().variables[unit_].count}, std::move(out));
}

/// Window by window of the tile: its points, which are in registers, are reduced, and the results
/// stored.
std::vector<Stmt> LanesLowering::windows() {
  const std::vector<int> dims{lane_};
  windows_->declare(dims);
  std::vector<Stmt> body = in_lanes(windows_->initial_values(), false);
  append(body, over_columns(in_lanes(windows_->accumulate(false), masked_), true, false));
  append(body, in_lanes(store_roots(window_roots_, dims), masked_));
  body = over_columns(std::move(body), false, true);
  return for_loop(row_.unrolled, {leaf_->kernel().variables[row_.unrolled].count}, std::move(body));
}

std::vector<Stmt> LanesLowering::tile() {
  Kernel& k = leaf_->kernel();
  std::vector<int> dims{row_.unrolled};
  for (const TiledAxis& c : columns_)
    dims.push_back(c.unrolled);
  std::vector<int> wide = dims;
  if (sums_lanes()) wide.push_back(unit_);
  wide.push_back(lane_);
  const int acc = k.add_local("acc", node_.dtype, wide);
  std::vector<Stmt> body =
      over_tile(in_lanes(body_of(make_assign(acc, k.constant(node_.dtype, 0))), false));

  const auto operands = leaf_->expressions(*element_, std::array{row_value_, column_value_});
  const int sum = k.op(ScalarOp::Fma, {operands[0], operands[1], k.local_value(acc)}, node_.dtype);
  auto step = over_tile(in_lanes(body_of(make_assign(acc, sum, sums_lanes())), masked_));
  if (sums_lanes() && node_.granule != kCanonicalLanes) {
    const int64_t count = node_.granule / kCanonicalLanes;
    step = for_loop(lane_block_, leaf_->constant_arg(count, "blocks", lane_axis_), std::move(step));
  }
  for (size_t r = reduced_.size(); r-- > 0;) {
    const Coefficient count =
        reduced_[r].unrolled ? Coefficient{reduced_[r].extent}
                             : leaf_->constant_arg(reduced_[r].extent, "k", reduced_[r].axes[0]);
    step = for_loop(reduced_[r].variable, count, std::move(step));
  }
  append(body, std::move(step));

  std::vector<Stmt> last;
  if (sums_lanes()) {
    int chains = acc;
    if (masked_after_) {
      chains = k.add_local("live", node_.dtype, wide);
      const auto fill = [&](int value, bool limited) {
        append(body, over_tile(in_lanes(body_of(make_assign(chains, value, limited)), limited)));
      };
      fill(k.constant(node_.dtype, 0), false);
      fill(k.local_value(acc), true);
    }
    Stmt tree{.kind = Stmt::Kind::LaneReduce, .reduce = ReduceOp::Add};
    tree.sources = {chains};
    const int result = k.add_local("result", node_.dtype, dims);
    tree.targets = {result};
    body.push_back(std::move(tree));
    last = epilogue(result, dims, [&](auto roots) { return over_tile(std::move(roots)); });
  } else {
    last = epilogue(acc, wide,
                    [&](auto roots) { return over_tile(in_lanes(std::move(roots), masked_)); });
    if (windows_->size() > 0) {
      append(last, windows());
    }
  }
  append(body, std::move(last));
  return body;
}

}  // namespace

Leaf lower_lanes(const LowerContext& context, const Piece& piece, int product) {
  return LanesLowering(context, piece, product).run();
}

}  // namespace gradus::loop
