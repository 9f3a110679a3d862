// Optimisers under transforms: donation, vmap over whole trainings, derivatives by settings.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <gradus/gradus.h>
#include <gradus/losses.h>
#include <gradus/optim/optim.h>

#include "tests/frontend/values.h"

using namespace gradus;
using namespace gradus::optim;

namespace {

struct Line {
  Tensor slope, offset;
};

Tensor loss(const Line& line, const Tensor& x, const Tensor& y) {
  return losses::mse(line.slope * x + line.offset, y);
}

}  // namespace

TEST_CASE("a step that owns its arguments works in their memory") {
  const auto opt = adam(0.1);
  const auto step = jit([&](Tensor p, State s, const Tensor& g) { return opt.step(p, s, g); });
  Tensor params = ones({1000});
  const Tensor gradient = ones({1000});
  State state = opt.init(params);
  std::tie(params, state) = step(std::move(params), std::move(state), gradient);
  const auto places = [&] {
    return std::array{params.data<float>().data(), state.at("adam.mu/").data<float>().data(),
                      state.at("adam.nu/").data<float>().data()};
  };
  const auto before = places();
  std::tie(params, state) = step(std::move(params), std::move(state), gradient);
  CHECK(places() == before);
  std::tie(params, state) = opt.step(std::move(params), std::move(state), gradient);
  CHECK(places() == before);
  CHECK(floats(params)[999] == Catch::Approx(0.7).epsilon(1e-3));
}

TEST_CASE("a training loop learns, with any optimiser") {
  const Tensor x = linspace(-1, 1, 16);
  const Tensor y = 3 * x - 1;
  for (const Optimizer& opt : {sgd(0.5),
                               momentum(0.1),
                               nesterov(0.1),
                               adam(0.1),
                               adamw(0.1, {.weight_decay = 1e-4}),
                               nadam(0.1),
                               nadam_of_pytorch(0.1),
                               amsgrad(0.1),
                               amsgrad_of_pytorch(0.1),
                               radam(0.1),
                               adamax(0.3),
                               adabelief(0.1),
                               yogi(0.1),
                               lion(0.05),
                               rmsprop(0.05),
                               rmsprop_of_pytorch(0.05),
                               adagrad(0.5),
                               adafactor(0.1),
                               adadelta(5),
                               chain(clip_by_global_norm(1), adam(0.1)),
                               multi_steps(adam(0.2), 2)}) {
    INFO(opt.to_string());
    const auto step = jit([&](Line line, State state, Tensor x, Tensor y) {
      const auto [value, gradient] = value_and_grad(loss)(line, x, y);
      auto [next, next_state] = opt.step(line, state, gradient);
      return std::tuple{next, next_state, value};
    });
    Line line{Tensor(0.5), Tensor(0.5)};
    State state = opt.init(line);
    Tensor value;
    for (int i = 0; i < 200; ++i)
      std::tie(line, state, value) = step(std::move(line), std::move(state), x, y);
    CHECK(value.item<float>() < 0.02f);
    CHECK(step.compilations() == 1);
  }
}

TEST_CASE("several trainings at once, each with its learning rate") {
  const auto opt = adam(0.1);
  const Tensor x = linspace(-1, 1, 8), y = 2 * x;
  const auto one = [&](const Line& line, const State& state, const Tensor& a, const Tensor& b) {
    return opt.step(line, state, grad(loss)(line, a, b));
  };
  const auto all = jit(vmap(one, in_axes(0, 0, none, none)));
  const auto repeat = [](const Tensor& t) {
    return broadcast_to(t, t.shape().with_inserted(0, 3));
  };
  Line line{Tensor(0.0), Tensor(1.0)};
  State state = opt.init(line);
  Line lines = tree_map(repeat, line);
  State states = tree_map(repeat, state);
  const Tensor rates = astype(tensor({0.01, 0.1, 0.5}), DType::F64);
  set_hyperparameter(state, "learning_rate", 0.5);
  states["adam.learning_rate"] = rates;
  for (int i = 0; i < 3; ++i) {
    std::tie(lines, states) = all(lines, states, x, y);
    std::tie(line, state) = one(line, state, x, y);
  }
  CHECK(floats(lines.slope)[2] == Catch::Approx(line.slope.item<float>()));
  CHECK(floats(lines.slope)[0] < floats(lines.slope)[1]);
}

TEST_CASE("a loss after a step has a derivative by the learning rate") {
  const auto opt = sgd(0.1);
  const Tensor x = linspace(-1, 1, 8), y = 2 * x;
  const Line line{Tensor(0.0), Tensor(1.0)};
  const auto after = [&](const Tensor& rate) {
    State state = opt.init(line);
    set_hyperparameter(state, "learning_rate", rate);
    const Line next = opt.step(line, state, grad(loss)(line, x, y)).first;
    return loss(next, x, y);
  };
  const auto [value, derivative] = value_and_grad(after)(Tensor(0.1));
  const float h = 1e-2f;
  const float difference =
      (after(0.1f + h).item<float>() - after(0.1f - h).item<float>()) / (2 * h);
  CHECK(derivative.item<float>() == Catch::Approx(difference).epsilon(1e-3));
  CHECK(derivative.item<float>() < 0);
}
