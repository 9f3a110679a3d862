// A simple multilayer perceptron for MNIST: dense layers that end in a softmax, the cross-entropy
// of probabilities, Adam. After the Flux notebook "Simple multi-layer perceptron", whose test
// accuracy it reaches.

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "common/libraries.h"
#include "common/program.h"

constexpr int64_t kClasses = 10;
constexpr int64_t kBatchSize = 128;
constexpr double kPublishedTest = 0.9657;

const nn::Sequential kModel{nn::Flatten(), nn::Linear(48, {.w_init = nn::glorot_uniform()}),
                            nn::relu, nn::Linear(kClasses, {.w_init = nn::glorot_uniform()}),
                            nn::softmax};
const optim::Optimizer kOptimizer = optim::adam(0.01);

struct State {
  nn::Params params;
  optim::State optimizer;
};

// Probabilities of the classes: u8[n,28,28] -> f32[n,10].
Tensor predict(const nn::Params& params, const Tensor& images) {
  return kModel.apply(params, gradus::astype(images, gradus::DType::F32) / 255.0f);
}

Tensor loss(const nn::Params& params, const LabelledImages& batch) {
  Tensor targets = gradus::one_hot(batch.labels, kClasses);
  return gradus::losses::cross_entropy(predict(params, batch.images), targets,
                                       gradus::losses::Reduction::Mean);
}

std::pair<State, Tensor> update(State state, const LabelledImages& batch) {
  auto [value, gradient] = gradus::value_and_grad(loss)(state.params, batch);
  auto [params, optimizer] = kOptimizer.step(state.params, state.optimizer, gradient);
  return {State{params, optimizer}, value};
}

void print_parameters(const nn::Params& params) {
  std::printf("%-12s  %-12s  %10s  %10s  %8s\n", "parameter", "type", "min", "max", "bytes");
  for (const auto& [name, value] : params) {
    std::printf("%-12s  %-12s  %10.6f  %10.6f  %8lld\n", name.c_str(),
                gradus::to_string(value.type()).c_str(), gradus::min(value).item<float>(),
                gradus::max(value).item<float>(), static_cast<long long>(value.type().bytes()));
  }
}

// Each prediction beside its label, whether they agree, and how often they do.
double check_predictions(const nn::Params& params, const LabelledImages& set) {
  constexpr int kShown = 10;
  std::vector<int32_t> predicted =
      gradus::argmax(predict(params, set.images), 1).to_vector<int32_t>();
  std::vector<uint8_t> labels = set.labels.to_vector<uint8_t>();
  std::vector<bool> check(labels.size());
  for (size_t i = 0; i < labels.size(); ++i)
    check[i] = predicted[i] == labels[i];
  std::printf("\nimage  prediction  label  agree\n");
  for (size_t i = 0; i < std::min<size_t>(kShown, labels.size()); ++i) {
    std::printf("%5zu  %10d  %5d  %s\n", i, predicted[i], labels[i], check[i] ? "yes" : "no");
  }
  auto agreements = std::count(check.begin(), check.end(), true);
  double mean = static_cast<double>(agreements) / static_cast<double>(check.size());
  std::printf("mean of the check vector: %.4f\n", mean);
  return mean;
}

void run(const example::Arguments& arguments) {
  auto mnist = example::load(arguments);
  for (const auto& [name, set] : {std::pair{"training", mnist.train}, {"test", mnist.test}}) {
    std::printf("%s set: images %s, labels %s\n", name,
                gradus::to_string(set.images.type()).c_str(),
                gradus::to_string(set.labels.type()).c_str());
  }
  Tensor picked = mnist.train.images[1];
  train::show_image("image 1, labelled " + std::to_string(mnist.train[1].label) + ":", picked);

  Tensor key = gradus::random::key(arguments.seed);
  State state;
  state.params = kModel.init(key, gradus::zeros({1, 28, 28})).params;
  state.optimizer = kOptimizer.init(state.params);
  std::cout << "\n" << nn::summary(kModel, gradus::zeros({1, 28, 28})) << "\n\n";
  print_parameters(state.params);
  std::cout << "\n" << kOptimizer << "\n\n";

  auto batches = gradus::data::batches(
      mnist.train, {.size = kBatchSize, .order = gradus::data::Order::jax(key)});
  auto test_batches = gradus::data::batches(mnist.test, {.size = 1000});
  auto count_correct = gradus::jit([](const nn::Params& params, const LabelledImages& batch) {
    return train::correct(predict(params, batch.images), batch.labels);
  });
  auto test_loss = gradus::jit(loss);
  auto measure = [&](const State& s) {
    return train::Metrics{{"test_loss", test_loss(s.params, mnist.test).item<float>()},
                          {"test_accuracy", train::mean_over(test_batches, [&](auto& b) {
                             return count_correct(s.params, b);
                           })}};
  };

  std::vector<train::CallbackPtr> callbacks = {
      train::progress_bar(), train::each_epoch([](train::Loop& loop) {
        const auto& row = loop.history().last();
        std::printf("epoch %2d  %.2f s  loss %.4f  test loss %.4f  test accuracy %.4f\n", row.epoch,
                    row["seconds"], row["loss"], row["test_loss"], row["test_accuracy"]);
        std::fflush(stdout);
      })};
  if (!arguments.output.empty()) {
    train::save_png(arguments.output + "/image.png", picked);
    callbacks.push_back(train::csv_history(arguments.output + "/history.csv"));
    for (const char* file : {"/learning_curve.png", "/learning_curve.svg"}) {
      callbacks.push_back(train::curve_picture(arguments.output + file, {"loss", "test_loss"},
                                               "Learning curve", "cross-entropy"));
    }
  }
  train::Loop loop({.epochs = arguments.epochs, .checkpoint = arguments.checkpoint}, callbacks);
  loop.run(state, batches, gradus::jit(update), measure);

  double accuracy = check_predictions(state.params, mnist.test);
  example::Report report("S4", arguments);
  report.add_epochs(loop.history());
  report.set("final_test_accuracy", accuracy);
  report.compare("test accuracy", kPublishedTest, accuracy);
  report.finish(gradus::tree_leaves(state.params));
}

int main(int argc, char** argv) {
  return example::run(argc, argv, "Trains a simple multilayer perceptron on MNIST.",
                      {.epochs = 10, .seed = 42, .output = "simple_mlp.out"}, run);
}
