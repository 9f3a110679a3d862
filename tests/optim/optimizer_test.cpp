// Optimisers as values: states, settings, chains, printing, errors.
#include <catch2/catch_test_macros.hpp>
#include <sstream>

#include <gradus/gradus.h>
#include <gradus/optim/optim.h>

#include "tests/frontend/values.h"

using namespace gradus;
using optim::State;

namespace {

using Params = std::map<std::string, Tensor>;

struct Layer {
  Tensor w, b;
};
struct Model {
  std::vector<Layer> layers;
  int depth = 2;
};

Params small() {
  return {{"linear/b", tensor({0.5, -0.5})}, {"linear/w", tensor({1.0, 2.0, 3.0, 4.0}, {2, 2})}};
}
Params gradients() {
  return {{"linear/b", tensor({1.0, -2.0})}, {"linear/w", ones({2, 2})}};
}

std::vector<std::string> keys(const State& state) {
  std::vector<std::string> result;
  for (const auto& [key, value] : state)
    result.push_back(key);
  return result;
}

}  // namespace

TEST_CASE("a state is a tree of named tensors") {
  const State state = optim::adam(0.01).init(small());
  CHECK(keys(state) == std::vector<std::string>{"adam.b1", "adam.b2", "adam.count", "adam.eps",
                                                "adam.eps_root", "adam.learning_rate",
                                                "adam.mu/linear/b", "adam.mu/linear/w",
                                                "adam.nu/linear/b", "adam.nu/linear/w"});
  CHECK(state.at("adam.learning_rate").item<double>() == 0.01);
  CHECK(state.at("adam.count").item<int32_t>() == 0);
  CHECK(close(state.at("adam.mu/linear/w"), zeros({2, 2})));
  CHECK(state.at("adam.mu/linear/w").data<float>().data() !=
        state.at("adam.nu/linear/w").data<float>().data());

  const Model model{{{ones({2, 2}), ones({2})}, {ones({2, 2}), ones({2})}}};
  CHECK(keys(optim::momentum(0.01).init(model)) ==
        std::vector<std::string>{"momentum.decay", "momentum.learning_rate",
                                 "momentum.trace/layers/0/b", "momentum.trace/layers/0/w",
                                 "momentum.trace/layers/1/b", "momentum.trace/layers/1/w"});
  CHECK(keys(optim::momentum(0.01).init(ones({3}))).back() == "momentum.trace/");
}

TEST_CASE("parameters of any tree are updated") {
  const Model model{{{ones({2, 2}), ones({2})}}, 7};
  const auto opt = optim::sgd(0.5);
  const auto [updates, state] = opt.update(model, opt.init(model), model);
  CHECK(close(updates.layers[0].w, full({2, 2}, -0.5f)));
  const Model next = optim::apply_updates(model, updates);
  CHECK(next.depth == 7);
  CHECK(close(next.layers[0].b, {0.5f, 0.5f}));
  CHECK(close(model.layers[0].b, {1, 1}));

  const auto [single, s] = opt.update(tensor({4.0}), opt.init(tensor({1.0})), tensor({1.0}));
  CHECK(close(single, {-2}));
  const auto [none, t] = opt.update(Params{}, opt.init(Params{}), Params{});
  CHECK(none.empty());
}

TEST_CASE("step is update and apply_updates at once, and takes what is moved in") {
  const auto opt = optim::momentum(0.1);
  Params params = small(), other = small();
  State state = opt.init(params), other_state = opt.init(other);
  for (int i = 0; i < 3; ++i) {
    std::tie(params, state) = opt.step(std::move(params), std::move(state), gradients());
    auto [updates, next] = opt.update(gradients(), other_state, other);
    other = optim::apply_updates(other, updates);
    other_state = next;
  }
  for (const auto& [name, value] : params)
    CHECK(close(value, other.at(name), 1e-6));
  for (const auto& [name, value] : state)
    CHECK(value.type() == other_state.at(name).type());
  CHECK(close(state.at("momentum.trace/linear/w"), other_state.at("momentum.trace/linear/w"), 0));
}

