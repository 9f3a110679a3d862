// The published training steps, written as a user writes them.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include <gradus/gradus.h>

#include "bench.h"
#include "compiler/codegen/kernel_library.h"
#include "sampling.h"

namespace gradus::bench {
namespace {

struct Layer {
  Tensor w, b;
};
using Params = std::vector<Layer>;

/// An image's way: convolutions, each with ReLU and a pooling of 2×2, then dense layers.
struct Conv {
  int64_t taps, outputs, padding;
};
struct Network {
  std::vector<Conv> convolutions;
  std::vector<int64_t> sizes;  // of the dense layers, the first one's inputs included
  bool by_image = false;       // written for one image and mapped: weights [outputs, inputs]
};

struct Adam {
  Tensor steps;
  Params first, second;
};

struct State {
  Params params;
  Adam adam;
  Tensor key;
};

Tensor random_normal(std::mt19937& engine, Shape shape, double deviation) {
  std::normal_distribution<float> normal(0, static_cast<float>(deviation));
  std::vector<float> values(static_cast<size_t>(shape.elements()));
  for (float& x : values)
    x = normal(engine);
  return tensor(values, shape);
}

Params random_params(std::mt19937& engine, const Network& network) {
  Params params;
  int64_t channels = 1;
  for (const Conv& conv : network.convolutions) {
    const double deviation = 1 / std::sqrt(static_cast<double>(conv.taps * conv.taps * channels));
    const Shape shape = {conv.taps, conv.taps, channels, conv.outputs};
    params.push_back({random_normal(engine, shape, deviation), zeros({conv.outputs})});
    channels = conv.outputs;
  }
  const auto& sizes = network.sizes;
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    const double deviation = 1 / std::sqrt(static_cast<double>(sizes[i]));
    const Shape shape =
        network.by_image ? Shape{sizes[i + 1], sizes[i]} : Shape{sizes[i], sizes[i + 1]};
    params.push_back({random_normal(engine, shape, deviation), zeros({sizes[i + 1]})});
  }
  return params;
}

struct Batch {
  Tensor images, targets;
};

Batch random_batch(std::mt19937& engine, int64_t size) {
  std::uniform_real_distribution<float> pixel(0, 1);
  std::vector<float> images(static_cast<size_t>(size * 784));
  for (float& x : images)
    x = pixel(engine);
  std::vector<float> targets(static_cast<size_t>(size * 10), 0.0f);
  for (int64_t i = 0; i < size; ++i)
    targets[static_cast<size_t>(i * 10) + engine() % 10] = 1;
  return {tensor(images, {size, 784}), tensor(targets, {size, 10})};
}

/// Log-probabilities for one image.
Tensor predict(const Params& params, const Tensor& image) {
  Tensor x = image;
  for (size_t i = 0; i + 1 < params.size(); ++i)
    x = relu(dot(params[i].w, x) + params[i].b);
  const Tensor logits = dot(params.back().w, x) + params.back().b;
  return logits - logsumexp(logits);
}

Tensor batched(const Params& params, const Tensor& images) {
  return vmap(predict, in_axes(none, 0))(params, images);
}

/// The mean over batch and classes.
Tensor mean_loss(const Params& params, const Tensor& images, const Tensor& targets) {
  return -mean(batched(params, images) * targets);
}

/// Log-probabilities for images [n,784].
Tensor log_probabilities(const Network& network, const Params& params, const Tensor& images) {
  Tensor x = images;
  size_t layer = 0;
  if (!network.convolutions.empty()) x = reshape(x, {-1, 28, 28, 1});
  for (const Conv& convolution : network.convolutions) {
    const auto& [w, b] = params[layer++];
    x = max_pool(relu(conv(x, w, {.padding = convolution.padding}) + b), 2);
  }
  x = reshape(x, {images.shape()[0], -1});
  for (; layer < params.size(); ++layer) {
    const auto& [w, b] = params[layer];
    x = matmul(x, w) + b;
    if (layer + 1 < params.size()) x = relu(x);
  }
  return log_softmax(x);
}

State descend(State state, const Tensor& images, const Tensor& targets) {
  const Params g = grad(mean_loss)(state.params, images, targets);
  state.params = tree_map([](Tensor p, Tensor dp) { return p - 0.01f * dp; }, state.params, g);
  return state;
}

State adam_update(State state, const Params& g, float rate) {
  Adam& adam = state.adam;
  adam.steps = adam.steps + 1.0f;
  adam.first = tree_map([](Tensor m, Tensor d) { return 0.9f * m + 0.1f * d; }, adam.first, g);
  adam.second =
      tree_map([](Tensor v, Tensor d) { return 0.999f * v + 0.001f * (d * d); }, adam.second, g);
  const Tensor first_scale = 1.0f - pow(0.9f, adam.steps);
  const Tensor second_scale = 1.0f - pow(0.999f, adam.steps);
  state.params = tree_map(
      [&](Tensor p, Tensor m, Tensor v) {
        return p - rate * (m / first_scale) / (sqrt(v / second_scale) + 1e-8f);
      },
      state.params, adam.first, adam.second);
  return state;
}

using StepFunction = std::function<State(State, const Tensor& images, const Tensor& targets)>;

/// `noisy`: with new noise on the images in every step.
StepFunction adam_step(const Network& network, float rate, bool noisy = false) {
  return [=](State state, const Tensor& images, const Tensor& targets) {
    Tensor x = images;
    if (noisy) {
      auto [next, key] = random::split(state.key);
      state.key = next;
      x = x + 0.1f * random::normal(key, x.shape());
    }
    const auto loss = [&](const Params& params) {
      return -mean(sum(log_probabilities(network, params, x) * targets, -1));
    };
    const Params g = grad(loss)(state.params);
    return adam_update(std::move(state), g, rate);
  };
}

State initial_state(std::mt19937& engine, const Network& network, bool adam) {
  State state{random_params(engine, network), {Tensor(0.0f), {}, {}}, random::key(0)};
  if (adam) {
    const auto zero = [](const Tensor& p) { return zeros(p.shape()); };
    state.adam.first = tree_map(zero, state.params);
    state.adam.second = tree_map(zero, state.params);
  }
  return state;
}

Json measure(double seconds, int64_t batch_size, const Network& network, const StepFunction& step,
             bool adam = true) {
  std::mt19937 engine(7);
  State state = initial_state(engine, network, adam);
  const Batch batch = random_batch(engine, batch_size);
  const auto update = jit(step, "update");
  const auto run = [&] { state = update(std::move(state), batch.images, batch.targets); };
  const double first = seconds_of(run);
  const Sample timed = sample(seconds, 0.05, run);
  return {{"first_s", first}, {"min_us", timed.min * 1e6}, {"med_us", timed.median * 1e6}};
}

const Network kLenet5 = {{{5, 6, 0}, {5, 16, 0}}, {256, 128, 84, 10}};
const Network kLenet300 = {{}, {784, 300, 100, 10}};
const Network kConvnet = {{{3, 16, 1}, {3, 32, 1}, {3, 32, 1}}, {288, 10}};
const Network kVmapMlp = {{}, {784, 512, 512, 10}, true};
const Network kSimpleMlp = {{}, {784, 48, 10}};

constexpr Workload kWorkloads[] = {
    {"S0", "LeNet-5, batch 128, Adam",
     [](double seconds) { return measure(seconds, 128, kLenet5, adam_step(kLenet5, 3e-4f)); }},
    {"S1", "784-300-100-10, batch 256, Adam",
     [](double seconds) { return measure(seconds, 256, kLenet300, adam_step(kLenet300, 1e-2f)); }},
    {"S2", "three convolutions and a dense layer, batch 128, Adam, noise drawn in the step",
     [](double seconds) {
       return measure(seconds, 128, kConvnet, adam_step(kConvnet, 3e-3f, true));
     }},
    {"S3", "784-512-512-10, batch 128, SGD",
     [](double seconds) { return measure(seconds, 128, kVmapMlp, descend, false); }},
    {"S4", "784-48-10, batch 128, Adam",
     [](double seconds) {
       return measure(seconds, 128, kSimpleMlp, adam_step(kSimpleMlp, 1e-2f));
     }},
};

}  // namespace

Json measure_batch(int64_t size) {
  constexpr int kTimes = 20;
  std::mt19937 engine(7);
  const State state = initial_state(engine, kLenet5, true);
  const Batch batch = random_batch(engine, size);
  const StepFunction step = adam_step(kLenet5, 3e-4f);
  const auto compile = [&] {
    return seconds_of([&] { jit(step, "update").compile(state, batch.images, batch.targets); });
  };
  const auto kernels = codegen::library_statistics().compiled;
  const double first = compile();
  const auto made = codegen::library_statistics().compiled - kernels;
  double again = first;
  for (int i = 0; i < kTimes; ++i)
    again = std::min(again, compile());
  return {{"batch", size}, {"seconds", first}, {"kernels", made}, {"again_s", again}};
}

std::span<const Workload> workloads() {
  return kWorkloads;
}

}  // namespace gradus::bench
