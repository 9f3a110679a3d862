// Random functions under random stacks of transforms: what jit, grad, jvp, vjp and vmap promise of
// each other.
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <random>

#include "runtime/profile.h"
#include "tests/frontend/values.h"

using namespace gradus;

namespace {

using Function = std::function<Tensor(const Tensor&)>;

/// A smooth random function f32[3] -> f32[3], bounded so that finite precision does not matter. It
/// captures `c` of the same shape.
class RandomFunction {
 public:
  explicit RandomFunction(unsigned seed) {
    std::mt19937 random(seed);
    for (int i = 0; i < 6; ++i)
      steps_.push_back(random());
  }

  Tensor operator()(const Tensor& x, const Tensor& c) const {
    std::vector<Tensor> values = {x, c};
    for (unsigned step : steps_) {
      const Tensor& a = values[(step >> 8) % values.size()];
      const Tensor& b = values[(step >> 16) % values.size()];
      values.push_back(apply(step % 12, a, b));
    }
    return gradus::tanh(values.back()) + 0.5f * values[values.size() - 2] * values[1];
  }

 private:
  static Tensor apply(unsigned which, const Tensor& a, const Tensor& b) {
    switch (which) {
      case 0:
        return gradus::sin(a) * b;
      case 1:
        return gradus::tanh(a + b);
      case 2:
        return logistic(a) - 0.3f * b;
      case 3:
        return softmax(a) + b;
      case 4:
        return a * sum(b) * 0.2f;
      case 5:
        return dot(outer(gradus::tanh(a), gradus::tanh(b)), a) * 0.3f;
      case 6:
        return where(a > b, a, gradus::cos(b));
      case 7:
        return flip(a) * 0.5f + b;
      case 8:
        return concatenate({slice_axis(a, 0, 1, 3), slice_axis(b, 0, 0, 1)});
      case 9:
        return gradus::exp(-a * a) * b;
      case 10:
        return take(a, tensor({2, 0, 2})) - b;
      default:
        // A function of a function: the inner derivative sees b as a constant.
        return grad([&](const Tensor& t) { return sum(gradus::sin(t) * b) * 0.5f; })(a);
    }
  }

  std::vector<unsigned> steps_;
};

Tensor random_tensor(unsigned seed, Shape shape) {
  return random::uniform(random::key(seed), shape, -1.0f, 1.0f);
}

double inner(const Tensor& a, const Tensor& b) {
  return sum(a * b).item<float>();
}

}  // namespace

TEST_CASE("jit computes what the function computes") {
  for (unsigned seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    const RandomFunction f(seed);
    const Tensor x = random_tensor(seed, {3}), c = random_tensor(100 + seed, {3});
    CHECK(close(jit(f)(x, c), f(x, c)));
  }
}

TEST_CASE("forward and reverse mode agree") {
  for (unsigned seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    const RandomFunction f(seed);
    const Tensor x = random_tensor(seed, {3}), c = random_tensor(100 + seed, {3});
    const Tensor t = random_tensor(200 + seed, {3}), w = random_tensor(300 + seed, {3});
    const auto of_x = [&](const Tensor& a) { return f(a, c); };
    const auto [y, dy] = jvp(of_x, x, t);
    const auto [y2, pullback] = vjp(of_x, x);
    CHECK(close(y, y2));
    CHECK(std::abs(inner(w, dy) - inner(pullback(w), t)) < 1e-4);
    // A captured value and an argument give one gradient.
    const auto [dx, dc] =
        grad<0, 1>([&](const Tensor& a, const Tensor& b) { return sum(f(a, b)); })(x, c);
    CHECK(close(grad([&](const Tensor& a) { return sum(f(a, c)); })(x), dx, 1e-4));
    CHECK(close(grad([&](const Tensor& b) { return sum(f(x, b)); })(c), dc, 1e-4));
  }
}

TEST_CASE("vmap is a loop") {
  for (unsigned seed = 0; seed < 8; ++seed) {
    CAPTURE(seed);
    const RandomFunction f(seed);
    const Tensor xs = random_tensor(seed, {4, 3}), cs = random_tensor(100 + seed, {4, 3});
    const Tensor both = vmap(f)(xs, cs);
    const Tensor first = vmap(f, in_axes(0, none))(xs, cs[0]);
    const Tensor second = vmap(f, in_axes(none, 1), 1)(xs[0], transpose(cs));
    for (int i = 0; i < 4; ++i) {
      CHECK(close(both[i], f(xs[i], cs[i])));
      CHECK(close(first[i], f(xs[i], cs[0])));
      CHECK(close(transpose(second)[i], f(xs[0], cs[i])));
    }
  }
}

TEST_CASE("stacks of three transforms") {
  for (unsigned seed = 0; seed < 8; ++seed) {
    CAPTURE(seed);
    const RandomFunction f(seed);
    const Tensor xs = random_tensor(seed, {2, 3}), c = random_tensor(100 + seed, {3});
    const Tensor ts = random_tensor(200 + seed, {2, 3});
    const auto loss = [&](const Tensor& x, const Tensor& k) { return sum(f(x, k) * x); };
    const auto slopes = jit(vmap(grad(loss), in_axes(0, none)));
    const Tensor expected = slopes(xs, c);
    for (int i = 0; i < 2; ++i)
      CHECK(close(expected[i], grad(loss)(xs[i], c), 1e-4));
    // The gradient of a sum over a batch is the batch of gradients.
    const auto total = [&](const Tensor& x, const Tensor& k) {
      return sum(vmap(jit(loss), in_axes(0, none))(x, k));
    };
    CHECK(close(grad(total)(xs, c), expected, 1e-4));
    // Forward over reverse is reverse over forward.
    const auto [g, forward] = jvp([&](const Tensor& x) { return grad(total)(x, c); }, xs, ts);
    const auto along = [&](const Tensor& x) {
      const auto of_y = [&](const Tensor& y) { return total(y, constant(c)); };
      const auto [value, derivative] = jvp(of_y, x, constant(ts));
      return derivative;
    };
    CHECK(close(grad(along)(xs), forward, 1e-3));
    CHECK(close(jit(grad(along))(xs), forward, 1e-3));
  }
}

TEST_CASE("a batch of nothing") {
  const auto f = [](const Tensor& x) { return dot(ones({4, 3}), x) + 1; };
  CHECK(vmap(f)(zeros({0, 3})).shape() == Shape{0, 4});
  CHECK(vmap(grad([&](const Tensor& x) { return sum(f(x)); }))(zeros({0, 3})).shape() ==
        Shape{0, 3});
}

TEST_CASE("outside jit, new values are no new compilations") {
  const auto step = [](const Tensor& x, const Tensor& data, float rate) {
    return x - rate * grad([&](const Tensor& t) { return sum((t - data) * (t - data)) * rate; })(x);
  };
  const Tensor x = random_tensor(1, {5});
  const Tensor first = step(x, x, 0.5f);
  CHECK(close(first, x));
  const int64_t before = compilation_statistics().compilations;
  REQUIRE(before > 0);
  for (int i = 0; i < 5; ++i) {
    const float rate = 0.01f * static_cast<float>(i);
    const Tensor y = step(x, zeros({5}), rate);
    CHECK(close(y, x * (1 - 2 * rate * rate)));
  }
  // The two products of the check itself may be new.
  CHECK(compilation_statistics().compilations - before <= 3);
}