TEST_CASE("changing a setting compiles nothing") {
  const auto opt = optim::chain(optim::adam(0.25, {.eps = 0}), optim::scale(1.0));
  const auto step = jit([&](Params params, State state, const Params& g) {
    auto [updates, next] = opt.update(g, state, params);
    return std::pair{optim::apply_updates(params, updates), next};
  });
  Params params = small();
  State state = opt.init(params);
  std::tie(params, state) = step(params, state, gradients());
  CHECK(close(params.at("linear/b"), {0.25f, -0.25f}));
  optim::set_hyperparameter(state, "learning_rate", 0.5);
  std::tie(params, state) = step(params, state, gradients());
  CHECK(close(params.at("linear/b"), {-0.25f, 0.25f}));
  optim::set_hyperparameter(state, "adam.learning_rate", Tensor(0));
  optim::set_hyperparameter(state, "b1", 0.5);
  std::tie(params, state) = step(params, state, gradients());
  CHECK(close(params.at("linear/b"), {-0.25f, 0.25f}));
  CHECK(step.compilations() == 1);
  CHECK(optim::hyperparameter(state, "learning_rate").item<double>() == 0);
  CHECK(optim::hyperparameter(state, "count").item<int32_t>() == 3);
}

TEST_CASE("a setting may follow a schedule, inside the compiled step") {
  const auto opt = optim::sgd(
      {[](const Tensor& step) { return 1.0 / (1.0 + astype(step, DType::F32)); }, "1/(1+t)"});
  CHECK(opt.to_string() == "sgd(learning_rate=1/(1+t))");
  const auto step = jit([&](Tensor x, State state) { return opt.step(x, state, ones({1})); });
  Tensor x = zeros({1});
  State state = opt.init(x);
  CHECK(keys(state) == std::vector<std::string>{"sgd.count"});
  for (float expected : {-1.0f, -1.5f, -1.8333333f}) {
    std::tie(x, state) = step(x, state);
    CHECK(close(x, {expected}));
  }
  CHECK(step.compilations() == 1);
  const optim::Schedule bad([](const Tensor&) { return ones({2}); }, "bad");
  CHECK(message_of<ShapeError>([&] { bad.at(0); }) ==
        "[schedule] bad returned f32[2], expected a scalar; reduce it to one number");
}

TEST_CASE("optimisers print their settings") {
  const auto adam = optim::adam(0.01);
  CHECK(adam.to_string() == "adam(learning_rate=0.01, b1=0.9, b2=0.999, eps=1e-08, eps_root=0)");
  std::ostringstream out;
  out << optim::chain(optim::scale(2), optim::nesterov(1e-3));
  CHECK(out.str() ==
        "chain(scale(factor=2), momentum(learning_rate=0.001, decay=0.9, nesterov=true))");
  State state = adam.init(small());
  optim::set_hyperparameter(state, "learning_rate", 0.5);
  CHECK(adam.to_string(state) ==
        "adam(learning_rate=0.5, b1=0.9, b2=0.999, eps=1e-08, eps_root=0)");
}

TEST_CASE("parts of chains have names of their own") {
  const auto opt = optim::chain(optim::chain(optim::scale(2), optim::scale(3)), optim::scale(4));
  State state = opt.init(ones({1}));
  CHECK(keys(state) ==
        std::vector<std::string>{"scale.factor", "scale_1.factor", "scale_2.factor"});
  CHECK(close(opt.update(ones({1}), state, ones({1})).first, {24}));
  optim::set_hyperparameter(state, "scale_1.factor", 1);
  CHECK(close(opt.update(ones({1}), state, ones({1})).first, {8}));
  CHECK(opt.to_string(state) == "chain(scale(factor=2), scale(factor=1), scale(factor=4))");
}

