// Models: names, initialisation, application, summaries, errors.
#include <gradus/nn/nn.h>
#include <catch2/catch_test_macros.hpp>

#include "tests/nn/golden.h"

using namespace gradus;

namespace {

nn::Module lenet5() {
  const nn::ConvOptions conv{.w_init = nn::glorot_uniform()};
  const nn::LinearOptions dense{.w_init = nn::glorot_uniform()};
  return nn::Sequential{nn::Conv2D(6, 5, conv),
                        nn::relu,
                        nn::MaxPool(2),
                        nn::Conv2D(16, 5, conv),
                        nn::relu,
                        nn::MaxPool(2),
                        nn::Flatten(),
                        nn::Sequential{nn::Linear(128, dense), nn::relu, nn::Linear(84, dense),
                                       nn::relu, nn::Linear(10, dense)}};
}

std::vector<std::string> names_of(const nn::Params& params) {
  std::vector<std::string> names;
  for (const auto& [name, x] : params)
    names.push_back(name);
  return names;
}

}  // namespace

TEST_CASE("LeNet-5: names, shapes and counts") {
  const nn::Module model = lenet5();
  const auto [params, state] = model.init(random::key(1), zeros({8, 28, 28, 1}));
  CHECK(names_of(params) == std::vector<std::string>{"conv2d/b", "conv2d/w", "conv2d_1/b",
                                                     "conv2d_1/w", "linear/b", "linear/w",
                                                     "linear_1/b", "linear_1/w", "linear_2/b",
                                                     "linear_2/w"});
  CHECK(state.empty());
  CHECK(nn::parameter_count(params) == 47154);
  CHECK(params.at("conv2d_1/w").shape() == Shape{5, 5, 6, 16});
  CHECK(params.at("linear/w").shape() == Shape{256, 128});
  CHECK(floats(max(gradus::abs(params.at("conv2d/b"))))[0] == 0);
  const float bound = std::sqrt(6.0f / (256 + 128));
  const float largest = floats(max(gradus::abs(params.at("linear/w"))))[0];
  CHECK(largest <= bound);
  CHECK(largest > 0.99f * bound);
  CHECK(model.apply(params, ramp({3, 28, 28, 1}, 1)).shape() == Shape{3, 10});
  CHECK(model.output_type({DType::F32, {72, 28, 28, 1}}) == Type{DType::F32, {72, 10}});
}

TEST_CASE("a summary is a tree with counts and bytes") {
  const nn::Summary lenet = nn::summary(lenet5(), Type{DType::F32, {1, 28, 28, 1}});
  CHECK(lenet.parameters() == 47154);
  CHECK(lenet.arrays() == 10);
  CHECK(lenet.bytes() == 4 * 47154);
  CHECK(lenet.to_string() == R"(Sequential                      f32[1,10]
├─ Conv2D(6, 5×5)   conv2d      f32[1,24,24,6]     156      624 B
├─ relu             relu        f32[1,24,24,6]
├─ MaxPool(2)       max_pool    f32[1,12,12,6]
├─ Conv2D(16, 5×5)  conv2d_1    f32[1,8,8,16]    2,416    9,664 B
├─ relu             relu_1      f32[1,8,8,16]
├─ MaxPool(2)       max_pool_1  f32[1,4,4,16]
├─ Flatten          flatten     f32[1,256]
└─ Sequential                   f32[1,10]
   ├─ Linear(128)   linear      f32[1,128]      32,896  131,584 B
   ├─ relu          relu_2      f32[1,128]
   ├─ Linear(84)    linear_1    f32[1,84]       10,836   43,344 B
   ├─ relu          relu_3      f32[1,84]
   └─ Linear(10)    linear_2    f32[1,10]          850    3,400 B
47,154 parameters in 10 arrays, 184.820 KiB
)");
  const nn::Sequential mlp{nn::Flatten(), nn::Linear(48), nn::relu, nn::Linear(10), nn::softmax};
  const nn::Summary flux = nn::summary(mlp, zeros({1, 28, 28}));
  CHECK(flux.to_string().ends_with("38,170 parameters in 4 arrays, 149.352 KiB\n"));
}

