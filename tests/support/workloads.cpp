#include "tests/support/workloads.h"

#include <fmt/format.h>

#include <numeric>

#include "compiler/ops/build.h"
#include "compiler/transforms/batch.h"
#include "compiler/transforms/gradient.h"
#include "compiler/transforms/passes.h"

namespace gradus::testing {

using ir::Builder;
using ir::Graph;
using ir::Value;

namespace {

std::vector<Value> declare_parameters(Builder& b, const MlpSizes& sizes) {
  std::vector<Value> params;
  for (size_t i = 0; i + 1 < sizes.layers.size(); ++i) {
    const int64_t in = sizes.layers[i], out = sizes.layers[i + 1];
    params.push_back(b.parameter({sizes.dtype, {out, in}}, fmt::format("params[{}].w", i)));
    params.push_back(b.parameter({sizes.dtype, {out}}, fmt::format("params[{}].b", i)));
  }
  return params;
}

Value minus_logsumexp(Builder& b, Value x) {
  const Shape shape = b.type(x).shape;
  const Value top = ops::stop_gradient(b, ops::reduce_max(b, x, {0}));
  const Value shifted = ops::sub(b, x, ops::broadcast(b, top, shape, {}));
  const Value sum = ops::reduce_sum(b, ops::exp(b, shifted), {0});
  const Value normaliser = ops::add(b, ops::log(b, sum), top);
  return ops::sub(b, x, ops::broadcast(b, normaliser, shape, {}));
}

}  // namespace

Graph mlp_predict(const MlpSizes& sizes) {
  Builder b("predict");
  const auto params = declare_parameters(b, sizes);
  Value x = b.parameter({sizes.dtype, {sizes.layers[0]}}, "image");
  for (size_t i = 0; i < params.size(); i += 2) {
    x = ops::add(b, ops::dot(b, params[i], x, {{1}, {0}, {}, {}}), params[i + 1]);
    if (i + 2 < params.size()) x = ops::max(b, x, ops::zeros_like(b, x));
  }
  const Value result = minus_logsumexp(b, x);
  return b.finish({&result, 1}, {"log_probabilities"});
}

Graph mlp_loss(const MlpSizes& sizes) {
  std::vector<int> in_axes((sizes.layers.size() - 1) * 2, -1);
  in_axes.push_back(0);
  const Graph predict = transforms::batch(mlp_predict(sizes), in_axes, std::vector{0}, sizes.batch);

  Builder b("loss");
  auto inputs = declare_parameters(b, sizes);
  inputs.push_back(b.parameter({sizes.dtype, {sizes.batch, sizes.layers.front()}}, "images"));
  const Type type{sizes.dtype, {sizes.batch, sizes.layers.back()}};
  const Value targets = b.parameter(type, "targets");
  const Value logp = b.inline_graph(predict, inputs)[0];
  const Value sum = ops::reduce_sum(b, ops::mul(b, logp, targets), {0, 1});
  const auto count = static_cast<double>(type.elements());
  const Value loss = ops::neg(b, ops::div(b, sum, ops::constant_like(b, sum, count)));
  return b.finish({&loss, 1}, {"loss"});
}

Graph sgd_step(const Graph& loss, double rate) {
  std::vector<int> wrt(loss.inputs().size() - 2);
  std::iota(wrt.begin(), wrt.end(), 0);
  const Graph gradient = transforms::gradient(loss, wrt);

  Builder b("update");
  std::vector<Value> inputs;
  for (size_t i = 0; i < loss.inputs().size(); ++i) {
    inputs.push_back(b.parameter(loss.type(loss.inputs()[i]), loss.input_name(i)));
  }
  const auto gradients = b.inline_graph(gradient, inputs);
  std::vector<Value> updated;
  std::vector<std::string> names;
  for (size_t i = 0; i < gradients.size(); ++i) {
    const Value step = ops::mul(b, ops::constant_like(b, gradients[i], rate), gradients[i]);
    updated.push_back(ops::sub(b, inputs[i], step));
    names.push_back(loss.input_name(i));
  }
  return b.finish(updated, names);
}

Graph mlp_step(const MlpSizes& sizes, double rate) {
  return sgd_step(mlp_loss(sizes), rate);
}

Graph s3_step(int64_t batch) {
  Graph step = mlp_step({.batch = batch});
  for (const transforms::Pass& pass : transforms::passes())
    step = pass.run(step);
  return step;
}

}  // namespace gradus::testing
