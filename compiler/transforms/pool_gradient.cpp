#include "compiler/transforms/pool_gradient.h"

#include <optional>
#include <set>

#include "compiler/ops/axes.h"
#include "compiler/ops/build.h"
#include "compiler/ops/op.h"
#include "compiler/transforms/rebuild.h"

namespace gradus::transforms {
namespace {

using ir::Builder;
using ir::Graph;
using ir::Ints;
using ir::NodeId;
using ir::Value;
using ops::is_op;

/// How an array is cut into windows that lie side by side: cropped at the end of its dimensions,
/// split into places and taps, and the taps of all dimensions merged into one last dimension.
struct Windows {
  Value of;              // the array
  Shape cropped, split;  // every dimension of `cropped` is one or two of `split`: place, tap
  Ints perm;             // of `split`: places in order, then taps
};

Value operand(const Builder& b, Value v, size_t i = 0) {
  return b.graph().operands(v.node)[i];
}

bool is_zero(const Builder& b, Value v) {
  const ir::Literal* literal = b.literal(v);
  return literal && literal->is_splat() && *literal == ir::Literal::splat_of(literal->type(), 0);
}

/// Whether each dimension of `cropped` is split into a place and at most one tap, and the places
/// come first and in order.
bool is_pooling(const Windows& w, int places) {
  int d = 0, place = 0;
  for (int i = 0; i < w.cropped.rank(); ++i) {
    if (d >= w.split.rank() || w.perm[static_cast<size_t>(place)] != d) return false;
    int64_t extent = w.split[d++];
    ++place;
    if (d < w.split.rank() && extent * w.split[d] == w.cropped[i] &&
        (extent != w.cropped[i] || w.split.rank() == 2 * w.cropped.rank())) {
      extent *= w.split[d++];
    }
    if (extent != w.cropped[i]) return false;
  }
  return d == w.split.rank() && place == places && places == w.cropped.rank();
}

/// v as windows of another array, if it is.
std::optional<Windows> windows_of(const Builder& b, Value v) {
  if (!is_op(b, v, "reshape")) return {};
  const Value moved = operand(b, v);
  if (!is_op(b, moved, "transpose")) return {};
  const Value split = operand(b, moved);
  if (!is_op(b, split, "reshape")) return {};
  Windows w{operand(b, split), b.type(operand(b, split)).shape, b.type(split).shape,
            ops::ints_of(b, moved, 0)};
  if (is_op(b, w.of, "slice")) {
    for (int64_t start : ops::ints_of(b, w.of, 0)) {
      if (start != 0) return {};
    }
    for (int64_t stride : ops::ints_of(b, w.of, 2)) {
      if (stride != 1) return {};
    }
    w.of = operand(b, w.of);
  }
  if (!is_pooling(w, b.type(v).shape.rank() - 1)) return {};
  return w;
}

/// unpool(g): g where the windows' maximum is, elsewhere zero.
struct Unpool {
  Value g, argmax;
  Windows windows;
  Value pooled;  // what the maximum was taken of: the windows, taps last
  Value zeros;   // of the size of `pooled`
  Value chosen;  // whether an element of `pooled` is the maximum
};

std::optional<Unpool> unpool_of(const Builder& b, Value v) {
  const Shape full = b.type(v).shape;
  bool padded = false;
  if (is_op(b, v, "pad")) {
    if (!is_zero(b, operand(b, v, 1))) return {};
    for (int64_t low : ops::ints_of(b, v, 0)) {
      if (low != 0) return {};
    }
    for (int64_t interior : ops::ints_of(b, v, 2)) {
      if (interior != 0) return {};
    }
    v = operand(b, v);
    padded = true;
  }
  if (!is_op(b, v, "reshape")) return {};
  const Shape cropped = b.type(v).shape;
  v = operand(b, v);
  if (!is_op(b, v, "transpose")) return {};
  const Ints back = ops::ints_of(b, v, 0);
  const Shape split = b.type(v).shape;
  v = operand(b, v);
  if (!is_op(b, v, "reshape")) return {};
  v = operand(b, v);
  if (!is_op(b, v, "select") || !is_zero(b, operand(b, v, 2))) return {};
  Unpool u{.zeros = operand(b, v, 2), .chosen = operand(b, v, 0)};
  const Value spread = operand(b, v, 1);
  const int last = b.type(v).shape.rank() - 1;
  const auto is_spread = [&](Value x) {
    return is_op(b, x, "broadcast") && !ops::contains(ops::ints_of(b, x, 1), last);
  };
  if (!is_spread(spread) || !is_op(b, u.chosen, "eq")) return {};
  u.g = operand(b, spread);
  for (size_t i = 0; i < 2; ++i) {
    const Value index = operand(b, u.chosen, i), place = operand(b, u.chosen, 1 - i);
    if (!is_spread(index)) continue;
    Value argmax = operand(b, index);
    if (is_op(b, argmax, "convert")) argmax = operand(b, argmax);
    if (!is_op(b, argmax, "argmax")) continue;
    const bool counts = is_op(b, place, "broadcast") && is_op(b, operand(b, place), "iota") &&
                        ops::ints_of(b, place, 1) == Ints{last};
    if (!counts &&
        !(is_op(b, place, "iota") && b.graph().attr<int64_t>(place.node, "dim") == last)) {
      continue;
    }
    u.argmax = argmax;
  }
  if (!u.argmax || b.graph().attr<int64_t>(u.argmax.node, "axis") != last) return {};
  u.pooled = operand(b, u.argmax);
  const auto w = windows_of(b, u.pooled);
  if (!w || b.type(u.pooled).shape != b.type(v).shape) return {};
  if (w->cropped != cropped || w->split != split || w->perm != ops::inverse_of(back)) return {};
  if (b.type(w->of).shape != full || padded != (cropped != full)) return {};
  u.windows = *w;
  return u;
}

class PoolGradient {
 public:
  explicit PoolGradient(const Graph& graph) : graph_(graph), b_(graph.name()), map_(graph) {}
  Graph run();

