#include "frontend/losses/classification.h"

#include <cmath>

#include "frontend/losses/operands.h"

namespace gradus::losses {
namespace {

Tensor binary_cross_entropy_of(const Tensor& logits, const Tensor& labels) {
  return weighted(labels, softplus(-logits)) + weighted(1 - labels, softplus(logits));
}

/// x^power for x >= 0, with the derivative 0 for power = 0.
Tensor power_of(const Tensor& x, double power) {
  if (power == 0) return ones_like(x);
  if (power == 1) return x;
  return power == 2 ? square(x) : pow(x, power);
}

Tensor score_of(const Tensor& scores, const Tensor& is_label, int axis) {
  return sum(where(is_label, scores, 0), axis);
}

}  // namespace

Tensor softmax_cross_entropy(Arg logits, Arg labels, Reduction reduction, int axis) {
  return loss("softmax_cross_entropy", logits.where(), reduction, [&](const Operands& of) {
    const auto [x, y] = of.alike(logits, labels);
    return cross_entropy_of_logits(x, y, axis);
  });
}

Tensor softmax_cross_entropy_with_integer_labels(Arg logits, Arg labels, Reduction reduction,
                                                 int axis) {
  return loss("softmax_cross_entropy_with_integer_labels", logits.where(), reduction,
              [&](const Operands& of) {
                const Tensor x = of.real(logits);
                const Tensor is_label = of.is_label(x, labels, axis);
                return -score_of(log_softmax(x, axis), is_label, axis);
              });
}

Tensor cross_entropy(Arg probabilities, Arg labels, Reduction reduction, int axis, double eps) {
  return loss("cross_entropy", probabilities.where(), reduction, [&](const Operands& of) {
    const auto [p, y] = of.alike(probabilities, labels);
    // The logarithm is finite but for eps = 0.
    if (eps > 0) return -sum(y * log(p + eps), axis);
    return -sum(weighted(y, log(p)), axis);
  });
}

Tensor negative_log_likelihood(Arg log_probabilities, Arg labels, Reduction reduction, int axis) {
  return loss("negative_log_likelihood", log_probabilities.where(), reduction,
              [&](const Operands& of) {
                const Tensor x = of.real(log_probabilities);
                return -score_of(x, of.is_label(x, labels, axis), axis);
              });
}

Tensor poly_loss_cross_entropy(Arg logits, Arg labels, double epsilon, Reduction reduction,
                               int axis) {
  return loss("poly_loss_cross_entropy", logits.where(), reduction, [&](const Operands& of) {
    const auto [x, y] = of.alike(logits, labels);
    const Tensor missed = sum(y * (1 - softmax(x, axis)), axis);
    return cross_entropy_of_logits(x, y, axis) + epsilon * missed;
  });
}

Tensor focal_loss(Arg probabilities, Arg labels, double gamma, Reduction reduction, int axis,
                  double eps) {
  return loss("focal_loss", probabilities.where(), reduction, [&](const Operands& of) {
    of.require(gamma >= 0, "gamma must not be negative", "use 0 for plain cross entropy");
    const auto [q, y] = of.alike(probabilities, labels);
    const Tensor p = q + eps;
    return -sum(y * power_of(1 - p, gamma) * log(p), axis);
  });
}

Tensor multiclass_hinge_loss(Arg scores, Arg labels, Reduction reduction) {
  return loss("multiclass_hinge_loss", scores.where(), reduction, [&](const Operands& of) {
    const Tensor x = of.real(scores);
    const Tensor is_label = of.is_label(x, labels, -1);
    return max(x + where(is_label, 0, ones_like(x)), -1) - score_of(x, is_label, -1);
  });
}

Tensor multiclass_perceptron_loss(Arg scores, Arg labels, Reduction reduction) {
  return loss("multiclass_perceptron_loss", scores.where(), reduction, [&](const Operands& of) {
    const Tensor x = of.real(scores);
    return max(x, -1) - score_of(x, of.is_label(x, labels, -1), -1);
  });
}

Tensor smooth_labels(Arg labels, double alpha, int axis) {
  return loss("smooth_labels", labels.where(), Reduction::None, [&](const Operands& of) {
    const Tensor y = of.real(labels);
    of.require(axis >= -y.rank() && axis < y.rank(), "labels have no such axis",
               "one_hot gives labels with a class axis");
    const int64_t classes = y.shape()[axis < 0 ? axis + y.rank() : axis];
    return (1 - alpha) * y + alpha / static_cast<double>(classes);
  });
}

Tensor sigmoid_binary_cross_entropy(Arg logits, Arg labels, Reduction reduction) {
  return loss("sigmoid_binary_cross_entropy", logits.where(), reduction, [&](const Operands& of) {
    const auto [x, y] = of.alike(logits, labels);
    return binary_cross_entropy_of(x, y);
  });
}

Tensor binary_cross_entropy(Arg probabilities, Arg labels, Reduction reduction, double eps) {
  return loss("binary_cross_entropy", probabilities.where(), reduction, [&](const Operands& of) {
    const auto [p, y] = of.alike(probabilities, labels);
    return -y * log(p + eps) - (1 - y) * log(1 - p + eps);
  });
}

// 1 - p_t = label · σ(-x) + (1 - label) · σ(x): no difference of nearly equal numbers.
Tensor sigmoid_focal_loss(Arg logits, Arg labels, double gamma, std::optional<double> alpha,
                          Reduction reduction) {
  return loss("sigmoid_focal_loss", logits.where(), reduction, [&](const Operands& of) {
    of.require(gamma >= 0, "gamma must not be negative", "use 0 for plain cross entropy");
    const auto [x, y] = of.alike(logits, labels);
    // Beyond 80 the factor is 0 or 1 and constant; its derivative there would be 0 · ∞.
    const Tensor near = clamp(x, -80, 80);
    const Tensor missed = y * logistic(-near) + (1 - y) * logistic(near);
    const Tensor factor = power_of(missed, gamma);
    const Tensor values = where(abs(x) < 80, factor * binary_cross_entropy_of(near, y),
                                weighted(stop_gradient(factor), binary_cross_entropy_of(x, y)));
    return alpha ? (*alpha * y + (1 - *alpha) * (1 - y)) * values : values;
  });
}

Tensor binary_focal_loss(Arg probabilities, Arg labels, double gamma, Reduction reduction,
                         double eps) {
  return loss("binary_focal_loss", probabilities.where(), reduction, [&](const Operands& of) {
    of.require(gamma >= 0, "gamma must not be negative", "use 0 for plain cross entropy");
    const auto [q, y] = of.alike(probabilities, labels);
    const Tensor p = q + eps;
    const Tensor p_t = y * p + (1 - y) * (1 - p);
    return -power_of(1 - p_t, gamma) * log(p_t);
  });
}

Tensor hinge_loss(Arg scores, Arg targets, Reduction reduction) {
  return loss("hinge_loss", scores.where(), reduction, [&](const Operands& of) {
    const auto [x, y] = of.alike(scores, targets);
    return relu(1 - x * y);
  });
}

Tensor squared_hinge_loss(Arg scores, Arg targets, Reduction reduction) {
  return loss("squared_hinge_loss", scores.where(), reduction, [&](const Operands& of) {
    const auto [x, y] = of.alike(scores, targets);
    return square(relu(1 - x * y));
  });
}

Tensor perceptron_loss(Arg scores, Arg targets, Reduction reduction) {
  return loss("perceptron_loss", scores.where(), reduction, [&](const Operands& of) {
    const auto [x, y] = of.alike(scores, targets);
    return relu(-x * y);
  });
}

Tensor sparsemax_loss(Arg scores, Arg labels, Reduction reduction) {
  return loss("sparsemax_loss", scores.where(), reduction, [&](const Operands& of) {
    const auto [x, y] = of.alike(scores, labels);
    const Tensor s = where(y != 0, -x, x);
    // The square is of a bounded number, or its derivative would be ∞ · 0 far away.
    const Tensor middle = 0.25 * square(clamp(s, -1, 1) + 1);
    return where(s >= 1, s, middle);
  });
}

}  // namespace gradus::losses
