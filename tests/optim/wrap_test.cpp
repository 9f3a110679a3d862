// Masks, groups, accumulation, guards, averages, plateaus: what trajectories do not show.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

#include <gradus/gradus.h>
#include <gradus/optim/optim.h>

#include "tests/frontend/values.h"

using namespace gradus;
using namespace gradus::optim;

namespace {

using Params = std::map<std::string, Tensor>;

const Params kParams{{"linear/b", tensor({0.5, -0.5})}, {"linear/w", ones({2, 2})}};
const Params kGradients{{"linear/b", tensor({1.0, -2.0})}, {"linear/w", ones({2, 2})}};

bool is_bias(const std::string& path, const Tensor&) {
  return path.ends_with("/b");
}
bool is_weight(const std::string& path, const Tensor&) {
  return path.ends_with("/w");
}

std::string keys(const State& state) {
  std::string text;
  for (const auto& [key, value] : state)
    text += (text.empty() ? "" : " ") + key;
  return text;
}

}  // namespace

TEST_CASE("groups have states and settings of their own") {
  const auto opt =
      partition([](auto& path, auto&) { return is_bias(path, {}) ? "biases" : "rest"; },
                {{"rest", chain(clip(1), momentum(0.5))}, {"biases", sgd(0.25)}});
  State state = opt.init(kParams);
  CHECK(keys(state) ==
        "partition.biases.sgd.learning_rate partition.rest.clip.max_delta "
        "partition.rest.momentum.decay partition.rest.momentum.learning_rate "
        "partition.rest.momentum.trace/linear/w");
  CHECK(opt.to_string() ==
        "partition(biases: sgd(learning_rate=0.25), rest: chain(clip(max_delta=1), "
        "momentum(learning_rate=0.5, decay=0.9, nesterov=false)))");
  const auto step = jit([&](Params p, State s, Params g) { return opt.step(p, s, g); });
  auto [params, next] = step(kParams, state, kGradients);
  CHECK(close(params.at("linear/b"), {0.25f, 0}));
  CHECK(close(params.at("linear/w"), {0.5f, 0.5f, 0.5f, 0.5f}));
  set_hyperparameter(state, "biases.sgd.learning_rate", 1);
  CHECK(close(step(kParams, state, kGradients).first.at("linear/b"), {-0.5f, 1.5f}));
  CHECK(step.compilations() == 1);
  CHECK(opt.to_string(state).starts_with("partition(biases: sgd(learning_rate=1)"));

  const auto bad = partition([](auto&, auto&) { return "none"; }, {{"a", sgd(1)}, {"b", sgd(1)}});
  CHECK(message_of<ValueError>([&] { bad.init(kParams); }) ==
        "[partition] no group \"none\" for the parameter \"linear/b\"; there are a, b; " + here() +
            "; give an optimiser for each label; set_to_zero() keeps parameters as they are");
  CHECK(message_of<ValueError>([&] {
          partition([](auto&, auto&) { return "a/b"; }, {{"a/b", sgd(1)}});
        }) == "[partition] a group's name cannot have slashes or dots; got \"a/b\"; " + here() +
                  "; use another name");
}

TEST_CASE("masked parameters have no state and pass unchanged") {
  const auto opt = masked(momentum(1), is_weight);
  const State state = opt.init(kParams);
  CHECK(keys(state) ==
        "masked.momentum.decay masked.momentum.learning_rate masked.momentum.trace/linear/w");
  CHECK(opt.to_string() == "masked(momentum(learning_rate=1, decay=0.9, nesterov=false))");
  const auto [updates, next] = opt.update(kGradients, state, kParams);
  CHECK(close(updates.at("linear/b"), {1, -2}));
  CHECK(close(updates.at("linear/w"), {-1, -1, -1, -1}));
}