TEST_CASE("a model is a value: jit, grad and vmap apply") {
  const nn::Sequential model{nn::Linear(4), nn::tanh, nn::Linear(2)};
  const Tensor x = ramp({5, 3}, 1);
  const auto params = model.init(random::key(0), x).params;
  const Tensor y = model.apply(params, x);
  const auto loss = [model](const nn::Params& params, const Tensor& x) {
    return sum(square(model.apply(params, x)));
  };
  const auto step = jit([loss](nn::Params params, Tensor x) { return grad(loss)(params, x); });
  const nn::Params gradient = step(params, x);
  CHECK(names_of(gradient) == names_of(params));
  const double h = 1e-3;
  nn::Params above = params, below = params;
  above["linear/w"] = above["linear/w"] + h * ramp({3, 4}, 5);
  below["linear/w"] = below["linear/w"] - h * ramp({3, 4}, 5);
  const double slope = (loss(above, x).item<float>() - loss(below, x).item<float>()) / (2 * h);
  const double expected = sum(gradient.at("linear/w") * ramp({3, 4}, 5)).item<float>();
  CHECK(std::abs(slope - expected) < 1e-2 * (1 + std::abs(expected)));

  const auto one = [model](const nn::Params& params, const Tensor& x) {
    return model.apply(params, x);
  };
  CHECK(close(vmap(one, in_axes(none, 0))(params, x), y));
  // An ensemble: parameters of several keys at once.
  const auto make = [model](const Tensor& key) { return model.init(key, zeros({5, 3})).params; };
  const Tensor keys = random::split(random::key(3), 4);
  const nn::Params many = vmap(make)(keys);
  CHECK(many.at("linear/w").shape() == Shape{4, 3, 4});
  CHECK(close(many.at("linear/w")[2], make(keys[2]).at("linear/w"), 0));
  CHECK(close(vmap(one, in_axes(0, none))(many, x)[1], model.apply(make(keys[1]), x)));
}

TEST_CASE("functions, blocks and branches") {
  const auto scaled = [](nn::Scope& s, const Tensor& x) {
    return x * s.param("scale", Shape{x.shape()[1]}, 2.0);
  };
  const nn::Sequential model{
      [](const Tensor& x) { return x + 1; },
      nn::Module("affine", scaled),
      nn::Block("inner", nn::Sequential{nn::Linear(3), nn::Linear(3)}),
      nn::Skip(nn::Sequential{nn::Linear(3), nn::relu}),
      nn::Parallel({nn::Linear(2), nn::Linear(4), gradus::abs}),
  };
  const auto [params, state] = model.init(random::key(0), ones({2, 3}));
  CHECK(names_of(params) ==
        std::vector<std::string>{"affine/scale", "inner/linear/b", "inner/linear/w",
                                 "inner/linear_1/b", "inner/linear_1/w", "linear/b", "linear/w",
                                 "linear_1/b", "linear_1/w", "linear_2/b", "linear_2/w"});
  CHECK(close(params.at("affine/scale"), {2, 2, 2}));
  CHECK(model.apply(params, ones({2, 3})).shape() == Shape{2, 9});
  const nn::Module first =
      nn::Sequential{[](const Tensor& x) { return x + 1; }, nn::Module("affine", scaled)};
  CHECK(close(first.apply(params, ones({1, 3})), {4, 4, 4}));
  const Tensor x = tensor({{1.0, -2.0}});
  const auto combined = [&](nn::Combine c) {
    return nn::Parallel({gradus::abs, square}, c).apply({}, x);
  };
  CHECK(close(combined(nn::Combine::Concatenate), {1, 2, 1, 4}));
  CHECK(close(combined(nn::Combine::Sum), {2, 6}));
  CHECK(close(combined(nn::Combine::Product), {1, 8}));
  CHECK(close(combined(nn::Combine::Mean), {1, 3}));
  CHECK(
      close(nn::Skip(gradus::abs, [](Tensor y, Tensor x) { return y * x; }).apply({}, x), {1, -4}));
}

TEST_CASE("dropout: off in tests, unbiased in training, keys from the run or the state") {
  const nn::Sequential model{nn::Linear(50), nn::Dropout(0.25)};
  const Tensor x = ones({400, 4});
  const auto [params, state] = model.init(random::key(0), x);
  REQUIRE(state.size() == 1);
  CHECK(state.at("dropout/key").dtype() == DType::Key);
  const Tensor plain = model.apply(params, x);
  CHECK(close(model.apply(params, state, x).output, plain, 0));

  const auto first = model.apply(params, state, x, nn::Mode::Train);
  const auto second = model.apply(params, first.state, x, nn::Mode::Train);
  const Tensor dropped = astype(first.output == 0.0, DType::F32);
  CHECK(std::abs(mean(dropped).item<float>() - 0.25f) < 0.01f);
  CHECK(close(where(first.output == 0.0, plain, first.output * 0.75), plain));
  CHECK_FALSE(close(first.output, second.output));
  CHECK(close(model.apply(params, state, x, nn::Mode::Train).output, first.output, 0));

  const nn::Run run{nn::Mode::Train, random::key(7)};
  const auto keyed = model.apply(params, state, x, run);
  CHECK(close(keyed.output, model.apply(params, x, run), 0));
  CHECK_FALSE(close(keyed.output, first.output));
  const auto without_key = [&] { model.apply(params, x, nn::Mode::Train); };
  CHECK(message_of<ValueError>(without_key).find("no state dropout/key; got none at all") !=
        std::string::npos);
}

