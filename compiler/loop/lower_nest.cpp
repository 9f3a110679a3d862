#include "compiler/loop/lower_nest.h"

#include <algorithm>
#include <numeric>

#include "compiler/loop/nest_lowering.h"
#include "runtime/error.h"

namespace gradus::loop {

using schedule::Node;
using schedule::NodeKind;

namespace {

/// Longer element programs have work enough in flight without unrolling.
constexpr size_t kLongProgram = 64;
/// Reduced axes with the carrier in the lanes are unrolled if they have so few points.
constexpr int64_t kUnrolledPoints = 16;

}  // namespace

Leaf NestLowering::run() {
  for (int v : piece_.nodes) {
    const Node& n = node(v);
    const bool reduces = accumulates(n);
    if (reduces || piece_.materialised.contains(v)) roots_.push_back(v);
    if (!reduces) inlined_.insert(v);
  }
  find_axes();
  find_carrier();
  if (carrier_in_lanes_) leaf_->fix_strides();
  find_values();
  int64_t size = 4;
  for (int r : roots_)
    size = std::max(size, static_cast<int64_t>(size_of(node(r).dtype)));
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

void NestLowering::find_values() {
  element_ = std::make_unique<ElementBuilder>(context_.schedule, inlined_, context_.storage);
  reductions_.emplace(*element_, *leaf_);
  reductions_->walk(reduced_);
  for (int v : roots_) {
    const Node& n = node(v);
    const Point p = point_of(v);
    if (accumulates(n)) reductions_->add(v, p);
    if (piece_.materialised.contains(v)) {
      stored_.emplace_back(v, element_->value(v, Point(p.begin(), p.begin() + n.parallel)));
    }
  }
  for (int a : outer_) {
    variables_[a] = leaf_->kernel().add_variable("x", LoopKind::Serial);
    leaf_->set_axis(a, variable(variables_[a]));
  }
  int64_t points = 1;
  for (int a : reduced_)
    points *= extents_[a];
  const bool unrolled = carrier_in_lanes_ && !granule_ && points <= kUnrolledPoints;
  for (int a : reduced_) {
    variables_[a] = unrolled ? leaf_->kernel().add_variable("k", LoopKind::Unroll, extents_[a])
                             : leaf_->kernel().add_variable("k", LoopKind::Reduce);
    leaf_->set_axis(a, variable(variables_[a]));
  }
}

std::vector<Stmt> NestLowering::stores(const std::vector<int>& dims) {
  Kernel& k = leaf_->kernel();
  std::vector<V> values;
  for (auto [v, value] : stored_)
    values.push_back(value);
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
  append(body, std::move(last));
  return body;
}

/// Loops over the reduced axes number from … to-1.
std::vector<Stmt> NestLowering::reduced_loops(size_t from, size_t to, std::vector<Stmt> body) {
  for (size_t i = to; i-- > from;) {
    const int a = reduced_[i];
    const bool unrolled = leaf_->kernel().variables[variables_[a]].kind == LoopKind::Unroll;
    // The number of parts varies with the batch, be it one.
    const bool parts = reductions_->combines_parts();
    const Coefficient n = parts      ? Coefficient{1, leaf_->arg({.a = extents_[a]}, "parts", a)}
                          : unrolled ? Coefficient{extents_[a]}
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

/// The nest for full granules, and once more for a last, shorter one.
std::vector<Stmt> NestLowering::with_parts(const std::function<std::vector<Stmt>()>& make) {
  if (!granule_) return make();
  const int part = variables_[part_axis_];
  std::vector<Stmt> body = for_loop(part, leaf_->count(part_axis_, 1), make());
  if (granule_rest_ == 0) return body;
  const int64_t whole = extents_[granule_axis_];
  extents_[granule_axis_] = granule_rest_;
  leaf_->set_axis(part_axis_, {}, 1);
  append(body, leaf_->if_rest(part_axis_, granule_, make()));
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
  if (reductions_->size() > 0) {
    reductions_->declare({u, lane_});
    body = nest(reductions_->initial_values(), reductions_->loads_first());
    append(body, reduced_loops(0, reduced_.size(), nest(reductions_->accumulate(false), true)));
  }
  append(body, nest(stores({u, lane_}), true));
  return body;
}

/// A scalar result that is no sum in lanes: one chain.
std::vector<Stmt> NestLowering::scalar_body() {
  std::vector<Stmt> body;
  if (reductions_->size() > 0) {
    reductions_->declare({});
    body = reductions_->initial_values();
    append(body, reduced_loops(0, reduced_.size(), reductions_->accumulate(false)));
  }
  append(body, stores({}));
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
      const Limit limit{index, leaf_->quantity(last, ArgRule::Kind::Remainder, divisor, 0, "rest")};
      const Coefficient count =
          leaf_->quantity(last, ArgRule::Kind::RestBlocks, divisor, lanes_, "blocks");
      body.push_back(make_for(x, count, block(u, limit)));
    }
    return outer_loops(outer_.size() - 1, std::move(body));
  });
}

Leaf lower_nest(const LowerContext& context, const Piece& piece) {
  return NestLowering(context, piece).run();
}

}  // namespace gradus::loop
