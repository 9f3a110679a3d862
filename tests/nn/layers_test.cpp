// Initialisers, activations, norms and Haiku's style against JAX, Haiku, PyTorch and Flax
// (layers_golden.py).
#include <gradus/nn/nn.h>
#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "tests/nn/golden.h"

using namespace gradus;

namespace {

const Golden& golden() {
  static const Golden golden("layers_golden.txt");
  return golden;
}

/// The first elements, as many as the script keeps.
Tensor head(const Tensor& x) {
  const Tensor flat = reshape(x, -1);
  return slice_axis(flat, 0, 0, 24);
}

void check_norm(const std::string& name, const Shape& shape, const nn::Module& norm,
                const std::string& layer) {
  INFO(name);
  const Tensor x = ramp(shape, 1);
  auto [params, state] = norm.init(random::key(0), x);
  int seed = 2;
  for (const char* p : {"/scale", "/offset"}) {
    const auto it = params.find(layer + p);
    if (it != params.end()) it->second = ramp(it->second.shape(), seed);
    ++seed;
  }
  const auto loss = [&](const nn::Params& p, const Tensor& x) {
    const Tensor y = norm.apply(p, state, x, nn::Mode::Train).output;
    return with_aux(sum(y * ramp(y.shape(), 9)), y);
  };
  const auto [value, gradient, y] = value_and_grad<0, 1>(loss)(params, x);
  CHECK(golden().error(name + ".y", y) < 2e-5);
  CHECK(golden().error(name + ".dx", std::get<1>(gradient)) < 5e-5);
  for (const auto& [p, dp] : std::get<0>(gradient)) {
    CHECK(golden().error(name + ".d" + p.substr(p.find('/') + 1), dp) < 5e-5);
  }
}

}  // namespace

TEST_CASE("initialisers draw what JAX's draw") {
  const Tensor key = random::key(5);
  const std::vector<std::pair<const char*, nn::Initializer>> all{
      {"glorot_uniform", nn::glorot_uniform()},
      {"glorot_normal", nn::glorot_normal()},
      {"he_uniform", nn::he_uniform()},
      {"he_normal", nn::he_normal()},
      {"lecun_uniform", nn::lecun_uniform()},
      {"lecun_normal", nn::lecun_normal()},
      {"scaled_out", nn::variance_scaling(2, nn::Fan::Out, nn::Distribution::Normal)}};
  for (const auto& [name, init] : all) {
    INFO(name);
    CHECK(golden().error(name, head(init(key, {3, 3, 4, 6}))) < 1e-6);
  }
  // Haiku's takes its key from a sequence.
  const Tensor drawn = nn::truncated_normal_init(0.5, 1)(nn::KeySequence(key).next(), {4, 6});
  CHECK(golden().error("truncated_normal", drawn) < 1e-6);
}

TEST_CASE("orthogonal matrices") {
  for (const Shape& shape :
       {Shape{6, 6}, Shape{9, 4}, Shape{3, 7}, Shape{3, 3, 2, 5}, Shape{1, 1}}) {
    const Tensor w = nn::orthogonal(2)(random::key(1), shape);
    REQUIRE(w.shape() == shape);
    const int64_t columns = shape[shape.rank() - 1], rows = shape.elements() / columns;
    const Tensor m = reshape(w, {rows, columns});
    const Tensor gram = rows < columns ? matmul(m, transpose(m)) : matmul(transpose(m), m);
    const int64_t n = std::min(rows, columns);
    const Tensor identity = astype(iota({n, n}, 0) == iota({n, n}, 1), DType::F32);
    CHECK(close(gram, 4.0 * identity, 1e-5));
  }
  const Tensor kernel = nn::identity_init()(random::key(0), {3, 3, 2, 2});
  CHECK(close(conv(ones({1, 4, 4, 2}), kernel, {.padding = 1}), ones({1, 4, 4, 2})));
}

