#include "frontend/losses/metric.h"

#include <cmath>

#include <fmt/format.h>

#include "frontend/losses/operands.h"

namespace gradus::losses {
namespace {

/// Scaled to length 1 along the axis; what is shorter than eps, by 1/eps.
Tensor unit(const Tensor& x, int axis, double eps) {
  return x / sqrt(maximum(sum(square(x), axis, true), eps * eps));
}

Tensor similarity(const Operands& of, const Arg& a, const Arg& b, int axis, double eps) {
  const auto [x, y] = of.alike(a, b);
  return sum(unit(x, axis, eps) * unit(y, axis, eps), axis);
}

/// (Σ |a - b|^p + eps)^(1/p).
Tensor distance(const Tensor& a, const Tensor& b, int axis, double p, double eps) {
  const Tensor d = a - b;
  if (p == 2) return sqrt(sum(square(d), axis) + eps);
  return pow(sum(pow(abs(d), p), axis) + eps, 1 / p);
}

}  // namespace

Tensor cosine_similarity(Arg predictions, Arg targets, Reduction reduction, int axis, double eps) {
  return loss("cosine_similarity", predictions.where(), reduction,
              [&](const Operands& of) { return similarity(of, predictions, targets, axis, eps); });
}

Tensor cosine_distance(Arg predictions, Arg targets, Reduction reduction, int axis, double eps) {
  return loss("cosine_distance", predictions.where(), reduction, [&](const Operands& of) {
    return 1 - similarity(of, predictions, targets, axis, eps);
  });
}

Tensor cosine_embedding_loss(Arg a, Arg b, Arg targets, double margin, Reduction reduction) {
  return loss("cosine_embedding_loss", a.where(), reduction, [&](const Operands& of) {
    const auto [s, y] = of.alike(similarity(of, a, b, -1, 1e-8), targets);
    return where(y > 0, 1 - s, relu(s - margin));
  });
}

Tensor triplet_margin_loss(Arg anchors, Arg positives, Arg negatives, double margin,
                           Reduction reduction, int axis, double p, double eps) {
  return loss("triplet_margin_loss", anchors.where(), reduction, [&](const Operands& of) {
    of.require(p >= 1, "the degree of a norm is at least 1", "use 2 for Euclidean distances");
    const auto [a, b] = of.alike(anchors, positives);
    const auto [c, d] = of.alike(anchors, negatives);
    return relu(distance(a, b, axis, p, eps) - distance(c, d, axis, p, eps) + margin);
  });
}

Tensor siamese_contrastive_loss(Arg distances, Arg different, double margin, Reduction reduction) {
  return loss("siamese_contrastive_loss", distances.where(), reduction, [&](const Operands& of) {
    of.require(margin >= 0, "a margin must not be negative", "use 1");
    const auto [d, y] = of.alike(distances, different);
    return (1 - y) * square(d) + y * square(relu(margin - d));
  });
}

Tensor margin_ranking_loss(Arg a, Arg b, Arg targets, double margin, Reduction reduction) {
  return loss("margin_ranking_loss", a.where(), reduction, [&](const Operands& of) {
    const auto [x, y] = of.alike(a, b);
    const auto [d, t] = of.alike(x - y, targets);
    return relu(margin - t * d);
  });
}

Tensor ranking_softmax_loss(Arg scores, Arg relevances, Reduction reduction) {
  return loss("ranking_softmax_loss", scores.where(), reduction, [&](const Operands& of) {
    const auto [x, y] = of.alike(scores, relevances);
    return cross_entropy_of_logits(x, y, -1);
  });
}

Tensor ntxent(Arg embeddings, Arg labels, double temperature) {
  const SourcePos position = embeddings.where();
  return loss("ntxent", position, Reduction::None, [&](const Operands& of) {
    of.require(temperature > 0, "a temperature must be positive", "use 0.07");
    const Tensor x = of.real(embeddings);
    const Tensor numbers = labels.is_tensor() ? labels.tensor() : full({}, labels);
    if (x.rank() != 2 || numbers.shape() != Shape{x.shape()[0]}) {
      throw ShapeError(
          Message{"ntxent",
                  fmt::format("got embeddings {} and labels {}, expected [n,d] and [n]",
                              gradus::to_string(x.type()), gradus::to_string(numbers.type())),
                  position, "give one label for each row of the embeddings"});
    }
    const int64_t n = x.shape()[0];
    const Tensor units = unit(x, 1, 1e-8);
    const Tensor s = matmul(units, transpose(units)) / temperature;
    const Tensor alike = expand_dims(numbers, 1) == expand_dims(numbers, 0);
    const Tensor diagonal = iota({n, n}, 0) == iota({n, n}, 1);
    const Tensor pair = logical_and(alike, logical_not(diagonal));
    // -log(e^s / (e^s + Σ e^other)) = softplus(log Σ e^other - s); a row without others has none.
    const Tensor has_others = any(logical_not(alike), 1, true);
    const Tensor left_out = logical_and(alike, has_others);
    const Tensor others =
        where(has_others, logsumexp(where(left_out, -INFINITY, s), 1, true), -INFINITY);
    const Tensor values = where(pair, softplus(where(pair, others - s, 0)), 0);
    return sum(values) / sum(astype(pair, x.dtype()));
  });
}

}  // namespace gradus::losses
