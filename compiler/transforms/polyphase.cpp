#include "compiler/transforms/polyphase.h"

#include <algorithm>
#include <optional>

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

/// More phases than this are more kernels than they are worth.
constexpr int64_t kMostPhases = 16;

/// conv(spread(x), w) with s - 1 zeros between neighbours along each spatial dimension.
class Phases {
 public:
  Phases(Builder& b, Value x, Value w, ops::ConvDims dims, Ints spread, const Shape& result)
      : b_(b), x_(x), w_(w), dims_(std::move(dims)), spread_(std::move(spread)), result_(result) {}

  Value run() { return interleaved(0, Ints(spread_.size())); }

 private:
  int64_t places(size_t i) const { return (result_[axis(i)] + spread_[i] - 1) / spread_[i]; }
  /// Spatial dimension i of x and of the result.
  int axis(size_t i) const { return dims_.batch + 1 + static_cast<int>(i); }
  Value interleaved(size_t i, Ints residue);
  Value phase(const Ints& residue);

  Builder& b_;
  const Value x_, w_;
  const ops::ConvDims dims_;
  const Ints spread_;
  const Shape result_;
};

/// With the residues of the dimensions before i given, the result's places along the others.
Value Phases::interleaved(size_t i, Ints residue) {
  if (i == spread_.size()) return phase(residue);
  if (spread_[i] == 1) return interleaved(i + 1, residue);
  std::vector<Value> phases;
  for (residue[i] = 0; residue[i] < spread_[i]; ++residue[i]) {
    const Value v = interleaved(i + 1, residue);
    phases.push_back(ops::reshape(b_, v, b_.type(v).shape.with_inserted(axis(i) + 1, 1)));
  }
  const Value stacked = ops::concatenate(b_, phases, axis(i) + 1);
  Shape whole = b_.type(stacked).shape.without(axis(i) + 1);
  whole = whole.with(axis(i), places(i) * spread_[i]);
  const Value merged = ops::reshape(b_, stacked, whole);
  if (whole[axis(i)] == result_[axis(i)]) return merged;
  const Shape limit = whole.with(axis(i), result_[axis(i)]);
  const Ints zeros(static_cast<size_t>(whole.rank())), ones(zeros.size(), 1);
  return ops::slice(b_, merged, zeros, Ints(limit.begin(), limit.end()), ones);
}

/// Place q of the phase is place s q + residue of the result: tap k meets an element there if
/// s divides residue + k - low.
Value Phases::phase(const Ints& residue) {
  const Shape &x = b_.type(x_).shape, &w = b_.type(w_).shape;
  ops::ConvDims dims = dims_;
  Ints start(static_cast<size_t>(w.rank())), stride(start.size(), 1), limit(w.begin(), w.end());
  bool empty = false;
  for (size_t i = 0; i < spread_.size(); ++i) {
    const int64_t s = spread_[i];
    if (s == 1) continue;
    const auto tap = static_cast<size_t>(dims_.batch) + i;
    const int64_t first = ((dims_.low[i] - residue[i]) % s + s) % s;
    const int64_t taps = (limit[tap] - first + s - 1) / s;
    if (taps <= 0) empty = true;
    start[tap] = std::min(first, limit[tap]);
    stride[tap] = s;
    dims.low[i] = (dims_.low[i] - residue[i] - first) / s;
    dims.high[i] = places(i) - 1 + taps - x[axis(i)] - dims.low[i];
  }
  if (empty) {
    Shape shape = result_;
    for (size_t i = 0; i < spread_.size(); ++i)
      shape = shape.with(axis(i), places(i));
    return b_.zeros({b_.type(x_).dtype, shape});
  }
  return ops::conv(b_, x_, ops::slice(b_, w_, start, limit, stride), dims);
}

/// The array that v spreads out along the convolution's spatial dimensions, and how far.
struct Spread {
  Value inner;
  Ints by;
};
std::optional<Spread> spread_of(const Builder& b, Value v, const ops::ConvDims& dims) {
  if (!ops::is_op(b, v, "pad")) return {};
  const ir::Literal* fill = b.literal(b.graph().operands(v.node)[1]);
  if (!fill || !fill->is_splat_of(0)) return {};
  Spread found{b.graph().operands(v.node)[0], {}};
  const Ints low = ops::ints_of(b, v, 0), high = ops::ints_of(b, v, 1),
             interior = ops::ints_of(b, v, 2);
  int64_t phases = 1;
  for (size_t d = 0; d < interior.size(); ++d) {
    const auto i = static_cast<int64_t>(d) - dims.batch - 1;
    const bool spatial = i >= 0 && i < static_cast<int64_t>(dims.stride.size());
    if (low[d] != 0 || high[d] != 0 || (!spatial && interior[d] != 0)) return {};
    if (!spatial) continue;
    const auto at = static_cast<size_t>(i);
    if (interior[d] > 0 && (dims.stride[at] != 1 || dims.dilation[at] != 1)) return {};
    phases *= interior[d] + 1;
    found.by.push_back(interior[d] + 1);
  }
  if (phases == 1 || phases > kMostPhases) return {};
  return found;
}

}  // namespace

Graph polyphase(const Graph& graph) {
  static const ops::OpDef& conv = ops::op_named("conv");
  Builder b(graph.name());
  ir::ValueMap map(graph);
  return rebuild_by_one(graph, b, map, [&](NodeId n, std::span<const Value> in) -> Value {
    if (&graph.op(n) != &conv) return {};
    const ops::ConvDims dims = ops::conv_dims(graph, n);
    const auto spread = spread_of(b, in[0], dims);
    const Shape result = graph.type(Value{n, 0}).shape;
    if (!spread || result.elements() == 0) return {};
    if (graph.source(n)) b.set_source(graph.source(n));
    return Phases(b, spread->inner, in[1], dims, spread->by, result).run();
  });
}

}  // namespace gradus::transforms