 private:
  Value rewritten(NodeId n, std::span<const Value> in);
  Value mask_of_output(NodeId n, std::span<const Value> in);
  Value narrow(std::span<const Value> in);
  Value masked(std::span<const Value> in);
  Value summed(NodeId n, std::span<const Value> in);

  const Graph& graph_;
  Builder b_;
  ir::ValueMap map_;
  std::set<std::pair<size_t, size_t>> maxima_;  // operands of max in the old graph
};

/// x > c as max(x, c) > c.
Value PoolGradient::mask_of_output(NodeId n, std::span<const Value> in) {
  const auto old = graph_.operands(n);
  if (!maxima_.contains({graph_.value_index(old[0]), graph_.value_index(old[1])})) return {};
  const ir::Literal* c = b_.literal(in[1]);
  if (!c || !c->is_splat()) return {};
  return ops::gt(b_, ops::max(b_, in[0], in[1]), in[1]);
}

/// Which of at most 256 elements is the largest fits a byte.
Value PoolGradient::narrow(std::span<const Value> in) {
  for (size_t i = 0; i < 2; ++i) {
    const Value index = in[i], place = in[1 - i];
    if (!is_op(b_, index, "broadcast") || !is_op(b_, operand(b_, index), "argmax")) continue;
    const Value argmax = operand(b_, index);
    const auto axis = static_cast<int>(b_.graph().attr<int64_t>(argmax.node, "axis"));
    const bool spread = is_op(b_, place, "broadcast");
    const Value iota = spread ? operand(b_, place) : place;
    if (!is_op(b_, iota, "iota")) continue;
    const auto dim = static_cast<int>(b_.graph().attr<int64_t>(iota.node, "dim"));
    const Shape counted = b_.type(iota).shape, shape = b_.type(index).shape;
    if (counted[dim] > 256 || b_.type(operand(b_, argmax)).shape[axis] > 256) continue;
    Value byte_place = ops::iota(b_, {DType::U8, counted}, dim);
    if (spread) byte_place = ops::broadcast(b_, byte_place, shape, ops::ints_of(b_, place, 1));
    const Value byte = ops::convert(b_, argmax, DType::U8);
    return ops::eq(b_, ops::broadcast(b_, byte, shape, ops::ints_of(b_, index, 1)), byte_place);
  }
  return {};
}

/// select(r > c, unpool(g), 0), with r pooled.
Value PoolGradient::masked(std::span<const Value> in) {
  if (!is_op(b_, in[0], "gt") || !is_zero(b_, in[2])) return {};
  const auto u = unpool_of(b_, in[1]);
  const ir::Literal* c = b_.literal(operand(b_, in[0], 1));
  if (!u || !c || !c->is_splat() || operand(b_, in[0]) != u->windows.of) return {};
  const Shape small = b_.type(u->g).shape, large = b_.type(u->pooled).shape;
  const int last = large.rank() - 1;
  const Value pooled = ops::reduce_max(b_, u->pooled, {last});
  const Value mask = ops::gt(b_, pooled, b_.constant(c->splat_like(small)));
  const Value g = ops::select(b_, mask, u->g, ops::zeros_like(b_, u->g));
  Value v = ops::select(b_, u->chosen, ops::broadcast(b_, g, large, ops::all_axes(last)), u->zeros);
  const Windows& w = u->windows;
  Ints moved;
  for (int64_t d : w.perm)
    moved.push_back(w.split[static_cast<int>(d)]);
  v = ops::reshape(b_, v, Shape(moved));
  v = ops::transpose(b_, v, ops::inverse_of(w.perm));
  v = ops::reshape(b_, v, w.cropped);
  const Shape full = b_.type(in[1]).shape;
  if (full == w.cropped) return v;
  Ints high, none(static_cast<size_t>(full.rank()), 0);
  for (int d = 0; d < full.rank(); ++d)
    high.push_back(full[d] - w.cropped[d]);
  return ops::pad(b_, v, b_.zeros({b_.type(v).dtype, Shape{}}), none, high, none);
}

/// The sum of unpool(g) over all dimensions that windows span.
Value PoolGradient::summed(NodeId n, std::span<const Value> in) {
  const auto u = unpool_of(b_, in[0]);
  if (!u) return {};
  const Ints axes = graph_.attr<Ints>(n, "axes");
  const Shape full = b_.type(in[0]).shape, small = b_.type(u->g).shape;
  for (int d = 0; d < full.rank(); ++d) {
    if (full[d] != small[d] && !ops::contains(axes, d)) return {};
  }
  return ops::reduce_sum(b_, u->g, axes);
}

Value PoolGradient::rewritten(NodeId n, std::span<const Value> in) {
  static const ops::OpDef& gt = ops::op_named("gt");
  static const ops::OpDef& select = ops::op_named("select");
  static const ops::OpDef& sum = ops::op_named("reduce_sum");
  const ops::OpDef* op = &graph_.op(n);
  static const ops::OpDef& eq = ops::op_named("eq");
  if (op != &gt && op != &select && op != &sum && op != &eq) return {};
  if (graph_.source(n)) b_.set_source(graph_.source(n));
  if (op == &eq) return narrow(in);
  if (op == &gt) return mask_of_output(n, in);
  return op == &select ? masked(in) : summed(n, in);
}

Graph PoolGradient::run() {
  static const ops::OpDef& max = ops::op_named("max");
  for (NodeId n = 0; n < graph_.size(); ++n) {
    if (&graph_.op(n) != &max) continue;
    const size_t x = graph_.value_index(graph_.operands(n)[0]);
    const size_t y = graph_.value_index(graph_.operands(n)[1]);
    maxima_.insert({{x, y}, {y, x}});
  }
  return rebuild_by_one(graph_, b_, map_,
                        [&](NodeId n, std::span<const Value> in) { return rewritten(n, in); });
}

}  // namespace

Graph pool_gradient(const Graph& graph) {
  return PoolGradient(graph).run();
}

}  // namespace gradus::transforms
