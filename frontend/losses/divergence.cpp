#include "frontend/losses/divergence.h"

#include "frontend/losses/operands.h"

namespace gradus::losses {
namespace {

/// By element; the logarithm is taken where it exists only, for the sake of its derivative.
Tensor relative_entropy(const Tensor& log_predictions, const Tensor& targets) {
  const Tensor own = targets * log(where(targets == 0, 1, targets));
  return own - weighted(targets, log_predictions);
}

}  // namespace

Tensor kl_divergence(Arg log_predictions, Arg targets, Reduction reduction, int axis) {
  return loss("kl_divergence", log_predictions.where(), reduction, [&](const Operands& of) {
    const auto [x, y] = of.alike(log_predictions, targets);
    return sum(relative_entropy(x, y), axis);
  });
}

Tensor kl_divergence_with_log_targets(Arg log_predictions, Arg log_targets, Reduction reduction,
                                      int axis) {
  return loss("kl_divergence_with_log_targets", log_predictions.where(), reduction,
              [&](const Operands& of) {
                const auto [x, y] = of.alike(log_predictions, log_targets);
                const Tensor targets = exp(y);
                return sum(weighted(targets, y) - weighted(targets, x), axis);
              });
}

Tensor generalized_kl_divergence(Arg log_predictions, Arg targets, Reduction reduction, int axis) {
  return loss("generalized_kl_divergence", log_predictions.where(), reduction,
              [&](const Operands& of) {
                const auto [x, y] = of.alike(log_predictions, targets);
                return sum(relative_entropy(x, y) + (exp(x) - y), axis);
              });
}

}  // namespace gradus::losses
