// Elementwise nodes and reductions as loop nests.
//
// The axes of the piece's nodes fall into classes along the reads that leave them as they are; the
// classes are the leaf's axes. Parallel ones are the outer loops. The lanes run along the last
// parallel axis, or, for reductions bracketed in lanes, along the last reduced one.
#include "compiler/loop/lower_nest.h"

#include <algorithm>
#include <numeric>

#include "compiler/loop/leaf_builder.h"
#include "runtime/error.h"

namespace gradus::loop {

using schedule::Node;
using schedule::NodeKind;

bool accumulates(const Node& node) {
  return node.kind == NodeKind::Reduce || node.kind == NodeKind::Product ||
         node.kind == NodeKind::Scatter;
}

namespace {

/// Element programs up to this size are unrolled; longer ones have work enough in flight.
constexpr size_t kShortProgram = 24, kLongProgram = 64;
/// Sums that run side by side.
constexpr int64_t kChains = 12;
/// Reduced axes with the carrier in the lanes are unrolled if they have so few points.
constexpr int64_t kUnrolledPoints = 16;

class NestLowering {
 public:
  NestLowering(const LowerContext& context, const Piece& piece) : context_(context), piece_(piece) {}
  Leaf run();

 private:
  struct Reduction {
    int node;
    ReduceOp op;
    std::vector<V> values;      // what is combined: (value), (value, index), (update, condition)
    std::vector<int> acc;
    V first;                    // Scatter: what is added to
    int extremum = -1;          // ArgMax, ArgMin: another node of the piece, its value
  };

  void find_axes();
  void find_carrier();
  void find_values();
  std::vector<Stmt> lanes_over_result();
  std::vector<Stmt> lanes_over_reduced();
  std::vector<Stmt> lanes_over_carrier();
  std::vector<Stmt> parts_over_carrier();
  /// Results stand in registers over `dims`.
  std::vector<Stmt> reduce_lanes(const std::vector<int>& dims);
  int64_t unrolled_points(int leaf_axis, int64_t most) const;
  bool varies_by_lane_outside() const;
  struct Limit {
    Index index;
    Coefficient bound;
  };
  std::vector<Stmt> block(int u, const std::optional<Limit>& limit);
  std::vector<Stmt> scalar_body();
  std::vector<Stmt> stores(const std::vector<int>& dims);
  std::vector<Stmt> accumulate(bool merge);
  void declare_registers(const std::vector<int>& dims);
  Reduction scatter(int v, const Point& p);
  bool joins(const Reduction& r);
  int identity(const Reduction& r, size_t i);
  std::vector<Stmt> reduced_loops(size_t count, std::vector<Stmt> body);
  std::vector<Stmt> outer_loops(size_t count, std::vector<Stmt> body);
  std::vector<Stmt> initial_values();
  Point point_of(int v) const;
  std::vector<Stmt> with_parts(const std::function<std::vector<Stmt>()>& make);
  const Node& node(int v) const { return context_.schedule.nodes[v]; }

