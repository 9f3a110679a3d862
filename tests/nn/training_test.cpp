// Whole models in compiled steps: what layers compute together, against the same without jit.
#include <gradus/nn/nn.h>
#include <catch2/catch_test_macros.hpp>

#include "tests/nn/golden.h"

using namespace gradus;

namespace {

nn::Module every_layer() {
  return nn::Sequential{
      nn::Conv2D(6, 3, {.padding = "SAME", .bias = false}),
      nn::BatchNorm(),
      nn::relu,
      nn::MaxPool(3, {.stride = 2, .padding = 1}),
      nn::Skip(nn::Sequential{nn::Conv2D(6, 3, {.padding = 1, .groups = 2}), nn::GroupNorm(3),
                              nn::silu}),
      nn::Parallel({nn::Conv2D(2, 1), nn::AvgPool(3, {.stride = 1, .padding = 1})}),
      nn::ConvTranspose(4, {2, 2}, {.stride = 2}),
      nn::AdaptiveAvgPool({2, 3}),
      nn::Flatten(),
      nn::Dropout(0.2),
      nn::Linear(8),
      nn::LayerNorm(),
      nn::gelu,
      nn::RMSNorm(),
      nn::Linear(3),
  };
}

struct Outcome {
  Tensor loss;
  nn::Params gradient;
  nn::State state;
};

/// One gradient of cross-entropy in training.
Outcome differentiate(const nn::Module& model, const nn::Params& params, const nn::State& state,
                      const Tensor& x, const Tensor& labels) {
  const auto loss = [&](const nn::Params& params) {
    const auto [logits, next] = model.apply(params, state, x, nn::Mode::Train);
    const Tensor value = -mean(sum(log_softmax(logits) * one_hot(labels, 3), -1));
    return with_aux(value, next);
  };
  const auto [value, gradient, next] = value_and_grad(loss)(params);
  return {value, gradient, next};
}

}  // namespace

TEST_CASE("a model with every layer: the compiled step is the uncompiled one, and learns") {
  const nn::Module model = every_layer();
  const Tensor x = random::normal(random::key(2), {6, 9, 8, 3});
  const Tensor labels = tensor({0, 1, 2, 2, 1, 0});
  auto [params, state] = model.init(random::key(0), x);
  const Outcome plain = differentiate(model, params, state, x, labels);
  const auto jitted = jit([model](nn::Params params, nn::State state, Tensor x, Tensor labels) {
    return differentiate(model, params, state, x, labels);
  });
  const Outcome compiled = jitted(params, state, x, labels);
  CHECK(close(compiled.loss, plain.loss));
  for (const auto& [name, g] : plain.gradient) {
    INFO(name);
    CHECK(close(compiled.gradient.at(name), g, 1e-4));
  }
  CHECK(close(compiled.state.at("batch_norm/mean"), plain.state.at("batch_norm/mean")));

  const auto step = jit([model](nn::Params params, nn::State state, Tensor x, Tensor labels) {
    Outcome o = differentiate(model, params, state, x, labels);
    o.gradient = tree_map([](Tensor p, Tensor g) { return p - 0.2 * g; }, params, o.gradient);
    return o;
  });
  float first = 0, last = 0;
  for (int i = 0; i < 40; ++i) {
    Outcome o = step(std::move(params), std::move(state), x, labels);
    params = std::move(o.gradient);
    state = std::move(o.state);
    last = o.loss.item<float>();
    if (i == 0) first = last;
  }
  INFO(first << " " << last);
  CHECK(last < 0.5f * first);
}

TEST_CASE("gradients of single examples: vmap of grad of a model written for one") {
  const nn::Sequential model{nn::Conv2D(4, 3), nn::relu, nn::MaxPool({2, 2}), nn::Flatten(0),
                             nn::Linear(2)};
  const Tensor images = ramp({5, 8, 8, 1}, 1);
  const auto params = model.init(random::key(0), images[0]).params;
  const auto loss = [model](const nn::Params& params, const Tensor& image) {
    return sum(square(model.apply(params, image)));
  };
  const nn::Params each = vmap(grad(loss), in_axes(none, 0))(params, images);
  for (int i : {0, 3}) {
    const nn::Params one = grad(loss)(params, images[i]);
    for (const auto& [name, g] : one) {
      INFO(name);
      CHECK(close(each.at(name)[i], g));
    }
  }
}
