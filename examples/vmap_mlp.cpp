// A multilayer perceptron for MNIST, written for one image, batched by vmap, differentiated by grad
// and compiled by jit; trained by plain gradient descent. After the JAX notebook "Training a simple
// neural network", whose sixteen accuracies it reaches.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <span>
#include <vector>

#include <gradus/data/loader.h>
#include <gradus/data/mnist.h>
#include <gradus/gradus.h>
#include <gradus/train/callbacks.h>
#include "common/program.h"

using gradus::Tensor;

constexpr std::array<int64_t, 4> kLayerSizes = {784, 512, 512, 10};
constexpr int64_t kClasses = 10;
constexpr int64_t kBatchSize = 128;
constexpr float kStepSize = 0.01f;
constexpr int kEpochs = 8;

struct Layer {
  Tensor w, b;
};
using Params = std::vector<Layer>;

Layer random_layer(int64_t inputs, int64_t outputs, const Tensor& key) {
  constexpr float kScale = 1e-2f;
  auto [w_key, b_key] = gradus::random::split(key);
  return {kScale * gradus::random::normal(w_key, {outputs, inputs}),
          kScale * gradus::random::normal(b_key, {outputs})};
}

Params init_network(const Tensor& key) {
  Tensor keys = gradus::random::split(key, kLayerSizes.size());
  Params params;
  for (size_t i = 0; i + 1 < kLayerSizes.size(); ++i) {
    params.push_back(random_layer(kLayerSizes[i], kLayerSizes[i + 1], keys[i]));
  }
  return params;
}

// Log-probabilities of the classes for one image: f32[784] -> f32[10].
Tensor predict(const Params& params, const Tensor& image) {
  Tensor activations = image;
  for (size_t i = 0; i + 1 < params.size(); ++i) {
    activations = gradus::relu(gradus::dot(params[i].w, activations) + params[i].b);
  }
  Tensor logits = gradus::dot(params.back().w, activations) + params.back().b;
  return logits - gradus::logsumexp(logits);
}

// The same for a batch: f32[n,784] -> f32[n,10].
const auto batched_predict = gradus::vmap(predict, gradus::in_axes(gradus::none, 0));

Tensor one_hot(const Tensor& labels) {
  Tensor classes = gradus::arange(kClasses, gradus::DType::U8);
  return gradus::astype(gradus::expand_dims(labels, 1) == classes, gradus::DType::F32);
}

Tensor loss(const Params& params, const Tensor& images, const Tensor& targets) {
  return -gradus::mean(batched_predict(params, images) * targets);
}

Params update(const Params& params, const Tensor& images, const Tensor& labels) {
  Params gradient = gradus::grad(loss)(params, images, one_hot(labels));
  return gradus::tree_map([](Tensor p, Tensor dp) { return p - kStepSize * dp; }, params, gradient);
}

// The share of images whose most likely class is their label.
Tensor accuracy(const Params& params, const Tensor& images, const Tensor& labels) {
  Tensor predicted = gradus::argmax(batched_predict(params, images), 1);
  return gradus::mean(gradus::astype(predicted == labels, gradus::DType::F32));
}

// All images of a set at once, flat: u8[n,28,28] -> f32[n,784].
Tensor flat(const Tensor& images) {
  return gradus::astype(gradus::reshape(images, {-1, kLayerSizes[0]}), gradus::DType::F32);
}

struct Sample {
  std::array<float, kLayerSizes[0]> image;
  uint8_t label;
};

// The transform of each item: flat, as f32, still from 0 to 255.
Sample flatten_and_cast(const gradus::data::LabelledImage& item) {
  Sample sample{.label = item.label};
  std::ranges::copy(item.pixels, sample.image.begin());
  return sample;
}

struct Batch {
  Tensor images;  // f32[n,784]
  Tensor labels;  // u8[n]
};

Batch collate(std::span<const Sample> samples) {
  std::vector<float> images;
  std::vector<uint8_t> labels;
  images.reserve(samples.size() * kLayerSizes[0]);
  for (const Sample& sample : samples) {
    images.insert(images.end(), sample.image.begin(), sample.image.end());
    labels.push_back(sample.label);
  }
  const auto n = static_cast<int64_t>(samples.size());
  return {gradus::tensor(images, {n, kLayerSizes[0]}), gradus::tensor(labels)};
}

// What the notebook printed.
constexpr double kPublishedTrain[kEpochs] = {.91575, .93722, .94917, .95682,
                                             .96313, .96750, .97083, .97372};
constexpr double kPublishedTest[kEpochs] = {.9195, .9384, .9469, .9534, .9577, .9616, .9650, .9672};

void train(const example::Arguments& arguments) {
  // The notebook was run with JAX's older random stream.
  gradus::random::ScopedStream stream(gradus::random::Stream::Original);
  Params params = init_network(gradus::random::key(arguments.seed));

  // predict is written for one image; given ten, it says so.
  try {
    predict(params, gradus::random::normal(gradus::random::key(1), {10, kLayerSizes[0]}));
  } catch (const gradus::ShapeError& e) {
    std::printf("A batch is no image: %s\n\n", e.what());
  }

  auto mnist = example::load(arguments);
  auto batches = gradus::data::Loader(mnist.train, kBatchSize, flatten_and_cast, collate);
  auto step = gradus::jit(update);
  auto measure = gradus::jit(accuracy);
  Tensor train_images = flat(mnist.train.images);
  Tensor test_images = flat(mnist.test.images);

  std::printf("epoch  seconds    train     test\n");
  gradus::train::Loop loop(
      {.epochs = arguments.epochs, .checkpoint = arguments.checkpoint},
      {gradus::train::progress_bar(), gradus::train::each_epoch([](gradus::train::Loop& l) {
         const auto& row = l.history().last();
         std::printf("%5d  %7.2f  %.5f  %.5f\n", row.epoch, row["seconds"], row["train_accuracy"],
                     row["test_accuracy"]);
         std::fflush(stdout);
       })});
  loop.run(
      params, batches,
      [&](Params p, const Batch& batch) { return step(std::move(p), batch.images, batch.labels); },
      [&](const Params& p) {
        return gradus::train::Metrics{
            {"train_accuracy", measure(p, train_images, mnist.train.labels).item<float>()},
            {"test_accuracy", measure(p, test_images, mnist.test.labels).item<float>()}};
      });

  example::Report report("S3", arguments);
  report.add_epochs(loop.history());
  for (const auto& row : loop.history().rows()) {
    if (row.epoch > kEpochs) break;
    const std::string name = "epoch " + std::to_string(row.epoch);
    report.compare(name + ", training set", kPublishedTrain[row.epoch - 1], row["train_accuracy"]);
    report.compare(name + ", test set", kPublishedTest[row.epoch - 1], row["test_accuracy"]);
  }
  report.finish(gradus::tree_leaves(params));
}

int main(int argc, char** argv) {
  return example::run(argc, argv,
                      "Trains a multilayer perceptron on MNIST with vmap, grad and jit.",
                      {.epochs = kEpochs}, train);
}
