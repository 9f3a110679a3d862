#include "compiler/transforms/crop.h"

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

/// Elementwise nodes between a slice and the convolution that it crops.
constexpr int kDeepest = 8;

struct Box {
  Ints start, limit;
};

class Crop {
 public:
  explicit Crop(const Graph& graph) : graph_(graph), b_(graph.name()), map_(graph) {}
  Graph run();

 private:
  const ops::OpDef& op(Value v) const { return graph_.op(v.node); }
  bool is(Value v, const char* name) const { return op(v).name == name; }
  Value operand(Value v, size_t i = 0) const { return graph_.operands(v.node)[i]; }
  const Ints& ints(Value v, const char* name) const { return graph_.attr<Ints>(v.node, name); }

  std::optional<Box> sliced_convolution(NodeId n) const;
  bool can_crop(Value v, const Box& box, int depth) const;
  Value cropped(Value v, const Box& box);
  Value convolution(NodeId n, Value lhs, Value rhs, ops::ConvDims dims);
  Value rewritten(NodeId n, std::span<const Value> in);

  const Graph& graph_;
  Builder b_;
  ir::ValueMap map_;
  std::vector<int> users_;
};

/// Whether all that is read of v is the box, back to a convolution.
bool Crop::can_crop(Value v, const Box& box, int depth) const {
  const Shape& shape = graph_.type(v).shape;
  if (depth == 0) return false;
  if (is(v, "conv")) {
    if (users_[graph_.value_index(v)] != 1) return false;
    // Only places may be cropped.
    const auto dims = ops::conv_dims(graph_, v.node);
    for (int d = 0; d < shape.rank(); ++d) {
      const bool place = d > dims.batch && d + 1 < shape.rank();
      const bool whole =
          box.start[static_cast<size_t>(d)] == 0 && box.limit[static_cast<size_t>(d)] == shape[d];
      if (!place && !whole) return false;
    }
    return true;
  }
  if (op(v).family != ops::Family::Elementwise || users_[graph_.value_index(v)] != 1) return false;
  bool any = false;
  for (Value u : graph_.operands(v.node))
    any |= can_crop(u, box, depth - 1);
  return any;
}

/// v, of the old graph, within the box.
Value Crop::cropped(Value v, const Box& box) {
  if (can_crop(v, box, kDeepest)) {
    if (is(v, "conv")) {
      auto dims = ops::conv_dims(graph_, v.node);
      const Shape &shape = graph_.type(v).shape, &rhs = graph_.type(operand(v, 1)).shape;
      const Shape& lhs = graph_.type(operand(v)).shape;
      for (size_t i = 0; i < dims.stride.size(); ++i) {
        const auto d = static_cast<size_t>(dims.batch) + 1 + i;
        const auto at = static_cast<int>(d);
        const int64_t reach = (rhs[at - 1] - 1) * dims.dilation[i] + 1;
        if (box.start[d] == 0 && box.limit[d] == shape[at]) continue;
        dims.low[i] -= box.start[d] * dims.stride[i];
        dims.high[i] =
            (box.limit[d] - box.start[d] - 1) * dims.stride[i] + reach - lhs[at] - dims.low[i];
      }
      return ops::conv(b_, map_[operand(v)], map_[operand(v, 1)], dims);
    }
    std::vector<Value> in;
    for (Value u : graph_.operands(v.node))
      in.push_back(cropped(u, box));
    if (graph_.source(v.node)) b_.set_source(graph_.source(v.node));
    return b_.add_node(op(v), in, graph_.attrs(v.node))[v.out];
  }
  const Shape& shape = graph_.type(v).shape;
  if (is(v, "broadcast")) {
    // Along dimensions that are new the box is just smaller.
    const Ints& dims = ints(v, "dims");
    Ints extents;
    bool whole = true;
    for (int d = 0; d < shape.rank(); ++d) {
      const auto at = static_cast<size_t>(d);
      extents.push_back(box.limit[at] - box.start[at]);
      whole &= !ops::contains(dims, d) || extents.back() == shape[d];
    }
    if (whole) return ops::broadcast(b_, map_[operand(v)], Shape(extents), dims);
  }
  return ops::slice(b_, map_[v], box.start, box.limit, Ints(box.start.size(), 1));
}

