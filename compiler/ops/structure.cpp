// parameter, constant, iota, barrier.
#include <fmt/format.h>

#include "compiler/ops/elementwise.h"
#include "compiler/ops/families.h"
#include "compiler/ops/reference_values.h"

namespace gradus::ops {
namespace {

void add_parameter(Registry& registry) {
  registry.add({
      .name = "parameter",
      .family = Family::Structure,
      .operands = 0,
      .attributes = {{"index", AttrKind::Int}},
      .opaque = true,
      .infer = [](const InferContext& c) -> std::vector<Type> {
        internal_error(__FILE__, __LINE__, "parameters are made by Builder::parameter", c.op.name);
      },
      .reference = [](const ReferenceContext& c) -> std::vector<RefArray> {
        internal_error(__FILE__, __LINE__, "parameters are bound by the evaluator", c.op.name);
      },
      .no_jvp = "the tangent of an input is given",
      .no_batch = "the batch axis of an input is given",
      .no_lowering = "an input is a buffer",
  });
}

void add_constant(Registry& registry) {
  registry.add({
      .name = "constant",
      .family = Family::Structure,
      .operands = 0,
      .attributes = {{"value", AttrKind::Literal}},
      .infer =
          [](const InferContext& c) { return std::vector{c.attr<ir::Literal>("value").type()}; },
      .reference =
          [](const ReferenceContext& c) {
            return std::vector{reference_of(c.attr<ir::Literal>("value"))};
          },
      .no_jvp = "it has no operands",
      .no_batch = "it has no operands",
      .no_lowering = "a constant is a buffer or an immediate",
  });
}

std::vector<Type> infer_iota(const InferContext& c) {
  const DType dtype = c.attr<DType>("dtype");
  const Shape shape{std::span(c.ints("shape"))};
  const int64_t dim = c.integer("dim");
  if (!accepts(kNumber, dtype)) {
    fail_dtype(
        c, fmt::format("no such sequence; got {}, expected {}", name_of(dtype), describe(kNumber)),
        "convert the result");
  }
  expect_axis(c, dim, shape.rank(), "dim");
  return {Type{dtype, shape}};
}

std::vector<RefArray> reference_iota(const ReferenceContext& c) {
  RefArray out = make_reference(c.out_types[0]);
  const Shape& shape = out.type.shape;
  const auto dim = static_cast<int>(c.integer("dim"));
  int64_t inner = 1;
  for (int d = dim + 1; d < shape.rank(); ++d)
    inner *= shape[d];
  for (int64_t i = 0; i < shape.elements(); ++i)
    set_number(out, i, i / inner % shape[dim]);
  return {out};
}

void add_iota(Registry& registry) {
  registry.add({
      .name = "iota",
      .family = Family::Structure,
      .operands = 0,
      .attributes = {{"shape", AttrKind::Ints}, {"dtype", AttrKind::DType}, {"dim", AttrKind::Int}},
      .infer = infer_iota,
      .reference = reference_iota,
      // The one input is the index along `dim`, of any integer dtype.
      .scalar =
          [](const ScalarContext& c) { return std::vector{c.s.convert(c.in[0], c.out_dtypes[0])}; },
      .space =
          [](const SpaceContext& c) { return space_of_result(SpaceKind::View, c.out[0].shape); },
      .no_jvp = "it has no operands",
      .no_batch = "it has no operands",
  });
}

void add_barrier(Registry& registry) {
  registry.add({
      .name = "barrier",
      .family = Family::Structure,
      .operands = -1,
      .results = -1,
      .opaque = true,
      .infer = [](const InferContext& c) { return std::vector(c.in.begin(), c.in.end()); },
      .reference = [](const ReferenceContext& c) { return std::vector(c.in.begin(), c.in.end()); },
      .jvp =
          [](const JvpContext& c) {
            std::vector<Value> tangents(c.out.size());
            tangents[static_cast<size_t>(c.operand)] = c.t;
            return tangents;
          },
      .batch =
          [](const BatchContext& c) {
            std::vector<Value> operands;
            for (const Batched& x : c.in)
              operands.push_back(x.value);
            const auto values = c.b.add_node(c.op, operands, {});
            std::vector<Batched> results;
            for (size_t i = 0; i < values.size(); ++i)
              results.push_back({values[i], c.in[i].axis});
            return results;
          },
      .no_lowering = "its results are its operands",
  });
}

}  // namespace

void register_structure(Registry& registry) {
  add_parameter(registry);
  add_constant(registry);
  add_iota(registry);
  add_barrier(registry);
}

}  // namespace gradus::ops