TEST_CASE("an optimiser of one's own is a rule") {
  const auto sign_descent = [](optim::Schedule learning_rate) {
    return optim::make_optimizer(
        {.name = "sign_descent",
         .settings = {{"learning_rate", learning_rate}},
         .update = [](optim::Leaf& l) { return -l["learning_rate"] * sign(l.gradient); }});
  };
  const auto opt = sign_descent(0.25);
  CHECK(opt.to_string() == "sign_descent(learning_rate=0.25)");
  CHECK(close(opt.step(tensor({1.0, 2.0}), opt.init(ones({2})), tensor({5.0, -5.0})).first,
              {0.75f, 2.25f}));
}

TEST_CASE("misuse is told with the caller's line") {
  const auto opt = optim::adam(0.01);
  const Params params = small();
  const State state = opt.init(params);

  CHECK(message_of<DTypeError>([&] {
          opt.init(Params{{"n", Tensor(3)}});
        }) == "[init] a parameter must be of floats; got i32[] at \"n\"; " + here() +
                  "; keep other leaves in a tree of their own, such as the state of a model");
  CHECK(message_of<ValueError>([&] {
          opt.init(std::map<std::string, std::map<std::string, Tensor>>{
              {"a", {{"b/c", ones({1})}}}, {"a/b", {{"c", ones({1})}}}});
        }) ==
        "[init] two leaves have the path \"a/b/c\"; " + here() + "; give them different names");

  Params g = gradients();
  g["linear/w"] = ones({2, 3});
  CHECK(message_of<ShapeError>([&] { opt.update(g, state, params); }) ==
        "[update] gradient unlike its parameter \"linear/w\"; got f32[2,3], expected f32[2,2]; " +
            here() + "; differentiate by these parameters");
  g["linear/w"] = ones({2, 2}, DType::F64);
  CHECK(message_of<DTypeError>([&] {
          opt.update(g, state, params);
        }).starts_with("[update] gradient unlike its parameter \"linear/w\"; got f64[2,2]"));

  State other = state;
  other.erase("adam.nu/linear/w");
  CHECK(message_of<ValueError>([&] { opt.update(gradients(), other, params); }) ==
        "[update] the state has no \"adam.nu/linear/w\"; " + here() +
            "; make the state by init() of this optimiser with these parameters");
  other = state;
  other["adam.nu/linear/w"] = ones({2});
  CHECK(message_of<ShapeError>([&] { opt.update(gradients(), other, params); }) ==
        "[update] \"adam.nu/linear/w\" in the state does not fit its parameter; got f32[2], "
        "expected f32[2,2]; " +
            here() + "; make the state by init() of this optimiser with these parameters");

  other = state;
  CHECK(message_of<ValueError>([&] { optim::set_hyperparameter(other, "rate", 0.1); }) ==
        "[set_hyperparameter] the state has no scalar called \"rate\"; it has adam.b1, adam.b2, "
        "adam.count, adam.eps, adam.eps_root, adam.learning_rate; " +
            here() + "; use one of these names; what follows a schedule is not in the state");
  CHECK(message_of<ShapeError>([&] { optim::set_hyperparameter(other, "b1", ones({2})); }) ==
        "[set_hyperparameter] \"adam.b1\" is a scalar; got f32[2]; " + here() +
            "; give one number");
  const State two = optim::chain(optim::scale(1), optim::scale(1)).init(params);
  CHECK(message_of<ValueError>([&] { optim::hyperparameter(two, "factor"); }) ==
        "[hyperparameter] several scalars are called \"factor\": scale.factor and "
        "scale_1.factor; " +
            here() + "; write the longer name");
  CHECK(message_of<ShapeError>([&] { optim::apply_updates(ones({2}), ones({3})); }) ==
        "[apply_updates] an update unlike its parameter \"\"; got f32[3], expected f32[2]; " +
            here() + "; give the updates of these parameters");
  CHECK(message_of<ValueError>([&] {
          optim::apply_updates(params, Params{});
        }).starts_with("[apply_updates] trees differ in structure"));
}
