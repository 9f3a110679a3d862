// Losses of overlaps.
#pragma once

#include <gradus/losses/reduction.h>

namespace gradus::losses {

/// 1 - (2 Σ p·y + smooth) / (Σ p² + Σ y² + smooth) over all elements (Milletari et al. 2016,
/// arXiv:1606.04797; Flux's dice_coeff_loss).
Tensor dice_coeff_loss(Arg probabilities, Arg labels, double smooth = 1);
/// 1 - (Σ p·y + 1) / (Σ (p·y + beta · (1-y)·p + (1-beta) · y·(1-p)) + 1) over all elements (Salehi
/// et al. 2017, arXiv:1706.05721; Flux's tversky_loss).
Tensor tversky_loss(Arg probabilities, Arg labels, double beta = 0.7);

struct DiceOptions {
  double smooth = 1;
  /// Weights of false positives and false negatives.
  double alpha = 0.5;
  double beta = 0.5;
  /// Without the first class.
  bool ignore_background = false;
};
/// For logits and labels [batch, …, classes]: by example, the mean over classes of 1 - (I + smooth)
/// / (I + alpha · (P - I) + beta · (Y - I) + smooth), where I = Σ p·y, P = Σ p and Y = Σ y over the
/// axes between, and p is the softmax of the logits (the sigmoid, for one class). Optax's
/// dice_loss.
Tensor dice_loss(Arg logits, Arg labels, DiceOptions options = {},
                 Reduction reduction = Reduction::None);

}  // namespace gradus::losses