TEST_CASE("embeddings") {
  const nn::Embedding embed(5, 3);
  const Tensor ids = tensor({4, 0, 4});
  const auto params = embed.init(random::key(0), ids).params;
  const Tensor rows = embed.apply(params, ids);
  CHECK(rows.shape() == Shape{3, 3});
  CHECK(close(rows[0], params.at("embed/embeddings")[4], 0));
  const auto loss = [&](const nn::Params& p) { return sum(embed.apply(p, ids)); };
  CHECK(close(grad(loss)(params).at("embed/embeddings"),
              {1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2}));
}

TEST_CASE("errors name the layer") {
  const nn::Module model = lenet5();
  const auto text = [](auto f) { return message_of<Error>(f); };
  CHECK(text([&] {
          model.init(random::key(0), ones({8, 14, 14, 1}));
        }) ==
        "[nn::MaxPool] in layer max_pool_1: the window does not fit; got a reach of 2 over spatial "
        "axis 0 of extent 1 (padded by 0 and 0), expected at most 1; " +
            here() + "; pad more or take a smaller window");
}

TEST_CASE("errors of parameters name them") {
  const nn::Sequential model{nn::Flatten(), nn::Linear(4), nn::Linear(2, {.inputs = 4})};
  auto params = model.init(random::key(0), ones({1, 3})).params;
  const auto text = [](auto f) { return message_of<Error>(f); };
  CHECK(text([&] {
          model.apply(params, ones({1, 5}));
        }) ==
        "[nn::apply] in layer linear: linear/w does not fit; got f32[3,4], expected f32[5,4] for "
        "input f32[1,5]; " +
            here() +
            "; give inputs of the shape that the model was initialised with, or the parameters of "
            "this model");
  const nn::Linear checked(2, {.inputs = 4});
  CHECK(text([&] {
          checked.init(random::key(0), ones({1, 5}));
        }) ==
        "[nn::Linear] in layer linear: another number of inputs; got 5 in f32[1,5], expected 4; " +
            here() + "; features and channels stand in the last axis");
  params.erase("linear_1/b");
  CHECK(text([&] {
          model.apply(params, ones({1, 3}));
        })
            .find("in layer linear_1: no parameter linear_1/b; got linear/b, linear/w, "
                  "linear_1/w") != std::string::npos);
  CHECK(text([&] {
          model.init(random::key(0), iota({1, 3}));
        }).find("in layer linear: inputs are not real; got i32[1,3]") != std::string::npos);
  CHECK(text([&] {
          nn::Skip(nn::Linear(2)).init(random::key(0), ones({1, 3}));
        }).find("[nn::Skip] what is skipped changes the type; got f32[1,2] beside f32[1,3]") == 0);
  CHECK(text([&] {
          nn::Dropout(1.0).init(random::key(0), ones({1, 3}));
        }).find("no such rate; got 1") != std::string::npos);
  CHECK(text([&] {
          nn::Flatten(3).init(random::key(0), ones({1, 3}));
        }).find("in layer flatten: too few axes") != std::string::npos);
  CHECK(text([&] {
          nn::Conv2D(2, 3).init(random::key(0), ones({1, 3}));
        }).find("in layer conv2d: another number of dimensions") != std::string::npos);
  CHECK(text([&] {
          nn::Conv2D(2, 3, {.groups = 2}).init(random::key(0), ones({1, 5, 5, 3}));
        }).find("channels do not fall into groups; got 3 in, 2 out and 2 groups") !=
        std::string::npos);
  const nn::Module twice("twice", [](nn::Scope& s, const Tensor& x) {
    const Tensor a = s.param("a", Shape{1}, 0.0);
    return x + a + sum(s.param("a", Shape{2}, 0.0));
  });
  CHECK(text([&] {
          twice.init(random::key(0), ones({3}));
        }).find("twice/a is used with two types; got f32[1] and f32[2]") != std::string::npos);
}
