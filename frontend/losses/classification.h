// Losses of classes. Logits are any real numbers; probabilities are of [0, 1].
#pragma once

#include <optional>

#include <gradus/losses/reduction.h>

namespace gradus::losses {

// ------------------------------------------------------------------------------- several classes

/// -Σ label · log_softmax(logits) over the class axis. Labels are one-hot or any distribution, of
/// the shape of the logits. A label of 0 is worth 0 even where the logit is -∞.
Tensor softmax_cross_entropy(Arg logits, Arg labels, Reduction reduction = Reduction::None,
                             int axis = -1);
/// The same with the class numbers as labels, whose shape is that of the logits without the class
/// axis. A number that is no class (-1, say) asks nothing: loss 0, gradient 0. DTypeError unless
/// labels are integers.
Tensor softmax_cross_entropy_with_integer_labels(Arg logits, Arg labels,
                                                 Reduction reduction = Reduction::None,
                                                 int axis = -1);
/// -Σ label · log(probability + eps) (Flux's crossentropy): what follows a softmax. Prefer logits.
Tensor cross_entropy(Arg probabilities, Arg labels, Reduction reduction = Reduction::None,
                     int axis = -1, double eps = 1.1920929e-7);
/// -log_probability of the label's class (PyTorch's nll_loss); labels as for integer labels.
Tensor negative_log_likelihood(Arg log_probabilities, Arg labels,
                               Reduction reduction = Reduction::None, int axis = -1);
/// softmax_cross_entropy + epsilon · Σ label · (1 - softmax) (Leng et al. 2022, arXiv:2204.12511).
Tensor poly_loss_cross_entropy(Arg logits, Arg labels, double epsilon = 2,
                               Reduction reduction = Reduction::None, int axis = -1);
/// -Σ label · (1 - p)^gamma · log(p), p = probability + eps (Flux's focal_loss; Lin et al. 2017,
/// arXiv:1708.02002).
Tensor focal_loss(Arg probabilities, Arg labels, double gamma = 2,
                  Reduction reduction = Reduction::None, int axis = -1, double eps = 1.1920929e-7);
/// max(scores + 1 - onehot) - score of the label (Crammer and Singer 2001); integer labels, classes
/// on the last axis.
Tensor multiclass_hinge_loss(Arg scores, Arg labels, Reduction reduction = Reduction::None);
/// max(scores) - score of the label.
Tensor multiclass_perceptron_loss(Arg scores, Arg labels, Reduction reduction = Reduction::None);

/// (1 - alpha) · labels + alpha / classes (Szegedy et al. 2015, arXiv:1512.00567).
Tensor smooth_labels(Arg labels, double alpha, int axis = -1);

// ----------------------------------------------------------------------------------- two classes

/// -label · log σ(logit) - (1 - label) · log σ(-logit), by element; labels in [0, 1].
Tensor sigmoid_binary_cross_entropy(Arg logits, Arg labels, Reduction reduction = Reduction::None);
/// The same of probabilities: -label · log(p + eps) - (1 - label) · log(1 - p + eps) (Flux).
Tensor binary_cross_entropy(Arg probabilities, Arg labels, Reduction reduction = Reduction::None,
                            double eps = 1.1920929e-7);
/// (1 - p_t)^gamma · cross entropy, with p_t the probability of the true class; with alpha, also
/// · alpha for label 1 and (1 - alpha) for label 0 (Lin et al. 2017, arXiv:1708.02002).
Tensor sigmoid_focal_loss(Arg logits, Arg labels, double gamma = 2,
                          std::optional<double> alpha = {}, Reduction reduction = Reduction::None);
/// The same of probabilities (Flux).
Tensor binary_focal_loss(Arg probabilities, Arg labels, double gamma = 2,
                         Reduction reduction = Reduction::None, double eps = 1.1920929e-7);

/// max(0, 1 - target · score), targets -1 and 1; and its square.
Tensor hinge_loss(Arg scores, Arg targets, Reduction reduction = Reduction::None);
Tensor squared_hinge_loss(Arg scores, Arg targets, Reduction reduction = Reduction::None);
/// max(0, -target · score) (Rosenblatt 1958).
Tensor perceptron_loss(Arg scores, Arg targets, Reduction reduction = Reduction::None);
/// 0 up to -1, then (s + 1)²/4, from 1 on s, with s = -score for label 1 and score for label 0
/// (Martins and Astudillo 2016, arXiv:1602.02068).
Tensor sparsemax_loss(Arg scores, Arg labels, Reduction reduction = Reduction::None);

}  // namespace gradus::losses