TEST_CASE("accumulation updates every few gradients") {
  const auto opt = multi_steps(momentum(1.0), 2);
  State state = opt.init(kParams);
  CHECK(
      opt.to_string() ==
      "multi_steps(momentum(learning_rate=1, decay=0.9, nesterov=false), every=2, use_mean=true)");
  const auto step = jit([&](Params p, State s, Params g) { return opt.step(p, s, g); });
  Params params = kParams;
  const auto bias = [&] {
    std::tie(params, state) = step(params, state, kGradients);
    return floats(params.at("linear/b"))[0];
  };
  CHECK(bias() == 0.5f);
  CHECK(bias() == -0.5f);
  CHECK(bias() == -0.5f);
  CHECK(bias() == Catch::Approx(-2.4f));
  CHECK(state.at("multi_steps.mini_step").item<int32_t>() == 0);
  set_hyperparameter(state, "every", 1);
  CHECK(bias() < -2.5f);
  CHECK(step.compilations() == 1);
  CHECK(message_of<ValueError>([] { multi_steps(sgd(1), 0); }) ==
        "[multi_steps] every must be at least 1; got 0; " + here() +
            "; give the number of gradients that make one update");
}

TEST_CASE("gradients that are not finite are left out, for a while") {
  const auto opt = apply_if_finite(momentum(1), 2);
  State state = opt.init(kParams);
  Params broken = kGradients;
  broken["linear/w"] = tensor(std::vector<float>{1, NAN, 1, 1}, {2, 2});
  auto [updates, next] = opt.update(broken, state, kParams);
  CHECK(close(updates.at("linear/b"), {0, 0}));
  CHECK(close(next.at("apply_if_finite.momentum.trace/linear/b"), {0, 0}));
  CHECK(next.at("apply_if_finite.total").item<int32_t>() == 1);
  std::tie(updates, next) = opt.update(kGradients, next, kParams);
  CHECK(close(updates.at("linear/b"), {-1, 2}));
  CHECK(next.at("apply_if_finite.in_a_row").item<int32_t>() == 0);
  for (int i = 0; i < 3; ++i)
    std::tie(updates, next) = opt.update(broken, next, kParams);
  CHECK(std::isnan(floats(updates.at("linear/w"))[1]));
  CHECK(next.at("apply_if_finite.total").item<int32_t>() == 4);
  CHECK(opt.to_string() ==
        "apply_if_finite(momentum(learning_rate=1, decay=0.9, nesterov=false), "
        "max_consecutive_errors=2)");

  const auto mended = chain(zero_nans(), sgd(1))
                          .update(broken, State{{"sgd.learning_rate", Tensor(1.0)}}, kParams)
                          .first;
  CHECK(close(mended.at("linear/w"), {-1, 0, -1, -1}));
}

TEST_CASE("the global norm is that of all gradients") {
  const auto opt = clip_by_global_norm(1);
  const auto [updates, state] = opt.update(kGradients, opt.init(kParams), kParams);
  CHECK(close(updates.at("linear/b"), {1.0f / 3, -2.0f / 3}));
  CHECK(close(updates.at("linear/w"), full({2, 2}, 1.0f / 3)));
  const Params zero = tree_map([](const Tensor& g) { return 0 * g; }, kGradients);
  CHECK(close(opt.update(zero, state, kParams).first.at("linear/b"), {0, 0}));
  CHECK(opt.update(Params{}, opt.init(Params{}), Params{}).first.empty());
}

TEST_CASE("parameters may be averaged") {
  const Params target = incremental_update(kGradients, kParams, 0.25);
  CHECK(close(target.at("linear/b"), {0.625f, -0.875f}));
  CHECK(close(target.at("linear/w"), ones({2, 2})));
  CHECK(message_of<ValueError>([&] {
          incremental_update(Params{}, kParams, 0.5);
        }).starts_with("[incremental_update] trees differ in structure"));
}

