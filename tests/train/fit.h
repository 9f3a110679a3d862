// A small training for the tests of the loop: a line through points, by gradient descent.
#pragma once

#include <gradus/data/rows.h>
#include <gradus/gradus.h>
#include <gradus/train/callbacks.h>

namespace gradus::test {

struct Fit {
  Tensor w, b;
  Tensor rate;
  Tensor key;  // drawn from in every step

  static Fit start(float rate = 0.1f) {
    return {zeros({}), zeros({}), Tensor(rate), random::key(7)};
  }
};

struct Points {
  Tensor x, y;
};

/// y = 3 x - 1 at 40 points, in batches of 8 that depend on the epoch.
inline data::Batches<Points> points() {
  const Tensor x = linspace(-1.0, 1.0, 40);
  return data::batches(Points{x, 3.0f * x - 1.0f}, {.size = 8, .order = data::Order::numpy(3)});
}

inline std::pair<Fit, Tensor> fit_step(Fit fit, const Points& points) {
  auto [key, noise_key] = random::split(fit.key);
  const Tensor x = points.x + 0.01f * random::normal(noise_key, points.x.shape());
  const auto loss = [&](const Tensor& w, const Tensor& b) {
    return mean(square(w * x + b - points.y));
  };
  const auto [value, gradients] = value_and_grad<0, 1>(loss)(fit.w, fit.b);
  const auto& [dw, db] = gradients;
  return {Fit{fit.w - fit.rate * dw, fit.b - fit.rate * db, fit.rate, key}, value};
}

inline train::Metrics measure_fit(const Fit& fit) {
  return {{"w", fit.w.item<float>()}, {"b", fit.b.item<float>()}};
}

inline const auto jitted_fit_step =
    jit(fit_step, JitOptions{.name = "step", .arguments = {"fit", "points"}});

}  // namespace gradus::test