TEST_CASE("activations and their derivatives") {
  const std::vector<std::pair<const char*, std::function<Tensor(Tensor)>>> all{
      {"relu", nn::relu},
      {"relu6", nn::relu6},
      {"elu", nn::elu},
      {"selu", nn::selu},
      {"celu", nn::celu},
      {"gelu", nn::gelu},
      {"gelu_tanh", nn::gelu_tanh},
      {"silu", nn::silu},
      {"mish", nn::mish},
      {"sigmoid", nn::sigmoid},
      {"log_sigmoid", nn::log_sigmoid},
      {"hard_sigmoid", nn::hard_sigmoid},
      {"hard_swish", nn::hard_swish},
      {"hard_tanh", nn::hard_tanh},
      {"softplus", nn::softplus},
      {"soft_sign", nn::softsign},
      {"leaky_relu", [](Tensor x) { return nn::leaky_relu(x); }}};
  const Tensor x = linspace(-4, 4, 33);
  for (const auto& [name, f] : all) {
    INFO(name);
    CHECK(golden().error(std::string(name) + ".y", f(x)) < 2e-6);
    const Tensor dx = grad([&](Tensor x) { return sum(f(x)); })(x);
    CHECK(golden().error(std::string(name) + ".dx", dx) < 5e-6);
    // Far out nothing is NaN.
    const auto far = tensor({-1e4, -100.0, 100.0, 1e4});
    CHECK(gradus::all(is_finite(f(far))).item<bool>());
    CHECK(gradus::all(is_finite(grad([&](Tensor x) { return sum(f(x)); })(far))).item<bool>());
  }
  CHECK(golden().error("glu.y", nn::glu(ramp({2, 6}, 1))) < 1e-6);
  CHECK(message_of<ShapeError>([] {
          nn::glu(ones({3}));
        }).find("the last axis has no halves; got f32[3]") != std::string::npos);
}

TEST_CASE("norms and their gradients as PyTorch's") {
  check_norm("batch_norm", {4, 3, 2, 3}, nn::BatchNorm(), "batch_norm");
  check_norm("group_norm", {2, 3, 2, 6}, nn::GroupNorm(2), "group_norm");
  check_norm("instance_norm", {2, 3, 4, 3}, nn::InstanceNorm(), "instance_norm");
  check_norm("layer_norm", {5, 6}, nn::LayerNorm(), "layer_norm");
  check_norm("rms_norm", {5, 6}, nn::RMSNorm(), "rms_norm");
}

TEST_CASE("batch norm keeps running averages as Flax does, and uses them in tests") {
  const nn::BatchNorm norm;
  const Tensor x = ramp({4, 3, 2, 3}, 1);
  auto [params, state] = norm.init(random::key(0), x);
  CHECK(close(norm.apply(params, state, x).output, x / std::sqrt(1 + 1e-5)));
  const auto step = jit([norm](nn::Params params, nn::State state, Tensor x) {
    return norm.apply(params, state, x, nn::Mode::Train);
  });
  for (int i = 0; i < 2; ++i)
    state = step(params, state, x * (i + 1)).state;
  CHECK(golden().error("flax.mean", state.at("batch_norm/mean")) < 1e-6);
  CHECK(golden().error("flax.variance", state.at("batch_norm/variance")) < 1e-6);
  const Tensor y = norm.apply(params, state, x).output;
  const Tensor expected =
      (x - state.at("batch_norm/mean")) * rsqrt(state.at("batch_norm/variance") + 1e-5);
  CHECK(close(y, expected));
  CHECK(message_of<ValueError>([&] {
          norm.apply(params, x);
        }).find("in layer batch_norm: no state batch_norm/mean; got none at all") !=
        std::string::npos);
}

TEST_CASE("moments hold whatever the mean, and have a derivative of their own") {
  const Tensor x = ramp({1000, 3}, 1);
  const auto [mean, variance] = moments(x + 4096.0, 0);
  const Tensor rounded = (x + 4096.0) - 4096.0;  // exactly
  CHECK(close(mean, gradus::mean(rounded, 0) + 4096.0, 1e-7));
  CHECK(close(variance, gradus::variance(rounded, 0), 1e-6));
  CHECK(floats(gradus::variance(full({100}, 0.1)))[0] < 1e-16);
  // The mean's own tangent is not in the variance's derivative.
  const auto step =
      jit([](Tensor x) { return grad([](Tensor x) { return gradus::variance(x); })(x); });
  CHECK(close(step(tensor({1.0, 2.0, 6.0})), {-4.0f / 3, -2.0f / 3, 2}));
  const auto kept = moments(ones({2, 3, 4}), {0, -1}, true);
  CHECK(kept[0].shape() == Shape{1, 3, 1});
  CHECK(kept[1].shape() == Shape{1, 3, 1});
}

