#include "compiler/transforms/gradient.h"

#include <fmt/format.h>

#include "compiler/ir/builder.h"
#include "compiler/ops/op.h"
#include "compiler/transforms/dce.h"
#include "compiler/transforms/rebuild.h"
#include "compiler/transforms/split_linear.h"
#include "compiler/transforms/transpose.h"

namespace gradus::transforms {
namespace {

using ir::Builder;
using ir::Graph;
using ir::Value;

std::string name_of_gradient(const Graph& f, int input) {
  const std::string& name = f.input_name(static_cast<size_t>(input));
  return name.empty() ? name : "gradient of " + name;
}

struct Pulled {
  std::vector<Value> outputs, cotangents;
};

/// Outputs, and cotangents of the inputs `wrt` from those of the first seeds.size() outputs.
Pulled pull_back(Builder& b, const Graph& f, std::span<const int> wrt,
                 std::span<const Value> inputs, std::span<const Value> seeds) {
  const Linearized linearized = linearize(f, wrt, seeds.size());
  const SplitLinear split = split_linear(linearized);
  const Graph back = transpose(split.linear, split.residuals);
  const auto values = b.inline_graph(split.primal, inputs);
  const auto outputs = static_cast<std::ptrdiff_t>(linearized.primal_outputs);
  Pulled pulled;
  pulled.outputs.assign(values.begin(), values.begin() + outputs);
  std::vector<Value> back_inputs(values.begin() + outputs, values.end());
  for (size_t i = 0; i < seeds.size(); ++i) {
    if (linearized.tangent[i] >= 0) back_inputs.push_back(seeds[i]);
  }
  pulled.cotangents = b.inline_graph(back, back_inputs);
  return pulled;
}

std::vector<Value> declare_inputs(Builder& b, const Graph& f) {
  std::vector<Value> inputs;
  for (size_t i = 0; i < f.inputs().size(); ++i) {
    inputs.push_back(b.parameter(f.type(f.inputs()[i]), f.input_name(i)));
  }
  return inputs;
}

void expect_scalar(const Graph& f) {
  GRADUS_CHECK(!f.outputs().empty());
  const Value v = f.outputs()[0];
  const Type& type = f.type(v);
  if (is_float(type.dtype) && type.rank() == 0) return;
  throw TransformError(
      {.op = "grad",
       .what = fmt::format("the function's result is not a float scalar; got {}, expected f32[] or "
                           "f64[]",
                           to_string(type)),
       .where = f.source(v.node),
       .remedy = "reduce it to one number with sum or mean, or use vjp"});
}

}  // namespace

Graph vjp(const Graph& f, std::span<const int> wrt) {
  Builder b(f.name());
  const auto inputs = declare_inputs(b, f);
  std::vector<Value> seeds(f.outputs().size());
  for (size_t i = 0; i < seeds.size(); ++i) {
    const Type& type = f.type(f.outputs()[i]);
    const std::string& name = f.output_name(i);
    if (!is_float(type.dtype)) continue;
    seeds[i] = b.parameter(type, name.empty() ? name : "cotangent of " + name);
  }
  auto [outputs, cotangents] = pull_back(b, f, wrt, inputs, seeds);
  auto names = output_names(f);
  outputs.insert(outputs.end(), cotangents.begin(), cotangents.end());
  for (int i : wrt)
    names.push_back(name_of_gradient(f, i));
  return dce(b.finish(outputs, names));
}

Graph gradient(const Graph& f, std::span<const int> wrt, bool with_outputs) {
  expect_scalar(f);
  Builder b(f.name());
  const auto inputs = declare_inputs(b, f);
  const Value one = b.splat(f.type(f.outputs()[0]), 1);
  auto [outputs, cotangents] = pull_back(b, f, wrt, inputs, {&one, 1});
  auto names = output_names(f);
  if (!with_outputs) {
    outputs.clear();
    names.clear();
  }
  outputs.insert(outputs.end(), cotangents.begin(), cotangents.end());
  for (int i : wrt)
    names.push_back(name_of_gradient(f, i));
  return dce(b.finish(outputs, names));
}

}  // namespace gradus::transforms
