// LeNet-300-100 for MNIST: a model with named parameters, optimisers as pairs of functions, batches
// in the order of NumPy's permutations. After a tutorial of JAX, Haiku and Optax, whose random
// numbers, and so whose first epoch, it reproduces.

#include <array>
#include <cstdio>
#include <iostream>

#include "common/libraries.h"
#include "common/program.h"

constexpr int64_t kClasses = 10;
constexpr int64_t kBatchSize = 256;
constexpr int64_t kValidationImages = 12000;
constexpr double kLearningRate = 1e-2;
constexpr int kEpochs = 10;

// Log-probabilities of the classes. The layers' parameters are linear/w, linear/b, linear_1/w, …
const nn::Sequential kModel{nn::Flatten(), nn::Linear(300),      nn::relu,       nn::Linear(100),
                            nn::relu,      nn::Linear(kClasses), nn::log_softmax};
const optim::Optimizer kOptimizer = optim::adam(kLearningRate);

struct State {
  nn::Params params;
  optim::State optimizer;
};

Tensor predict(const nn::Params& params, const Tensor& images) {
  return kModel.apply(params, gradus::astype(images, gradus::DType::F32) / 255.0f);
}

Tensor loss(const nn::Params& params, const LabelledImages& batch) {
  Tensor targets = gradus::one_hot(batch.labels, kClasses);
  return -gradus::mean(gradus::sum(predict(params, batch.images) * targets, 1));
}

std::pair<State, Tensor> update(State state, const LabelledImages& batch) {
  auto [value, gradient] = gradus::value_and_grad(loss)(state.params, batch);
  auto [updates, optimizer] = kOptimizer.update(gradient, state.optimizer, state.params);
  return {State{optim::apply_updates(state.params, updates), optimizer}, value};
}

// What the tutorial printed, in percent.
constexpr double kPublishedTrain[] = {96.86, 98.99}, kPublishedValidation[] = {96.14, 97.14};
constexpr double kPublishedTest = 97.43;

void run(const example::Arguments& arguments, bool with_jit) {
  // The tutorial was run with JAX's older random stream.
  gradus::random::ScopedStream stream(gradus::random::Stream::Original);
  nn::KeySequence keys(static_cast<int64_t>(arguments.seed));
  State state;
  state.params = kModel.init(keys.next(), gradus::zeros({kBatchSize, 28, 28})).params;
  state.optimizer = kOptimizer.init(state.params);
  std::cout << nn::summary(kModel, gradus::zeros({kBatchSize, 28, 28})) << "\n\n";

  auto mnist = example::load(arguments);
  int64_t validation_images = kValidationImages * mnist.train.size() / 60000;
  auto [training, validation] =
      gradus::data::split_at(mnist.train, mnist.train.size() - validation_images);
  auto batches =
      gradus::data::batches(training, {.size = kBatchSize, .order = gradus::data::Order::numpy(0)});

  // Over whole sets, with no more than a thousand images in memory as floats.
  auto count_correct = gradus::jit([](const nn::Params& params, const LabelledImages& batch) {
    return train::correct(predict(params, batch.images), batch.labels);
  });
  auto accuracy = [&](const nn::Params& params, const LabelledImages& set) {
    return train::mean_over(gradus::data::batches(set, {.size = 1000}),
                            [&](auto& batch) { return count_correct(params, batch); });
  };
  auto measure = [&](const State& s) {
    return train::Metrics{{"train_accuracy", accuracy(s.params, training)},
                          {"validation_accuracy", accuracy(s.params, validation)}};
  };

  train::Loop loop({.epochs = arguments.epochs, .checkpoint = arguments.checkpoint},
                   {train::progress_bar(), train::each_epoch([](train::Loop& l) {
                      const auto& row = l.history().last();
                      std::printf("Epoch %d in %.2f sec\n", row.epoch - 1, row["seconds"]);
                      std::printf("  training set accuracy %.2f %%\n", 100 * row["train_accuracy"]);
                      std::printf("  validation set accuracy %.2f %%\n",
                                  100 * row["validation_accuracy"]);
                      std::fflush(stdout);
                    })});
  // value_and_grad needs no jit to be fast: it finds its compiled program by the graph's content.
  if (with_jit) {
    loop.run(state, batches, gradus::jit(update), measure);
  } else {
    loop.run(state, batches, update, measure);
  }

  double test = accuracy(state.params, mnist.test);
  std::printf("test set accuracy %.2f %%\n", 100 * test);
  example::Report report("S1", arguments);
  report.add_epochs(loop.history());
  report.set("final_test_accuracy", test);
  const auto& rows = loop.history().rows();
  for (size_t i = 0; i < 2; ++i) {
    const size_t epoch = i == 0 ? 0 : kEpochs - 1;
    if (rows.size() <= epoch) break;
    const std::string name = "epoch " + std::to_string(epoch);
    report.compare(name + ", training set, %", kPublishedTrain[i],
                   100 * rows[epoch]["train_accuracy"]);
    report.compare(name + ", validation set, %", kPublishedValidation[i],
                   100 * rows[epoch]["validation_accuracy"]);
  }
  report.compare("test set, %", kPublishedTest, 100 * test);
  report.finish(gradus::tree_leaves(state.params));
}

int main(int argc, char** argv) {
  bool without_jit = false;
  return example::run(argc, argv, "Trains LeNet-300-100 on MNIST.",
                      {.epochs = kEpochs, .seed = 1729},
                      [&](const example::Arguments& arguments) { run(arguments, !without_jit); },
                      {{"--no-jit", "run the step without jit", &without_jit}});
}
