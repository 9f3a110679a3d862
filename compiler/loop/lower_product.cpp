// Products (sums over reduced axes of a product of two operands) in register tiles.
//
// One parallel axis goes to the vector lanes (the last one: it has unit stride in the result), one
// that only the other operand has goes to the rows of the tile; all remaining parallel axes are outer
// loops. Panels of the vector operand are outermost, rows inside, so that a panel stays in cache.
// Every element is one chain of fused multiply-adds in order of the reduced axes.
#include "compiler/loop/lower_product.h"

#include <algorithm>
#include <functional>

#include "compiler/loop/product_leaf.h"

namespace gradus::loop {

namespace {

/// An operand with few columns is not worth a packed copy.
constexpr int64_t kRowsWorthPacking = 16;
/// Rows of a panel at such distances fall into few cache sets (74 -> 109 GF/s when packed).
constexpr int64_t kConflictBytes = 1024, kConflictRows = 256;
/// Enough rows for a tile, whatever its other side.
constexpr int64_t kFewRows = 8;
/// More rows need more addresses than there are registers.
constexpr int64_t kMostRows = 12;
/// Another tile than the usual one is chosen if it costs so much of its cycles.
constexpr double kWorthwhile = 0.97;
/// Operations per element from which what follows a product is a loop over the tile's rows, which go
/// through memory: unrolled, Adam's 25 for 24 vectors are 3/4 of a kernel's code.
constexpr size_t kLoopedEpilogue = 20;

class ProductLowering : ProductLeaf {
 public:
  using ProductLeaf::ProductLeaf;
  std::optional<Leaf> run();

 private:
  bool choose_axes();
  bool makes_better_rows(int a, int than) const;
  double cost(int64_t rows, int64_t vectors) const;
  void choose_tile();
  void choose_pack();
  std::vector<Stmt> panels();
  std::vector<Stmt> rows(int v, int64_t columns);
  /// Row i of the tile is that of the axis at start + i, counted as for LeafBuilder::set_axis.
  struct TileRows {
    int i;  // Unroll variable
    Index start;
    int64_t after = 0;
  };
  std::vector<Stmt> tile(const TileRows& rows, int v, int64_t columns);
  void set_row(const TileRows& rows, int variable);
  std::vector<Stmt> looped_epilogue(
      const TileRows& rows, int v, int acc,
      const std::function<std::vector<Stmt>(std::vector<Stmt>)>& over);
  int vector_operand(int v);