TEST_CASE("a part without parameters of its kind is no error") {
  const auto opt = muon(0.1);
  const Params only_bias{{"b", ones({2})}};
  const State state = opt.init(only_bias);
  CHECK(state.contains("muon.others.nadam.mu/b"));
  CHECK(state.contains("muon.matrices.muon.learning_rate"));
  CHECK(!opt.update(only_bias, state, only_bias).first.empty());
  State changed = state;
  set_hyperparameter(changed, "learning_rate", 0.5);
  CHECK(changed.at("muon.others.nadam.learning_rate").item<double>() == 0.5);
  CHECK(changed.at("muon.matrices.muon.learning_rate").item<double>() == 0.5);
}

TEST_CASE("Adafactor keeps rows and columns of matrices only") {
  const Params params{{"b", ones({4})}, {"w", ones({2, 4, 3})}};
  const State state = adafactor(0.1, {.min_dim_size_to_factor = 3}).init(params);
  CHECK(keys(state) ==
        "adafactor.clipping_threshold adafactor.count adafactor.decay_rate adafactor.eps "
        "adafactor.learning_rate adafactor.v/b adafactor.v_col/w adafactor.v_row/w");
  CHECK(state.at("adafactor.v_row/w").shape() == Shape{2, 3});
  CHECK(state.at("adafactor.v_col/w").shape() == Shape{2, 4});
}

TEST_CASE("the learning rate falls where learning stops") {
  State state = adam(1.0).init(kParams);
  ReduceOnPlateau plateau({.factor = 0.5, .patience = 2, .cooldown = 1, .min_value = 0.2});
  const auto rate = [&] { return hyperparameter(state, "learning_rate").item<double>(); };
  CHECK(!plateau.update(state, 3));
  CHECK(!plateau.update(state, 2));
  CHECK(!plateau.update(state, 2));
  CHECK(plateau.best().without() == 1);
  CHECK(plateau.update(state, std::numeric_limits<double>::quiet_NaN()));
  CHECK(rate() == 0.5);
  CHECK(plateau.best().value() == 2);
  CHECK(!plateau.update(state, 2));  // cooling
  CHECK(!plateau.update(state, 2));

  ReduceOnPlateau resumed({.factor = 0.5, .patience = 2, .min_value = 0.2});
  resumed.restore(plateau.memory());
  CHECK(resumed.update(state, 2));
  CHECK(rate() == 0.25);
  CHECK(!resumed.update(state, 1));
  CHECK(!resumed.update(state, 1));
  CHECK(resumed.update(state, 1));
  CHECK(rate() == 0.2);
  CHECK(!resumed.update(state, 1));
  CHECK(!resumed.update(state, 1));  // it is as small as may be
  CHECK(!resumed.update(state, 1));
  CHECK(rate() == 0.2);

  BestSoFar overflowed({.relative = 1e-4});
  CHECK(overflowed.observe(std::numeric_limits<double>::infinity()));
  CHECK_FALSE(overflowed.observe(std::numeric_limits<double>::infinity()));
  CHECK(overflowed.observe(5));
  CHECK_FALSE(overflowed.observe(5));

  ReduceOnPlateau rising({.patience = 1}, {.direction = Direction::Higher});
  CHECK(!rising.update(state, 0.5));
  CHECK(!rising.update(state, 0.6));
  CHECK(rising.update(state, 0.6));
  CHECK(
      message_of<ValueError>([&] {
        State none;
        rising.update(none, 0);
      })
          .starts_with("[hyperparameter] the state has no scalar called \"learning_rate\"; it has "
                       "none; " +
                       here()));
  CHECK(message_of<ValueError>([] { ReduceOnPlateau({.factor = 1}); }) ==
        "[reduce_on_plateau] factor must lie between 0 and 1; " + here() + "; use 0.1");
  CHECK(message_of<ValueError>([&] { rising.restore({}); }) ==
        "[reduce_on_plateau] there is no \"reduce_on_plateau.best\"; " + here() +
            "; give what memory() returned");
}
