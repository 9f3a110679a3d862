#include "frontend/losses/regression.h"

#include "frontend/losses/operands.h"

namespace gradus::losses {
namespace {

Tensor half_squared_near(const Tensor& e, double delta) {
  const Tensor distance = abs(e);
  const Tensor near = minimum(distance, delta);
  return 0.5 * square(near) + delta * (distance - near);
}

Tensor squared_log(const Operands& of, const Arg& predictions, const Arg& targets, double eps) {
  const auto [p, t] = of.alike(predictions, targets);
  return square(log(p + eps) - log(t + eps));
}

constexpr double kEps = 1.1920929e-7;

}  // namespace

Tensor squared_error(Arg predictions, Arg targets, Reduction reduction) {
  return loss("squared_error", predictions.where(), reduction, [&](const Operands& of) {
    const auto [p, t] = of.alike(predictions, targets);
    return square(p - t);
  });
}

Tensor l2_loss(Arg predictions, Arg targets, Reduction reduction) {
  return loss("l2_loss", predictions.where(), reduction, [&](const Operands& of) {
    const auto [p, t] = of.alike(predictions, targets);
    return 0.5 * square(p - t);
  });
}

Tensor absolute_error(Arg predictions, Arg targets, Reduction reduction) {
  return loss("absolute_error", predictions.where(), reduction, [&](const Operands& of) {
    const auto [p, t] = of.alike(predictions, targets);
    return abs(p - t);
  });
}

Tensor squared_log_error(Arg predictions, Arg targets, Reduction reduction, double eps) {
  return loss("squared_log_error", predictions.where(), reduction,
              [&](const Operands& of) { return squared_log(of, predictions, targets, eps); });
}

Tensor mse(Arg predictions, Arg targets) {
  return loss("mse", predictions.where(), Reduction::Mean, [&](const Operands& of) {
    const auto [p, t] = of.alike(predictions, targets);
    return square(p - t);
  });
}

Tensor mae(Arg predictions, Arg targets) {
  return loss("mae", predictions.where(), Reduction::Mean, [&](const Operands& of) {
    const auto [p, t] = of.alike(predictions, targets);
    return abs(p - t);
  });
}

Tensor msle(Arg predictions, Arg targets) {
  return loss("msle", predictions.where(), Reduction::Mean,
              [&](const Operands& of) { return squared_log(of, predictions, targets, kEps); });
}

Tensor huber_loss(Arg predictions, Arg targets, Reduction reduction, double delta) {
  return loss("huber_loss", predictions.where(), reduction, [&](const Operands& of) {
    of.require(delta > 0, "delta must be positive", "use absolute_error for the limit 0");
    const auto [p, t] = of.alike(predictions, targets);
    return half_squared_near(p - t, delta);
  });
}

Tensor smooth_l1_loss(Arg predictions, Arg targets, Reduction reduction, double beta) {
  return loss("smooth_l1_loss", predictions.where(), reduction, [&](const Operands& of) {
    of.require(beta >= 0, "beta must not be negative", "use 0 for the absolute error");
    const auto [p, t] = of.alike(predictions, targets);
    return beta == 0 ? abs(p - t) : half_squared_near(p - t, beta) / beta;
  });
}

// log cosh e = a + log((1 + exp(-2a))/2) with a = |e|, written so that neither large errors
// overflow nor small ones cancel, and that the derivatives at 0 are 0 and 1.
Tensor log_cosh(Arg predictions, Arg targets, Reduction reduction) {
  return loss("log_cosh", predictions.where(), reduction, [&](const Operands& of) {
    const auto [p, t] = of.alike(predictions, targets);
    const Tensor e = p - t;
    const Tensor a = where(e < 0, -e, e);
    return a + log1p(0.5 * expm1(-2 * a));
  });
}

Tensor quantile_loss(Arg predictions, Arg targets, double quantile, Reduction reduction) {
  return loss("quantile_loss", predictions.where(), reduction, [&](const Operands& of) {
    of.require(quantile >= 0 && quantile <= 1, "a quantile lies between 0 and 1",
               "use 0.5 for the median");
    const auto [p, t] = of.alike(predictions, targets);
    const Tensor e = t - p;
    return maximum(quantile * e, (quantile - 1) * e);
  });
}

Tensor poisson_loss(Arg rates, Arg targets, Reduction reduction) {
  return loss("poisson_loss", rates.where(), reduction, [&](const Operands& of) {
    const auto [p, t] = of.alike(rates, targets);
    const Tensor moot = logical_and(t == 0, p == 0);
    return p - t * log(where(moot, 1, p));
  });
}

Tensor poisson_loss_with_log_rates(Arg log_rates, Arg targets, Reduction reduction) {
  return loss("poisson_loss_with_log_rates", log_rates.where(), reduction, [&](const Operands& of) {
    const auto [p, t] = of.alike(log_rates, targets);
    return exp(p) - weighted(t, p);
  });
}

Tensor gaussian_nll(Arg means, Arg variances, Arg targets, Reduction reduction, double eps) {
  return loss("gaussian_nll", means.where(), reduction, [&](const Operands& of) {
    const auto [m, t] = of.alike(means, targets);
    const auto [e, v] = of.alike(m - t, variances);
    const Tensor variance = maximum(v, eps);
    return 0.5 * (log(variance) + square(e) / variance);
  });
}

}  // namespace gradus::losses