std::optional<Box> Crop::sliced_convolution(NodeId n) const {
  const Value v{n, 0};
  for (int64_t stride : ints(v, "stride")) {
    if (stride != 1) return {};
  }
  Box box{ints(v, "start"), ints(v, "limit")};
  if (!can_crop(operand(v), box, kDeepest)) return {};
  return box;
}

struct Zeros {
  Value inner;
  Ints low, high;
};

/// v as an array with zeros around it.
std::optional<Zeros> zeros_around(const Builder& b, Value v) {
  if (!ops::is_op(b, v, "pad")) return {};
  const ir::Literal* fill = b.literal(b.graph().operands(v.node)[1]);
  if (!fill || !fill->is_splat_of(0)) return {};
  for (int64_t interior : ops::ints_of(b, v, 2)) {
    if (interior != 0) return {};
  }
  return Zeros{b.graph().operands(v.node)[0], ops::ints_of(b, v, 0), ops::ints_of(b, v, 1)};
}

/// The convolution with the zeros around its operands in its own padding.
Value Crop::convolution(NodeId n, Value lhs, Value rhs, ops::ConvDims dims) {
  const auto only_spatial = [&](const Zeros& z, int first) {
    for (size_t d = 0; d < z.low.size(); ++d) {
      const auto i = static_cast<int>(d) - first;
      const bool spatial = i >= 0 && i < static_cast<int>(dims.stride.size());
      if (!spatial && (z.low[d] != 0 || z.high[d] != 0)) return false;
      if (z.low[d] < 0 || z.high[d] < 0) return false;
    }
    return true;
  };
  bool changed = false;
  if (const auto z = zeros_around(b_, lhs); z && only_spatial(*z, dims.batch + 1)) {
    for (size_t i = 0; i < dims.stride.size(); ++i) {
      const size_t d = static_cast<size_t>(dims.batch) + 1 + i;
      dims.low[i] += z->low[d];
      dims.high[i] += z->high[d];
    }
    lhs = z->inner;
    changed = true;
  }
  if (const auto z = zeros_around(b_, rhs); z && only_spatial(*z, dims.batch)) {
    for (size_t i = 0; i < dims.stride.size(); ++i) {
      const size_t d = static_cast<size_t>(dims.batch) + i;
      dims.low[i] -= z->low[d] * dims.dilation[i];
      dims.high[i] -= z->high[d] * dims.dilation[i];
    }
    rhs = z->inner;
    changed = true;
  }
  if (!changed) return {};
  if (graph_.source(n)) b_.set_source(graph_.source(n));
  return ops::conv(b_, lhs, rhs, dims);
}

Value Crop::rewritten(NodeId n, std::span<const Value> in) {
  static const ops::OpDef& slice = ops::op_named("slice");
  static const ops::OpDef& conv = ops::op_named("conv");
  static const ops::OpDef& transpose = ops::op_named("transpose");
  const ops::OpDef* op = &graph_.op(n);
  if (op == &slice) {
    if (const auto box = sliced_convolution(n)) return cropped(graph_.operands(n)[0], *box);
  } else if (op == &conv) {
    return convolution(n, in[0], in[1], ops::conv_dims(graph_, n));
  } else if (op == &transpose) {
    const auto z = zeros_around(b_, in[0]);
    if (!z) return {};
    const Ints perm = graph_.attr<Ints>(n, "perm");
    Ints low, high;
    for (int64_t d : perm) {
      low.push_back(z->low[static_cast<size_t>(d)]);
      high.push_back(z->high[static_cast<size_t>(d)]);
    }
    const Value zero = b_.zeros({b_.type(in[0]).dtype, Shape{}});
    return ops::pad(b_, ops::transpose(b_, z->inner, perm), zero, low, high, Ints(low.size(), 0));
  }
  return {};
}

Graph Crop::run() {
  users_.assign(graph_.num_values(), 0);
  for (NodeId n = 0; n < graph_.size(); ++n) {
    for (Value v : graph_.operands(n))
      ++users_[graph_.value_index(v)];
  }
  for (Value v : graph_.outputs())
    ++users_[graph_.value_index(v)];
  return rebuild_by_one(graph_, b_, map_,
                        [&](NodeId n, std::span<const Value> in) { return rewritten(n, in); });
}

}  // namespace

Graph crop(const Graph& graph) {
  return Crop(graph).run();
}

}  // namespace gradus::transforms
