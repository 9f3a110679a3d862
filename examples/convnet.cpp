// A small convolutional network for MNIST. Noise is added to the images inside the compiled step;
// the learning rate falls on plateaus; the best model is saved and loaded again. After the Flux
// model zoo's "conv_mnist".

#include <cmath>
#include <cstdio>
#include <iostream>

#include <gradus/tree.h>
#include "common/libraries.h"
#include "common/program.h"

constexpr int64_t kClasses = 10;

struct Settings {
  int64_t batch_size = 128;
  double learning_rate = 3e-3;
  double noise = 0.1;  // its standard deviation
  std::string model;   // a file with parameters to begin with; empty: random ones
};

nn::Conv2D conv(int64_t outputs) {
  // Flux's convolution flips its kernel.
  return {outputs, 3, {.padding = 1, .flip = true, .w_init = nn::glorot_uniform()}};
}

// Logits of the classes. 7×7 pools to 3×3.
nn::Sequential build_model() {
  return {conv(16),
          nn::relu,
          nn::MaxPool(2),
          conv(32),
          nn::relu,
          nn::MaxPool(2),
          conv(32),
          nn::relu,
          nn::MaxPool(2),
          nn::Flatten(),
          nn::Linear(kClasses, {.w_init = nn::glorot_uniform()})};
}
const nn::Sequential kModel = build_model();

struct State {
  nn::Params params;
  optim::State optimizer;  // the learning rate is in here: a change compiles nothing
  Tensor key, noise;
};

// u8[n,28,28] -> f32[n,28,28,1], from 0 to 1.
Tensor scaled(const Tensor& images) {
  return gradus::astype(gradus::expand_dims(images, 3), gradus::DType::F32) / 255.0f;
}

Tensor loss(const nn::Params& params, const Tensor& images, const Tensor& labels) {
  return gradus::losses::softmax_cross_entropy(kModel.apply(params, images),
                                               gradus::one_hot(labels, kClasses),
                                               gradus::losses::Reduction::Mean);
}

std::pair<State, Tensor> update(const optim::Optimizer& optimizer, State state,
                                const LabelledImages& batch) {
  auto [key, noise_key] = gradus::random::split(state.key);
  Tensor images = scaled(batch.images);
  images = images + state.noise * gradus::random::normal(noise_key, images.shape());
  auto [value, gradient] = gradus::value_and_grad(loss)(state.params, images, batch.labels);
  auto [params, next] = optimizer.step(state.params, state.optimizer, gradient);
  return {State{params, next, key, state.noise}, value};
}

Tensor count_correct(const nn::Params& params, const LabelledImages& batch) {
  return train::correct(kModel.apply(params, scaled(batch.images)), batch.labels);
}

constexpr double kPublishedFirst = 0.9794, kPublishedBest = 0.9924;

