// LeNet-5 on the first 2,000 digits of MNIST: parameters and state apart, vjp with auxiliary
// results, batches of four sizes. After Lux's tutorial "MNIST classification with SimpleChains".

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>

#include "common/libraries.h"
#include "common/program.h"

constexpr int64_t kClasses = 10;
constexpr int64_t kImages = 2000;
constexpr double kTrainingShare = 0.9;
constexpr int64_t kBatchSize = 128;
constexpr int kEpochs = 9;

nn::Conv2D conv(int64_t outputs) {
  return {outputs, 5, {.w_init = nn::glorot_uniform()}};
}
nn::Linear dense(int64_t outputs) {
  return nn::Linear(outputs, {.w_init = nn::glorot_uniform()});
}

const nn::Sequential kModel{conv(6),  nn::relu,       nn::MaxPool(2), conv(16),
                            nn::relu, nn::MaxPool(2), nn::Flatten(),  dense(128),
                            nn::relu, dense(84),      nn::relu,       dense(kClasses)};
const optim::Optimizer kOptimizer = optim::adam(3e-4);

struct State {
  nn::Params params;
  nn::State model;  // what layers keep beside parameters; these keep nothing
  optim::State optimizer;
};

// u8[n,28,28] -> f32[n,28,28,1], from 0 to 1.
Tensor scaled(const Tensor& images) {
  return gradus::astype(gradus::expand_dims(images, 3), gradus::DType::F32) / 255.0f;
}

std::pair<State, Tensor> update(State state, const LabelledImages& batch) {
  auto loss = [&](const nn::Params& params) {
    auto [logits, model] = kModel.apply(params, state.model, scaled(batch.images), nn::Mode::Train);
    Tensor value = gradus::losses::softmax_cross_entropy(
        logits, gradus::one_hot(batch.labels, kClasses), gradus::losses::Reduction::Mean);
    return gradus::with_aux(value, model);
  };
  auto [value, pullback, model] = gradus::vjp(loss, state.params);
  nn::Params gradient = pullback(gradus::ones_like(value));
  auto [params, optimizer] = kOptimizer.step(state.params, state.optimizer, gradient);
  return {State{params, model, optimizer}, value};
}

Tensor count_correct(const State& state, const LabelledImages& batch) {
  auto [logits, model] =
      kModel.apply(state.params, state.model, scaled(batch.images), nn::Mode::Test);
  return train::correct(logits, batch.labels);
}

// In percent, after the last epoch: Lux with its own layers, and with SimpleChains.
constexpr std::array kPublishedTrain = {85.83, 88.44}, kPublishedTest = {84.5, 87.0};

void run(const example::Arguments& arguments) {
  std::cout << example::environment() << "\n";
  Tensor key = gradus::random::key(arguments.seed);
  Tensor one = gradus::zeros({1, 28, 28, 1});
  auto [params, model_state] = kModel.init(key, one);
  State state{params, model_state, kOptimizer.init(params)};
  std::cout << nn::summary(kModel, one) << "\n\n";

  auto mnist = example::load(arguments);
  int64_t images = std::min(kImages, mnist.train.size());
  auto [training, test] =
      gradus::data::split_fraction(gradus::data::part(mnist.train, 0, images), kTrainingShare);
  auto batches =
      gradus::data::batches(training, {.size = kBatchSize, .order = gradus::data::Order::jax(key)});

  auto step = gradus::jit(update);
  auto correct = gradus::jit(count_correct);
  auto accuracy = [&](const State& s, const LabelledImages& set) {
    return train::mean_over(gradus::data::batches(set, {.size = kBatchSize}),
                            [&](auto& batch) { return correct(s, batch); });
  };

  // Before the clock runs: one image through the network, and a program for every size of batch.
  example::Report report("S0", arguments);
  correct(state, gradus::data::part(training, 0, 1));
  for (int64_t size : {kBatchSize, training.size() % kBatchSize, test.size() % kBatchSize}) {
    if (size == 0) continue;
    example::Stopwatch watch;
    auto batch = gradus::data::part(training, 0, std::min(size, training.size()));
    correct.compile(state, batch);
    step.compile(state, batch);
    std::printf("compiled for batches of %lld in %.1f ms\n", static_cast<long long>(size),
                watch.seconds() * 1e3);
  }
  std::printf("\n");

  train::Loop loop({.epochs = arguments.epochs, .checkpoint = arguments.checkpoint},
                   {train::progress_bar(), train::each_epoch([](train::Loop& l) {
                      const auto& row = l.history().last();
                      std::printf(
                          "[%d/%d] Time %.2fs Training Accuracy: %.2f%% Test Accuracy: "
                          "%.1f%%\n",
                          row.epoch, l.epochs(), row["seconds"], 100 * row["train_accuracy"],
                          100 * row["test_accuracy"]);
                      std::fflush(stdout);
                    })});
  loop.run(state, batches, step, [&](const State& s) {
    return train::Metrics{{"train_accuracy", accuracy(s, training)},
                          {"test_accuracy", accuracy(s, test)}};
  });

  report.add_epochs(loop.history());
  if (!loop.history().empty()) {
    const auto& last = loop.history().last();
    for (size_t i = 0; i < 2; ++i) {
      const std::string whose = i == 0 ? " (Lux)" : " (SimpleChains)";
      report.compare("training set, %" + whose, kPublishedTrain[i], 100 * last["train_accuracy"]);
      report.compare("test set, %" + whose, kPublishedTest[i], 100 * last["test_accuracy"]);
    }
    report.set("final_test_accuracy", last["test_accuracy"]);
  }
  report.finish(gradus::tree_leaves(state.params));
}

int main(int argc, char** argv) {
  return example::run(argc, argv, "Trains LeNet-5 on 1,800 digits of MNIST.", {.epochs = kEpochs},
                      run);
}
