#include "frontend/losses/segmentation.h"

#include <fmt/format.h>

#include "frontend/losses/operands.h"

namespace gradus::losses {

Tensor dice_coeff_loss(Arg probabilities, Arg labels, double smooth) {
  return loss("dice_coeff_loss", probabilities.where(), Reduction::None, [&](const Operands& of) {
    const auto [p, y] = of.alike(probabilities, labels);
    return 1 - (2 * sum(p * y) + smooth) / (sum(square(p)) + sum(square(y)) + smooth);
  });
}

Tensor tversky_loss(Arg probabilities, Arg labels, double beta) {
  return loss("tversky_loss", probabilities.where(), Reduction::None, [&](const Operands& of) {
    const auto [p, y] = of.alike(probabilities, labels);
    const Tensor both = p * y;
    return 1 - (sum(both) + 1) / (sum(both + beta * (p - both) + (1 - beta) * (y - both)) + 1);
  });
}

Tensor dice_loss(Arg logits, Arg labels, DiceOptions options, Reduction reduction) {
  const SourcePos position = logits.where();
  return loss("dice_loss", position, reduction, [&](const Operands& of) {
    const auto [x, y] = of.alike(logits, labels);
    if (x.rank() < 2) {
      throw ShapeError(Message{
          "dice_loss",
          fmt::format("got {}, expected [batch, ..., classes]", gradus::to_string(x.type())),
          position, "give one class an axis of extent 1"});
    }
    const int64_t classes = x.shape()[x.rank() - 1];
    const Tensor p = classes == 1 ? logistic(x) : softmax(x, -1);
    std::vector<int64_t> between;
    for (int d = 1; d < x.rank() - 1; ++d)
      between.push_back(d);
    const Tensor overlap = sum(p * y, between);
    const Tensor false_positives = sum(p, between) - overlap;
    const Tensor false_negatives = sum(y, between) - overlap;
    const Tensor numerator = overlap + options.smooth;
    Tensor values = 1 - numerator / (numerator + options.alpha * false_positives +
                                     options.beta * false_negatives);
    if (options.ignore_background && classes > 1) values = slice_axis(values, 1, 1, classes);
    return mean(values, 1);
  });
}

}  // namespace gradus::losses