  V scalar_, vector_;  // the operands: without and with the lane axis
  int n_axis_ = -1, m_axis_ = -1;
  std::vector<int> outer_, reduced_, reduced_variables_;
  int64_t lanes_ = 1, tile_rows_ = 1, tile_vectors_ = 1;
  std::optional<Pack> pack_;
  int panel_ = -1, lane_ = -1;  // variables; panel_ is -1 in the last, partial panel
};

std::optional<Leaf> ProductLowering::run() {
  if (is_split() && node_.extents[split_axis_] % node_.granule != 0) return std::nullopt;
  if (!choose_axes()) return std::nullopt;
  leaf_ = std::make_unique<LeafBuilder>(context_, extents_);
  if (is_split() && carrier_ == split_axis_) {
    leaf_->set_carrier(part_axis_, 1, node_.granule);
    leaf_->leaf().granule = node_.granule;
  } else if (carrier_ >= 0) {
    leaf_->set_carrier(carrier_);
  }
  choose_tile();
  choose_pack();
  find_roots();

  std::vector<int> loops;
  for (int a : outer_) {
    loops.push_back(leaf_->kernel().add_variable("o", LoopKind::Serial));
    leaf_->set_axis(a, variable(loops.back()));
  }
  for (int a : reduced_) {
    reduced_variables_.push_back(leaf_->kernel().add_variable("k", LoopKind::Reduce));
    leaf_->set_axis(a, variable(reduced_variables_.back()));
  }
  auto body = panels();
  for (size_t i = loops.size(); i-- > 0;) {
    body = for_loop(loops[i], leaf_->count(outer_[i], 1), std::move(body));
  }
  leaf_->kernel().body = std::move(body);
  if (leaf_->is_carrier(n_axis_)) leaf_->leaf().granule = tile_vectors_ * lanes_;
  if (m_axis_ >= 0 && leaf_->is_carrier(m_axis_)) leaf_->leaf().granule = tile_rows_;
  return leaf_->finish();
}

bool ProductLowering::choose_axes() {
  const V in[] = {element_->operand(product_, 0, point_), element_->operand(product_, 1, point_)};
  const std::set<int> depends[] = {axes_of(*element_, in[0]), axes_of(*element_, in[1])};
  n_axis_ = node_.parallel - 1;
  while (n_axis_ > 0 && node_.extents[n_axis_] == 1)
    --n_axis_;
  if (n_axis_ < 0 || depends[0].contains(n_axis_) == depends[1].contains(n_axis_)) return false;
  const int with = depends[0].contains(n_axis_) ? 0 : 1;
  vector_ = in[with];
  scalar_ = in[1 - with];
  for (int a = 0; a < node_.parallel; ++a) {
    if (a == n_axis_ || depends[with].contains(a) || !depends[1 - with].contains(a)) continue;
    if (m_axis_ < 0 || makes_better_rows(a, m_axis_)) m_axis_ = a;
  }
  for (int a = 0; a < node_.parallel; ++a) {
    if (a != n_axis_ && a != m_axis_) outer_.push_back(a);
  }
  if (part_axis_ >= 0) outer_.insert(outer_.begin(), part_axis_);
  for (int a = node_.parallel; a < static_cast<int>(node_.extents.size()); ++a) {
    reduced_.push_back(a == split_axis_ ? part_axis_ + 1 : a);
  }
  return true;
}

/// Rows that lie near each other, if there are enough for a tile; else the more. Where guards change
/// at every step, those that all have the same guard.
bool ProductLowering::makes_better_rows(int a, int than) const {
  const auto enough = [&](int axis) { return node_.extents[axis] >= kFewRows; };
  if (!enough(a) || !enough(than)) return node_.extents[a] >= node_.extents[than];
  const auto guarded = [&](int axis) {
    return std::ranges::any_of(element_->inputs(), [&](const ElementInput& in) {
      return std::ranges::any_of(
          in.guards, [&](const schedule::Guard& g) { return coefficient(g.index, axis) != 0; });
    });
  };
  const auto last = static_cast<int>(node_.extents.size()) - 1;
  const bool steady = !guarded(last) && node_.extents[last] >= kFewRows;
  if (!steady && guarded(a) != guarded(than)) return guarded(than);
  const auto distance = [&](int axis) {
    int64_t sum = 0;
    for (const ElementInput& in : element_->inputs())
      sum += std::abs(coefficient(in.position.index, axis));
    return sum;
  };
  return distance(a) <= distance(than);
}

/// Cycles of all rows and vectors for one step of the sum.
double ProductLowering::cost(int64_t rows, int64_t vectors) const {
  const int64_t m = m_axis_ < 0 ? 1 : node_.extents[m_axis_];
  const int64_t n = (node_.extents[n_axis_] + lanes_ - 1) / lanes_;
  const auto block = [](int64_t q, int64_t p) { return q * p == 0 ? 0 : tile_cycles(q, p); };
  const auto over_rows = [&](int64_t p) {
    return static_cast<double>(m / rows) * block(rows, p) + block(m % rows, p);
  };
  return static_cast<double>(n / vectors) * over_rows(vectors) + over_rows(n % vectors);
}

void ProductLowering::choose_tile() {
  const auto size = static_cast<int64_t>(size_of(node_.dtype));
  lanes_ = std::min<int64_t>(context_.unit.lanes, context_.unit.lanes * 4 / size);
  const int64_t registers = context_.unit.registers;
  const int64_t accumulators = most_accumulators(context_.unit);
  const int64_t most_rows = accumulators / 3, most_vectors = 8;
  const int64_t m = m_axis_ < 0 ? 1 : node_.extents[m_axis_];
  const int64_t n = (node_.extents[n_axis_] + lanes_ - 1) / lanes_;
  tile_rows_ = std::clamp<int64_t>(m, 1, most_rows);
  tile_vectors_ = std::clamp<int64_t>(std::min(accumulators / tile_rows_, n), 1, most_vectors);
  // Another tile where this one does not divide the result well.
  double best = cost(tile_rows_, tile_vectors_) * kWorthwhile;
  for (int64_t p = 1; p <= std::min(n, most_vectors); ++p) {
    const int64_t rows = std::min({m, kMostRows, accumulators / p, (registers - 1) / p - 1});
    for (int64_t q = 1; q <= rows; ++q) {
      // Ranges of the carrier end where tiles do: at multiples that all leaves of a region share.
      if (m_axis_ >= 0 && leaf_->is_carrier(m_axis_) && most_rows % q != 0) continue;
      const double now = cost(q, p);
      if (now >= best) continue;
      best = now;
      tile_rows_ = q;
      tile_vectors_ = p;
    }
  }
}

void ProductLowering::choose_pack() {
  const ElementInput* in = plain_load(*element_, vector_);
  if (!in || m_axis_ < 0 || part_axis_ >= 0 || !context_.can_pack(in->position.node)) return;
  const Affine& index = in->position.index;
  Pack pack{.node = in->position.node,
            .offset = index.constant,
            .n_extent = node_.extents[n_axis_],
            .n_stride = coefficient(index, n_axis_),
            .width = tile_vectors_ * lanes_};
  for (int a : reduced_) {
    pack.k_extents.push_back(node_.extents[a]);
    pack.k_strides.push_back(coefficient(index, a));
  }
  for (auto [a, c] : index.terms) {
    if (a != n_axis_ && std::ranges::find(reduced_, a) == reduced_.end()) return;
  }
  const auto size = static_cast<int64_t>(size_of(node_.dtype));
  const bool conflicts = !reduced_.empty() && pack.k_strides.back() * size % kConflictBytes == 0 &&
                         pack.k_extents.back() >= kConflictRows;
  if (pack.n_stride == 1 && !conflicts) return;
  int64_t rows = node_.extents[m_axis_];
  for (int a : outer_)
    rows *= node_.extents[a];
  if (rows < kRowsWorthPacking) return;
  leaf_->leaf().packs.push_back(pack);
  pack_ = std::move(pack);
}

std::vector<Stmt> ProductLowering::panels() {
  Kernel& k = leaf_->kernel();
  const int64_t width = tile_vectors_ * lanes_, rest = node_.extents[n_axis_] % width;
  lane_ = k.add_variable("l", LoopKind::Vector, lanes_);
  std::vector<Stmt> body;
  if (node_.extents[n_axis_] >= width) {
    panel_ = k.add_variable("panel", LoopKind::Serial);
    const int v = k.add_variable("v", LoopKind::Unroll, tile_vectors_);
    leaf_->set_axis(n_axis_,
                    plus(variable(panel_, width), plus(variable(v, lanes_), variable(lane_))));
    body.push_back(make_for(panel_, leaf_->count(n_axis_, width), rows(v, width)));
  }
  if (rest > 0) {
    panel_ = -1;
    const int v = k.add_variable("v", LoopKind::Unroll, (rest + lanes_ - 1) / lanes_);
    leaf_->set_axis(n_axis_, plus(variable(v, lanes_), variable(lane_)), width);
    append(body, leaf_->if_rest(n_axis_, width, rows(v, rest)));
  }
  return body;
}

std::vector<Stmt> ProductLowering::rows(int v, int64_t columns) {
  Kernel& k = leaf_->kernel();
  if (m_axis_ < 0) return tile({k.add_variable("i", LoopKind::Unroll, 1), {}}, v, columns);
  std::vector<Stmt> body;
  const int64_t rest = node_.extents[m_axis_] % tile_rows_;
  {
    const int block = k.add_variable("row", LoopKind::Serial);
    const int i = k.add_variable("i", LoopKind::Unroll, tile_rows_);
    body.push_back(make_for(block, leaf_->count(m_axis_, tile_rows_),
                            tile({i, variable(block, tile_rows_)}, v, columns)));
  }
  if (rest > 0) {
    const int i = k.add_variable("i", LoopKind::Unroll, rest);
    append(body, leaf_->if_rest(m_axis_, tile_rows_, tile({i, {}, tile_rows_}, v, columns)));
  }
  return body;
}

int ProductLowering::vector_operand(int v) {
  if (!pack_) return leaf_->expressions(*element_, std::array{vector_})[0];
  const int64_t panel = pack_->k_extent() * pack_->width;
  BufferRule rule{.node = pack_->node, .packed = 0};
  if (leaf_->is_carrier(n_axis_)) {
    rule.step = panel;
    rule.divisor = pack_->width;
  }
  Index index = plus(variable(v, lanes_), variable(lane_));
  int64_t inner = 1;
  for (size_t r = reduced_.size(); r-- > 0;) {
    const Index walk = variable(reduced_variables_[r], pack_->width);
    index = plus(scaled(walk, leaf_->constant_arg(inner, "inner")), std::move(index));
    inner *= pack_->k_extents[r];
  }
  if (panel_ >= 0) {
    index = plus(scaled(variable(panel_), leaf_->constant_arg(panel, "panel")), index);
  } else {
    const Coefficient after =
        leaf_->quantity(n_axis_, ArgRule::Kind::Count, pack_->width, panel, "after");
    index = plus(constant_index(after), index);
  }
  return leaf_->kernel().load(leaf_->buffer(rule, false), std::move(index));
}

void ProductLowering::set_row(const TileRows& rows, int i) {
  if (m_axis_ >= 0) leaf_->set_axis(m_axis_, plus(rows.start, variable(i)), rows.after);
}

/// The tile goes to memory, and its rows from there through one loop; `over` makes the loops over a
/// row.
std::vector<Stmt> ProductLowering::looped_epilogue(
    const TileRows& rows, int v, int acc,
    const std::function<std::vector<Stmt>(std::vector<Stmt>)>& over) {
  Kernel& k = leaf_->kernel();
  const int64_t width = tile_vectors_ * lanes_, count = k.variables[rows.i].count;
  const int memory = leaf_->buffer({.node = product_, .scratch = tile_rows_ * width}, true);
  const auto at = [&](int row) {
    return plus(variable(row, width), plus(variable(v, lanes_), variable(lane_)));
  };
  std::vector<Stmt> body =
      for_loop(rows.i, {count}, over(body_of(make_store(memory, at(rows.i), k.local_value(acc)))));
  const int r = k.add_variable("r", LoopKind::Serial);
  set_row(rows, r);
  const std::vector<int> dims{v, lane_};
  const int sum = k.add_local("sum", node_.dtype, dims);
  const int loaded = k.load(memory, at(r));
  append(body, epilogue(sum, dims, [&](std::vector<Stmt> roots) {
           roots.insert(roots.begin(), make_assign(sum, loaded));
           return for_loop(r, {count}, over(std::move(roots)));
         }));
  return body;
}

std::vector<Stmt> ProductLowering::tile(const TileRows& rows, int v, int64_t columns) {
  Kernel& k = leaf_->kernel();
  const int i = rows.i;
  set_row(rows, i);
  const bool partial = columns % lanes_ != 0;
  const auto over_row = [&](std::vector<Stmt> body, bool limited) {
    Stmt lanes = make_for(lane_, {lanes_}, std::move(body));
    if (limited && partial) {
      lanes.limit = plus(variable(v, lanes_), variable(lane_));
      lanes.bound = {columns};
    }
    return for_loop(v, {k.variables[v].count}, body_of(std::move(lanes)));
  };
  const auto nest = [&](std::vector<Stmt> body, bool limited) {
    return for_loop(i, {k.variables[i].count}, over_row(std::move(body), limited));
  };
  const int acc = k.add_local("acc", node_.dtype, {i, v, lane_});
  std::vector<Stmt> body = nest(body_of(make_assign(acc, k.constant(node_.dtype, 0))), false);

  const int x = leaf_->expressions(*element_, std::array{scalar_})[0];
  const int y = vector_operand(v);
  const int sum = k.op(ScalarOp::Fma, {x, y, k.local_value(acc)}, node_.dtype);
  std::vector<Stmt> step = nest(body_of(make_assign(acc, sum)), true);
  for (size_t r = reduced_.size(); r-- > 0;) {
    step = for_loop(reduced_variables_[r], leaf_->count(reduced_[r], 1), std::move(step));
  }
  append(body, std::move(step));

  const bool looped =
      k.variables[i].count > 1 && element_->program().nodes().size() >= kLoopedEpilogue;
  auto last = looped ? looped_epilogue(rows, v, acc,
                                       [&](auto roots) { return over_row(std::move(roots), true); })
                     : epilogue(acc, {i, v, lane_},
                                [&](auto roots) { return nest(std::move(roots), true); });
  append(body, std::move(last));
  return body;
}

}  // namespace

std::optional<Leaf> lower_product(const LowerContext& context, const Piece& piece, int product) {
  return ProductLowering(context, piece, product).run();
}

}  // namespace gradus::loop