TEST_CASE("transform makes Haiku's parameters: names, order, keys") {
  const auto net = nn::transform([](nn::Scope& s, const Tensor& images) {
    Tensor x = reshape(images, {images.shape()[0], -1});
    x = relu(nn::linear(s, 300)(x));
    x = relu(nn::linear(s, 100)(x));
    return nn::linear(s, 10)(x);
  });
  const auto noisy = nn::transform([](nn::Scope& s, const Tensor& x) {
    Tensor y = nn::dropout(s, 0.5, nn::linear(s, 5)(x));
    y = nn::batch_norm(s)(y);
    return nn::linear(s, 3, {.name = "head"})(y);
  });
  const std::pair<const char*, random::Stream> streams[] = {
      {"original.", random::Stream::Original}, {"partitionable.", random::Stream::Partitionable}};
  for (const auto& [name, stream] : streams) {
    const random::ScopedStream scoped(stream);
    nn::KeySequence keys(1729);
    const auto params = net.init(keys.next(), zeros({1, 28, 28})).params;
    CHECK(params.size() == 6);
    for (const char* layer : {"linear", "linear_1", "linear_2"}) {
      INFO(name << layer);
      const std::string w = std::string(layer) + "/w";
      CHECK(golden().error(name + w, head(params.at(w))) < 1e-6);
      CHECK(max(gradus::abs(params.at(std::string(layer) + "/b"))).item<float>() == 0);
    }
    const auto [other, state] = noisy.init(keys.next(), ramp({2, 4}, 1));
    CHECK(golden().error(std::string(name) + "dropout.linear/w", other.at("linear/w")) < 1e-6);
    CHECK(golden().error(std::string(name) + "dropout.head/w", other.at("head/w")) < 1e-6);
    CHECK(state.size() == 2);
  }
}

TEST_CASE("transformed functions: state, keys, sharing, trees") {
  const auto noisy = nn::transform([](nn::Scope& s, const Tensor& x) {
    return nn::batch_norm(s)(nn::dropout(s, 0.5, nn::linear(s, 5)(x)));
  });
  const Tensor x = ramp({8, 4}, 1);
  auto [params, state] = noisy.init(random::key(0), x);
  const auto train = noisy.run(params, state, {nn::Mode::Train, random::key(1)}, x);
  CHECK(train.output.shape() == Shape{8, 5});
  CHECK_FALSE(close(train.state.at("batch_norm/mean"), state.at("batch_norm/mean")));
  const auto without = [&] { noisy.run(params, state, nn::Mode::Train, x); };
  CHECK(message_of<ValueError>(without) ==
        "[nn::next_key] no random key for layer (outside all layers); got none, expected one "
        "because it draws in this mode; " +
            here(-1) + "; give a key: apply(…, {nn::Mode::Train, key}, …)");

  const auto shared = nn::transform([](nn::Scope& s, const Tensor& a, const Tensor& b) {
    const auto embed = nn::linear(s, 3);
    const auto inner = nn::bind(s, nn::Sequential{nn::Linear(3), nn::relu, nn::Linear(2)});
    const Tensor scale = s.param("scale", Shape{2}, 1.0);
    return std::pair{inner(embed(a)) * scale, nn::block(s, "other", embed(b), [&](const Tensor& x) {
                       return inner(nn::linear(s, 3)(x));
                     })};
  });
  const auto variables = shared.init(random::key(0), x, x);
  std::vector<std::string> names;
  for (const auto& [name, p] : variables.params)
    names.push_back(name);
  CHECK(names == std::vector<std::string>{"group/linear/b", "group/linear/w", "group/linear_1/b",
                                          "group/linear_1/w", "linear/b", "linear/w",
                                          "other/linear/b", "other/linear/w", "scale"});
  const auto [left, right] = shared.apply(variables.params, x, x);
  CHECK(left.shape() == Shape{8, 2});
  CHECK_FALSE(close(left, right));
  const auto step = jit([shared](nn::Params p, Tensor x) {
    return grad([&](const nn::Params& p) {
      const auto [left, right] = shared.apply(p, x, x);
      return sum(left) + sum(right);
    })(p);
  });
  CHECK(step(variables.params, x).size() == 9);
  CHECK(shared.summary(x, x).parameters() == nn::parameter_count(variables.params));
}