  const LowerContext& context_;
  const Piece& piece_;
  std::set<int> inlined_;
  std::vector<int> roots_;              // materialised nodes and reductions, producers first
  std::map<int, std::vector<int>> classes_;  // node -> leaf axis of each of its axes
  std::vector<int64_t> extents_;        // of the leaf axes
  std::vector<int> outer_, reduced_;    // leaf axes in loop order
  int carrier_ = -1;                    // leaf axis that the range restricts
  int split_ = -1, part_axis_ = -1, granule_axis_ = -1;  // a reduced axis in parts
  int64_t granule_ = 0, granule_rest_ = 0;
  std::map<int, Affine> axis_value_;    // leaf axes that are not simply themselves
  std::unique_ptr<ElementBuilder> element_;
  std::unique_ptr<LeafBuilder> leaf_;
  std::vector<Reduction> reductions_;
  std::vector<std::pair<int, V>> stored_;
  bool carrier_in_lanes_ = false;
  std::map<int, int> variables_;        // leaf axis -> loop variable
  int lane_ = -1;
  int64_t lanes_ = 1;
};

Leaf NestLowering::run() {
  for (int v : piece_.nodes) {
    const Node& n = node(v);
    const bool reduces = accumulates(n);
    if (reduces || piece_.materialised.contains(v)) roots_.push_back(v);
    if (!reduces) inlined_.insert(v);
  }
  find_axes();
  find_carrier();
  if (carrier_in_lanes_) leaf_->fix_local_strides();
  find_values();
  int64_t size = 4;
  for (int r : roots_) size = std::max(size, static_cast<int64_t>(size_of(node(r).dtype)));
  lanes_ = context_.unit.lanes * 4 / size;

  const bool in_lanes = std::ranges::any_of(roots_, [&](int r) { return node(r).lane_axis >= 0; });
  leaf_->kernel().body = carrier_in_lanes_ && granule_ ? parts_over_carrier()
                         : in_lanes                    ? lanes_over_reduced()
                         : carrier_in_lanes_           ? lanes_over_carrier()
                                                       : lanes_over_result();
  return leaf_->finish();
}

/// The classes are the leaf's axes; the order of the first root's axes is the loop order.
void NestLowering::find_axes() {
  std::map<int, int> number;
  for (int v : piece_.nodes) {
    for (size_t a = 0; a < node(v).extents.size(); ++a) {
      const int c = piece_.classes.at(v)[a];
      auto [it, fresh] = number.try_emplace(c, static_cast<int>(extents_.size()));
      if (fresh) extents_.push_back(node(v).extents[a]);
      classes_[v].push_back(it->second);
    }
  }
  const Node& first = node(roots_[0]);
  outer_.assign(classes_[roots_[0]].begin(), classes_[roots_[0]].begin() + first.parallel);
  for (int r : roots_) {
    const Node& n = node(r);
    std::set<int> parallel(classes_[r].begin(), classes_[r].begin() + n.parallel);
    GRADUS_CHECK(parallel == std::set<int>(outer_.begin(), outer_.end()),
                 "the roots of a nest differ in their axes");
    if (n.extents.size() > static_cast<size_t>(n.parallel)) {
      std::vector<int> reduced(classes_[r].begin() + n.parallel, classes_[r].end());
      GRADUS_CHECK(reduced_.empty() || std::ranges::is_permutation(reduced_, reduced),
                   "the reductions of a nest differ");
      reduced_ = std::move(reduced);
    }
    if (n.is_partial()) {
      granule_ = n.granule;
      split_ = classes_[r][n.part_axis];
    }
    if (n.lane_axis >= 0) {
      // The axis that is dealt to the lanes is innermost.
      const auto lanes = std::ranges::find(reduced_, classes_[r][n.lane_axis]);
      std::rotate(lanes, lanes + 1, reduced_.end());
    }
  }
  carrier_in_lanes_ = context_.is_in_lanes(roots_[0]);
}

Point NestLowering::point_of(int v) const {
  Point p;
  for (int c : classes_.at(v)) {
    auto it = axis_value_.find(c);
    p.push_back(it == axis_value_.end() ? axis(c) : it->second);
  }
  return p;
}

/// Splits the axis that is reduced in parts, and finds out what the range of the carrier restricts.
void NestLowering::find_carrier() {
  int carrier = -1;
  for (int r : roots_) {
    auto cut = context_.cut.find(r);
    if (cut != context_.cut.end()) carrier = classes_[r][cut->second];
  }
  if (granule_) {
    const int whole = split_;
    part_axis_ = static_cast<int>(extents_.size());
    granule_axis_ = part_axis_ + 1;
    extents_.push_back(extents_[whole] / granule_);
    extents_.push_back(granule_);
    granule_rest_ = extents_[whole] % granule_;
    axis_value_[whole] = plus(loop::scaled(axis(part_axis_), granule_), axis(granule_axis_));
    outer_.insert(outer_.begin(), part_axis_);
    std::ranges::replace(reduced_, whole, granule_axis_);
    leaf_ = std::make_unique<LeafBuilder>(context_, extents_);
    if (carrier == whole) {
      leaf_->set_carrier(part_axis_, 1, granule_);
      leaf_->leaf().granule = granule_;
    } else if (carrier >= 0) {
      leaf_->set_carrier(carrier);
    }
    return;
  }
  leaf_ = std::make_unique<LeafBuilder>(context_, extents_);
  if (carrier >= 0) leaf_->set_carrier(carrier);
  carrier_ = carrier;
}

/// Every element looks through all updates in order: result = operand + sum of those that hit it.
NestLowering::Reduction NestLowering::scatter(int v, const Point& p) {
  const Node& n = node(v);
  Affine position;
  for (int a = n.data_axes.first; a < n.data_axes.second; ++a) {
    position = plus(loop::scaled(position, n.extents[a]), p[a]);
  }
  ScalarBuilder& s = element_->program();
  const V target = s.convert(element_->operand(v, 1, p), DType::I64);
  const V hit = s.eq(target, element_->index(position, DType::I64));
  Reduction r{v, ReduceOp::Add, {element_->operand(v, 2, p), hit}, {}, {}};
  r.first = element_->operand(v, 0, p);
  return r;
}

/// The index of a maximum comes with the maximum.
bool NestLowering::joins(const Reduction& r) {
  const auto pair_of = [](ReduceOp op) {
    return op == ReduceOp::Max ? ReduceOp::ArgMax : op == ReduceOp::Min ? ReduceOp::ArgMin : op;
  };
  for (Reduction& other : reductions_) {
    if (other.op == r.op || pair_of(other.op) != pair_of(r.op)) continue;
    if (other.values[0].id != r.values[0].id || other.extremum >= 0) continue;
    const bool is_pair = r.op == pair_of(r.op);
    other.extremum = is_pair ? other.node : r.node;
    if (is_pair) other.node = r.node;
    other.op = pair_of(r.op);
    return true;
  }
  return false;
}

void NestLowering::find_values() {
  element_ = std::make_unique<ElementBuilder>(context_.schedule, inlined_, context_.storage);
  for (int v : roots_) {
    const Node& n = node(v);
    const Point p = point_of(v);
    if (n.kind == NodeKind::Product) {
      Reduction r{v, ReduceOp::Add, {}, {}, {}};
      r.values = {element_->operand(v, 0, p), element_->operand(v, 1, p)};
      reductions_.push_back(std::move(r));
    } else if (n.kind == NodeKind::Scatter) {
      reductions_.push_back(scatter(v, p));
    } else if (n.kind == NodeKind::Reduce) {
      // Partial products and scatters are added up.
      GRADUS_CHECK(n.op && (n.op->reduction || n.combine), "a reduction without a rule");
      Reduction r{v, n.op->reduction.value_or(ReduceOp::Add), {element_->operand(v, 0, p)}, {}, {}};
      if (!joins(r)) reductions_.push_back(std::move(r));
    }
    if (accumulates(n)) element_->bind(v);
    if (piece_.materialised.contains(v)) {
      stored_.emplace_back(v, element_->value(v, Point(p.begin(), p.begin() + n.parallel)));
    }
  }
  for (int a : outer_) {
    variables_[a] = leaf_->kernel().add_variable("x", LoopKind::Serial);
    leaf_->set_axis(a, variable(variables_[a]));
  }
  int64_t points = 1;
  for (int a : reduced_) points *= extents_[a];
  const bool unrolled = carrier_in_lanes_ && !granule_ && points <= kUnrolledPoints;
  for (int a : reduced_) {
    variables_[a] = unrolled ? leaf_->kernel().add_variable("k", LoopKind::Unroll, extents_[a])
                             : leaf_->kernel().add_variable("k", LoopKind::Reduce);
    leaf_->set_axis(a, variable(variables_[a]));
  }
}

int NestLowering::identity(const Reduction& r, size_t i) {
  Kernel& k = leaf_->kernel();
  if (r.first.id >= 0) return leaf_->expressions(*element_, std::array{r.first})[0];
  if (i == 1) return k.constant(DType::I32, 0);
  const DType dtype = element_->program().dtype(r.values[0]);
  return k.constant(dtype, identity_of(r.op, dtype));
}

void NestLowering::declare_registers(const std::vector<int>& dims) {
  Kernel& k = leaf_->kernel();
  for (Reduction& r : reductions_) {
    const bool pair = r.op == ReduceOp::ArgMax || r.op == ReduceOp::ArgMin;
    r.acc = {k.add_local("acc", element_->program().dtype(r.values[0]), dims)};
    if (pair) r.acc.push_back(k.add_local("at", DType::I32, dims));
    leaf_->set_register(r.node, r.acc.back());
    if (r.extremum >= 0) leaf_->set_register(r.extremum, r.acc[0]);
  }
}

/// acc = acc combined with the element at this point, for every reduction.
std::vector<Stmt> NestLowering::accumulate(bool merge) {
  Kernel& k = leaf_->kernel();
  std::vector<V> values;
  for (const Reduction& r : reductions_) values.insert(values.end(), r.values.begin(), r.values.end());
  const auto exprs = leaf_->expressions(*element_, values);
  std::vector<Stmt> body;
  size_t next = 0;
  for (const Reduction& r : reductions_) {
    std::vector<int> acc;
    for (int a : r.acc) acc.push_back(k.local_value(a));
    if (node(r.node).kind == NodeKind::Product) {
      const int sum = k.op(ScalarOp::Fma, {exprs[next], exprs[next + 1], acc[0]}, node(r.node).dtype);
      body.push_back(make_assign(r.acc[0], sum, merge));
      next += 2;
      continue;
    }
    if (node(r.node).kind == NodeKind::Scatter) {
      const DType dtype = node(r.node).dtype;
      const int sum = k.op(ScalarOp::Add, {acc[0], exprs[next]}, dtype);
      const int kept = k.op(ScalarOp::Select, {exprs[next + 1], sum, acc[0]}, dtype);
      body.push_back(make_assign(r.acc[0], kept, merge));
      next += 2;
      continue;
    }
    std::vector<int> x{exprs[next++]};
    if (r.acc.size() == 2) {
      Affine position;
      for (int a : reduced_) position = plus(loop::scaled(position, extents_[a]), axis(a));
      x.push_back(leaf_->index_expr(position, DType::I32));
    }
    const auto combined = k.combine(r.op, acc, x, true);
    if (r.acc.size() == 2) {
      // Both new values come from both old ones.
      const auto& dims = k.locals[r.acc[0]].dims;
      const int held = k.add_local("new", k.exprs[combined[0]].dtype, dims);
      body.push_back(make_assign(held, combined[0]));
      body.push_back(make_assign(r.acc[1], combined[1], merge));
      body.push_back(make_assign(r.acc[0], k.local_value(held), merge));
    } else {
      body.push_back(make_assign(r.acc[0], combined[0], merge));
    }
  }
  return body;
}

std::vector<Stmt> NestLowering::stores(const std::vector<int>& dims) {
  Kernel& k = leaf_->kernel();
  std::vector<V> values;
  for (auto [v, value] : stored_) values.push_back(value);
  const auto exprs = leaf_->expressions(*element_, values);
  std::vector<Stmt> body, last;
  for (size_t i = 0; i < stored_.size(); ++i) {
    int e = exprs[i];
    if (stored_.size() > 1) {
      // All loads before all stores: an output may take its input's memory.
      const int held = k.add_local("out", k.exprs[e].dtype, dims);
      body.push_back(make_assign(held, e));
      e = k.local_value(held);
    }
    const int v = stored_[i].first;
    Position position = element_->position(v, point_of(v));
    if (node(v).is_partial()) {
      const int64_t stride = context_.storage.at(v).part_stride;
      position.index = plus(position.index, loop::scaled(axis(part_axis_), stride));
    }
    last.push_back(leaf_->store(position, e));
  }
  for (Stmt& s : last) body.push_back(std::move(s));
  return body;
}

std::vector<Stmt> NestLowering::reduced_loops(size_t count, std::vector<Stmt> body) {
  for (size_t i = count; i-- > 0;) {
    const int a = reduced_[i];
    const bool unrolled = leaf_->kernel().variables[variables_[a]].kind == LoopKind::Unroll;
    // The number of parts varies with the batch, be it one.
    const bool parts = node(reductions_[0].node).combine;
    const Coefficient n = parts ? Coefficient{1, leaf_->arg({.a = extents_[a]}, "parts", a)}
                          : unrolled              ? Coefficient{extents_[a]}
                          : a == granule_axis_ ? leaf_->constant_arg(extents_[a], "granule", a)
                                               : leaf_->count(a, 1);
    body = for_loop(variables_[a], n, std::move(body));
  }
  return body;
}

/// The first `count` outer loops; that over granules is with_parts' own.
std::vector<Stmt> NestLowering::outer_loops(size_t count, std::vector<Stmt> body) {
  for (size_t i = count; i-- > (granule_ ? 1u : 0u);) {
    body = for_loop(variables_[outer_[i]], leaf_->count(outer_[i], 1), std::move(body));
  }
  return body;
}

std::vector<Stmt> NestLowering::initial_values() {
  std::vector<Stmt> init;
  for (const Reduction& r : reductions_) {
    for (size_t i = 0; i < r.acc.size(); ++i) init.push_back(make_assign(r.acc[i], identity(r, i)));
  }
  return init;
}

/// The nest for full granules, and once more for a last, shorter one.
std::vector<Stmt> NestLowering::with_parts(const std::function<std::vector<Stmt>()>& make) {
  if (!granule_) return make();
  const int part = variables_[part_axis_];
  std::vector<Stmt> body = for_loop(part, leaf_->count(part_axis_, 1), make());
  if (granule_rest_ == 0) return body;
  const int64_t whole = extents_[granule_axis_];
  extents_[granule_axis_] = granule_rest_;
  leaf_->set_axis(part_axis_, {}, 1);
  for (Stmt& s : leaf_->if_rest(part_axis_, granule_, make())) body.push_back(std::move(s));
  extents_[granule_axis_] = whole;
  return body;
}

/// One block of `u` vectors along the last outer axis: reductions, then stores.
std::vector<Stmt> NestLowering::block(int u, const std::optional<Limit>& limit) {
  Kernel& k = leaf_->kernel();
  const auto nest = [&](std::vector<Stmt> body, bool limited) {
    Stmt inner = make_for(lane_, {lanes_}, std::move(body));
    if (limit && limited) {
      inner.limit = limit->index;
      inner.bound = limit->bound;
    }
    return for_loop(u, {k.variables[u].count}, body_of(std::move(inner)));
  };
  std::vector<Stmt> body;
  if (!reductions_.empty()) {
    declare_registers({u, lane_});
    const bool loads = std::ranges::any_of(reductions_, [](auto& r) { return r.first.id >= 0; });
    body = nest(initial_values(), loads);
    for (Stmt& s : reduced_loops(reduced_.size(), nest(accumulate(false), true))) {
      body.push_back(std::move(s));
    }
  }
  for (Stmt& s : nest(stores({u, lane_}), true)) body.push_back(std::move(s));
  return body;
}

/// A scalar result that is no sum in lanes: one chain.
std::vector<Stmt> NestLowering::scalar_body() {
  std::vector<Stmt> body;
  if (!reductions_.empty()) {
    declare_registers({});
    body = initial_values();
    for (Stmt& s : reduced_loops(reduced_.size(), accumulate(false))) body.push_back(std::move(s));
  }
  for (Stmt& s : stores({})) body.push_back(std::move(s));
  return body;
}

std::vector<Stmt> NestLowering::lanes_over_result() {
  Kernel& k = leaf_->kernel();
  if (outer_.empty() || (granule_ && outer_.size() == 1)) {
    return with_parts([&] { return scalar_body(); });
  }
  lane_ = k.add_variable("l", LoopKind::Vector, lanes_);
  const int last = outer_.back();
  const size_t size = element_->program().nodes().size();
  const int64_t vectors = (extents_[last] + lanes_ - 1) / lanes_;
  const int64_t unroll = size > kShortProgram ? 1 : std::clamp<int64_t>(vectors, 1, 4);
  const int64_t width = unroll * lanes_;
  const bool whole = extents_[last] % width == 0 && !leaf_->is_carrier(last);
  const bool blocks = extents_[last] >= width && (whole || size <= kLongProgram);
  return with_parts([&] {
    std::vector<Stmt> body;
    if (blocks) {
      const int x = k.add_variable("x", LoopKind::Serial);
      const int u = k.add_variable("u", LoopKind::Unroll, unroll);
      leaf_->set_axis(last, plus(variable(x, width), plus(variable(u, lanes_), variable(lane_))));
      body.push_back(make_for(x, leaf_->count(last, width), block(u, std::nullopt)));
    }
    if (!whole || !blocks) {
      // What is left, or everything: blocks of one vector, masked.
      const int64_t divisor = blocks ? width : int64_t{1} << 40;
      const int x = k.add_variable("x", LoopKind::Serial);
      const int u = k.add_variable("u", LoopKind::Unroll, 1);
      const Index index = plus(variable(x, lanes_), variable(lane_));
      leaf_->set_axis(last, index, blocks ? width : 0);
      const Limit limit{index,
                        leaf_->quantity(last, ArgRule::Kind::Remainder, divisor, 0, "rest")};
      const Coefficient count =
          leaf_->quantity(last, ArgRule::Kind::RestBlocks, divisor, lanes_, "blocks");
      body.push_back(make_for(x, count, block(u, limit)));
    }
    return outer_loops(outer_.size() - 1, std::move(body));
  });
}

/// Whether memory outside of the region is read or written by lane: there is none for dead lanes.
bool NestLowering::varies_by_lane_outside() const {
  return std::ranges::any_of(stored_, [&](const auto& s) { return !context_.has_room(s.first); }) ||
         leaf_->loads_outside(*element_, carrier_);
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
  if (varies_by_lane_outside()) {
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
  while (extents_[leaf_axis] % most != 0) --most;
  return most;
}

/// Sums over the carrier, dealt to the lanes: every part, masked by what there is of the carrier.
/// Several results at once, for a chain waits for its sum at every step.
std::vector<Stmt> NestLowering::parts_over_carrier() {
  Kernel& k = leaf_->kernel();
  lanes_ = std::min(lanes_, kCanonicalLanes);
  const int part = k.add_variable("part", LoopKind::Serial);
  const int b = k.add_variable("block", LoopKind::Reduce);
  const int u = k.add_variable("u", LoopKind::Unroll, kCanonicalLanes / lanes_);
  lane_ = k.add_variable("l", LoopKind::Vector, lanes_);
  const Index lane =
      plus(variable(b, kCanonicalLanes), plus(variable(u, lanes_), variable(lane_)));
  leaf_->set_axis(part_axis_, variable(part));
  leaf_->set_axis(granule_axis_, lane);
  const Coefficient granule = leaf_->constant_arg(granule_, "granule");
  const int count = leaf_->carrier_points();
  const int last = outer_.size() > 1 ? outer_.back() : -1;  // the first is that of the parts
  const int64_t most = std::max<int64_t>(1, kChains / static_cast<int64_t>(reductions_.size()));
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
  declare_registers({q, u, lane_});
  std::vector<Stmt> body = in_lanes(initial_values(), false);
  std::vector<Stmt> step = in_lanes(accumulate(true), true);
  step = for_loop(b, leaf_->constant_arg(granule_ / kCanonicalLanes, "blocks", granule_axis_),
                   std::move(step));
  for (Stmt& s : reduced_loops(reduced_.size() - 1, std::move(step))) body.push_back(std::move(s));
  for (Stmt& s : reduce_lanes({q})) body.push_back(std::move(s));
  for (Stmt& s : for_loop(q, {results}, stores({q}))) body.push_back(std::move(s));
  if (last >= 0) {
    const Coefficient blocks = leaf_->constant_arg(extents_[last] / results, "n", last);
    body = for_loop(variables_[last], blocks, std::move(body));
  }
  body = outer_loops(std::max<size_t>(outer_.size(), 2) - 1, std::move(body));
  const int parts = leaf_->carrier_blocks(granule_, "parts");
  return for_loop(part, {1, parts}, std::move(body));
}

/// The trees over the lanes of all reductions.
std::vector<Stmt> NestLowering::reduce_lanes(const std::vector<int>& dims) {
  Kernel& k = leaf_->kernel();
  std::vector<Stmt> trees;
  for (const Reduction& r : reductions_) {
    Stmt tree{.kind = Stmt::Kind::LaneReduce};
    tree.reduce = r.op;
    for (int a : r.acc) {
      tree.sources.push_back(a);
      tree.targets.push_back(k.add_local("result", k.locals[a].dtype, dims));
    }
    leaf_->set_register(r.node, tree.targets.back());
    if (r.extremum >= 0) leaf_->set_register(r.extremum, tree.targets[0]);
    trees.push_back(std::move(tree));
  }
  return trees;
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
    declare_registers({u, lane_});
    std::vector<Stmt> body = body_of(in_lanes(initial_values(), kCanonicalLanes)), steps;
    const int64_t extent = extents_[last], rest = extent % kCanonicalLanes;
    if (extent >= kCanonicalLanes) {
      const int x = k.add_variable("k", LoopKind::Reduce);
      leaf_->set_axis(last, plus(variable(x, kCanonicalLanes), lane));
      const Coefficient count = last == granule_axis_
                                    ? leaf_->constant_arg(extent / kCanonicalLanes, "blocks", last)
                                    : leaf_->count(last, kCanonicalLanes);
      steps.push_back(make_for(x, count, body_of(in_lanes(accumulate(false), kCanonicalLanes))));
    }
    if (rest) {
      leaf_->set_axis(last, plus(lane, constant_index({extent - rest})));
      steps.push_back(in_lanes(accumulate(true), rest));
    }
    for (Stmt& s : reduced_loops(reduced_.size() - 1, std::move(steps))) {
      body.push_back(std::move(s));
    }
    for (Stmt& s : reduce_lanes({})) body.push_back(std::move(s));
    for (Stmt& s : stores({})) body.push_back(std::move(s));
    return outer_loops(outer_.size(), std::move(body));
  });
}

}  // namespace

Leaf lower_nest(const LowerContext& context, const Piece& piece) {
  return NestLowering(context, piece).run();
}

}  // namespace gradus::loop