void run(const example::Arguments& arguments, const Settings& settings) {
  auto [init_key, noise_key] = gradus::random::split(gradus::random::key(arguments.seed));
  Tensor example = gradus::zeros({settings.batch_size, 28, 28, 1});
  optim::Optimizer optimizer = optim::adam(settings.learning_rate);
  nn::Params params = kModel.init(init_key, example).params;
  if (!settings.model.empty()) params = gradus::io::load(settings.model, params);
  State state{params, optimizer.init(params), noise_key, static_cast<float>(settings.noise)};
  std::cout << nn::summary(kModel, example) << "\n\n" << optimizer << "\n\n";

  auto mnist = example::load(arguments);
  auto batches = gradus::data::batches(mnist.train, {.size = settings.batch_size});
  auto step = gradus::jit(
      [=](State s, const LabelledImages& batch) { return update(optimizer, std::move(s), batch); });
  auto measured = gradus::jit(count_correct);
  auto accuracy = [&](const nn::Params& params, const LabelledImages& set) {  // as one batch
    double hits = measured(params, set).item<float>();
    return hits / static_cast<double>(set.size());
  };

  // Compiled ahead of the loop, for the usual batch, the smaller last one, and the test set.
  example::Stopwatch compiling;
  int64_t rest = mnist.train.size() % settings.batch_size;
  for (int64_t size : {std::min(settings.batch_size, mnist.train.size()), rest}) {
    if (size > 0) step.compile(state, gradus::data::part(mnist.train, 0, size));
  }
  measured.compile(state.params, mnist.test);
  std::printf("compiled in %.0f ms\n", compiling.seconds() * 1e3);

  auto best = train::best_of("test_accuracy");  // ties count
  const std::string file = arguments.output + "/best.safetensors";
  train::Loop loop(
      {.epochs = arguments.epochs, .checkpoint = arguments.checkpoint},
      {train::progress_bar(), train::each_epoch([&](train::Loop& l) {
         const auto& row = l.history().last();
         std::printf("epoch %2d  %.2f s  loss %.4f  test accuracy %.4f\n", row.epoch,
                     row["seconds"], row["loss"], row["test_accuracy"]);
         std::fflush(stdout);
       }),
       train::stop_at("test_accuracy", 0.999),
       train::save_best(best, file, [&] { return state.params; }),
       train::reduce_on_plateau(
           best, {.factor = 0.1, .patience = 5, .min_value = 3e-7},  // four times at most
           [&] { return optim::hyperparameter(state.optimizer, "learning_rate").item<double>(); },
           [&](double rate) {
             std::printf("no improvement for 5 epochs: learning rate %g\n", rate);
             optim::set_hyperparameter(state.optimizer, "learning_rate", rate);
           }),
       train::early_stopping(best, 10)});
  loop.run(state, batches, step, [&](const State& s) {
    Tensor all = gradus::tree::ravel(s.params);  // every parameter, as one vector
    return train::Metrics{{"test_accuracy", accuracy(s.params, mnist.test)},
                          {"parameter_norm", gradus::sqrt(gradus::dot(all, all)).item<float>()}};
  });
  if (loop.is_stopped()) std::printf("stopped: %s\n", loop.stop_reason().c_str());

  example::Report report("S2", arguments);
  report.add_epochs(loop.history());
  double train_accuracy = accuracy(state.params, mnist.train);
  double test_accuracy = accuracy(state.params, mnist.test);
  std::printf("at the end: training accuracy %.4f, test accuracy %.4f\n", train_accuracy,
              test_accuracy);
  report.set("final_train_accuracy", train_accuracy);
  report.set("final_test_accuracy", test_accuracy);
  if (best->epoch() > 0) {
    // The model built anew, with the saved parameters in place of its own.
    nn::Params rebuilt = build_model().init(gradus::random::key(1), example).params;
    gradus::io::Archive saved(file);
    rebuilt = saved.load(rebuilt);
    double reloaded = accuracy(rebuilt, mnist.test);
    std::printf("best: epoch %lld, test accuracy %.4f; loaded again: %.4f\n",
                static_cast<long long>(saved.metadata().integer("epoch")),
                saved.metadata().number("test_accuracy"), reloaded);
    report.set("best_epoch", static_cast<int64_t>(best->epoch()));
    report.set("best_test_accuracy", best->value());
    report.set("reloaded_test_accuracy", reloaded);
    report.compare("test accuracy after epoch 1", kPublishedFirst,
                   loop.history().rows().front()["test_accuracy"]);
    report.compare("best test accuracy", kPublishedBest, best->value());
    report.compare("test accuracy, reloaded", kPublishedBest, reloaded);
  }
  report.finish(gradus::tree_leaves(state.params));
}

int main(int argc, char** argv) {
  Settings settings;
  return example::run(
      argc, argv, "Trains a convolutional network on MNIST.",
      {.epochs = 20, .output = "convnet.out"},
      [&](const example::Arguments& arguments) { run(arguments, settings); },
      {{"--batch-size", "images of a step", &settings.batch_size},
       {"--learning-rate", "of the first epoch", &settings.learning_rate},
       {"--model", "a safetensors file with parameters to begin with", &settings.model},
       {"--noise", "standard deviation of what is added to images in training", &settings.noise}});
}
