#include "compiler/transforms/batch.h"

#include <fmt/format.h>

#include "compiler/ops/axes.h"
#include "compiler/ops/op.h"
#include "compiler/transforms/dce.h"
#include "compiler/transforms/inline_calls.h"
#include "compiler/transforms/rebuild.h"

namespace gradus::transforms {
namespace {

using ir::Builder;
using ir::Graph;
using ir::NodeId;
using ir::Value;
using ir::ValueMap;
using ops::Batched;

std::string called(std::string_view name, std::string_view kind, size_t i) {
  return name.empty() ? fmt::format("{} {}", kind, i) : std::string(name);
}

class Batcher {
 public:
  Batcher(const Graph& f, int64_t size)
      : f_(f), size_(size), b_(f.name()), value_(f), axis_(f.num_values(), -1) {}

  Graph run(std::span<const int> in_axes, std::span<const int> out_axes) {
    for (size_t i = 0; i < f_.inputs().size(); ++i) {
      const Value v = f_.inputs()[i];
      Type type = f_.type(v);
      GRADUS_CHECK(in_axes[i] >= -1 && in_axes[i] <= type.rank());
      if (in_axes[i] >= 0) type.shape = with_axis(type.shape, in_axes[i]);
      set(v, {b_.parameter(type, f_.input_name(i)), in_axes[i]});
    }
    for (NodeId n = 0; n < f_.size(); ++n) {
      if (!is_parameter(f_, n)) batch_node(n);
    }
    std::vector<Value> outputs;
    for (size_t i = 0; i < f_.outputs().size(); ++i)
      outputs.push_back(output(i, out_axes[i]));
    return dce(b_.finish(outputs, output_names(f_)));
  }

 private:
  Shape with_axis(const Shape& shape, int axis) const {
    ir::Ints extents(shape.begin(), shape.end());
    extents.insert(extents.begin() + axis, size_);
    return Shape(extents);
  }

  void set(Value v, Batched x) {
    value_[v] = x.value;
    axis_[f_.value_index(v)] = x.axis;
  }
  Batched get(Value v) const { return {value_[v], axis_[f_.value_index(v)]}; }

  void batch_node(NodeId n) {
    std::vector<Batched> in;
    bool any = false;
    for (Value v : f_.operands(n)) {
      in.push_back(get(v));
      any = any || in.back().axis >= 0;
    }
    if (!any) {
      const auto results = b_.copy_node(f_, n, value_.all(f_.operands(n)));
      for (uint32_t i = 0; i < results.size(); ++i)
        set({n, i}, {results[i]});
      return;
    }
    const ops::OpDef& op = f_.op(n);
    if (!op.batch) {
      throw TransformError({.op = op.name,
                            .what = "cannot be batched: " + op.no_batch,
                            .where = f_.source(n),
                            .remedy = "call it outside vmap"});
    }
    if (f_.source(n)) b_.set_source(f_.source(n));
    const auto results = op.batch({{op, f_.attrs(n)}, b_, in, size_});
    GRADUS_CHECK(results.size() == f_.results(n), op.name);
    for (uint32_t i = 0; i < results.size(); ++i) {
      const Type& type = f_.type({n, i});
      const Shape shape = results[i].axis < 0 ? type.shape : with_axis(type.shape, results[i].axis);
      GRADUS_CHECK(b_.type(results[i].value) == (Type{type.dtype, shape}), op.name);
      set({n, i}, results[i]);
    }
  }

  Value output(size_t i, int axis) {
    const Value v = f_.outputs()[i];
    const Batched x = get(v);
    const int rank = f_.type(v).rank();
    const std::string name = called(f_.output_name(i), "output", i);
    if (axis < -1 || axis > rank) {
      throw TransformError(
          {.op = "vmap",
           .what = fmt::format("out axis of {} out of range; got {}, expected 0 to {}", name, axis,
                               rank),
           .where = f_.source(v.node),
           .remedy = "name an axis that the batched result has"});
    }
    if (axis < 0 && x.axis < 0) return x.value;
    if (axis < 0) {
      throw TransformError(
          {.op = "vmap",
           .what = fmt::format("{} is batched; got out axis none, expected 0 to {}", name, rank),
           .where = f_.source(v.node),
           .remedy = "give it an out axis"});
    }
    return x.axis < 0 ? ops::insert_axis(b_, x.value, axis, size_)
                      : ops::move_axis(b_, x.value, x.axis, axis);
  }

  const Graph& f_;
  int64_t size_;
  Builder b_;
  ValueMap value_;
  std::vector<int> axis_;
};

}  // namespace

int64_t batch_size(std::span<const Type> arguments, std::span<const std::string> names,
                   std::span<const int> in_axes, SourcePos where) {
  int first = -1;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const int axis = in_axes[i];
    if (axis < 0) continue;
    const Type& type = arguments[i];
    if (axis >= type.rank()) {
      throw TransformError(
          {.op = "vmap",
           .what = fmt::format("in axis of {} out of range; got {} for {}, expected less than {}",
                               called(names[i], "argument", i), axis, to_string(type), type.rank()),
           .where = where,
           .remedy = "name an axis that the argument has, or none"});
    }
    if (first < 0) first = static_cast<int>(i);
    const auto f = static_cast<size_t>(first);
    const int64_t expected = arguments[f].shape[in_axes[f]], got = type.shape[axis];
    if (got == expected) continue;
    throw TransformError(
        {.op = "vmap",
         .what = fmt::format("Inconsistent axis sizes: {} and {}; got axis {} of {} {} and axis {} "
                             "of {} {}, expected equal extents",
                             expected, got, in_axes[f], called(names[f], "argument", f),
                             to_string(arguments[f]), axis, called(names[i], "argument", i),
                             to_string(type)),
         .where = where,
         .remedy = "batch over axes of equal extent, or give none for arguments that are shared"});
  }
  if (first >= 0)
    return arguments[static_cast<size_t>(first)].shape[in_axes[static_cast<size_t>(first)]];
  throw TransformError({.op = "vmap",
                        .what = "nothing to batch over; got no in axis, expected at least one",
                        .where = where,
                        .remedy = "give an in axis for at least one argument"});
}

Graph batch(const Graph& f, std::span<const int> in_axes, std::span<const int> out_axes,
            int64_t size) {
  GRADUS_CHECK(in_axes.size() == f.inputs().size() && out_axes.size() == f.outputs().size());
  return Batcher(inline_calls(f), size).run(in_axes, out_axes);
}

}  // namespace gradus::transforms
