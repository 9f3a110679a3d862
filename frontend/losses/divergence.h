// Divergences of distributions.
#pragma once

#include <gradus/losses/reduction.h>

namespace gradus::losses {

/// Σ target · (log(target) - log_prediction) over the class axis (Kullback and Leibler 1951); 0 ·
/// log(0) = 0.
Tensor kl_divergence(Arg log_predictions, Arg targets, Reduction reduction = Reduction::None,
                     int axis = -1);
/// The same with logarithms of the targets, which may be -∞.
Tensor kl_divergence_with_log_targets(Arg log_predictions, Arg log_targets,
                                      Reduction reduction = Reduction::None, int axis = -1);
/// kl_divergence + Σ (exp(log_prediction) - target): for measures that need not sum to 1.
Tensor generalized_kl_divergence(Arg log_predictions, Arg targets,
                                 Reduction reduction = Reduction::None, int axis = -1);

}  // namespace gradus::losses
