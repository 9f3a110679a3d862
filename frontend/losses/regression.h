// Losses of real targets. e = prediction - target.
#pragma once

#include <gradus/losses/reduction.h>

namespace gradus::losses {

/// e².
Tensor squared_error(Arg predictions, Arg targets, Reduction reduction = Reduction::None);
/// e²/2 (Optax).
Tensor l2_loss(Arg predictions, Arg targets, Reduction reduction = Reduction::None);
/// |e|; its derivative at 0 is 0.
Tensor absolute_error(Arg predictions, Arg targets, Reduction reduction = Reduction::None);
/// (log(prediction + eps) - log(target + eps))² (Flux's msle); both at least 0.
Tensor squared_log_error(Arg predictions, Arg targets, Reduction reduction = Reduction::None,
                         double eps = 1.1920929e-7);
/// The means of these (Flux).
Tensor mse(Arg predictions, Arg targets);
Tensor mae(Arg predictions, Arg targets);
Tensor msle(Arg predictions, Arg targets);

/// e²/2 up to |e| = delta, then straight on: delta · (|e| - delta/2) (Huber 1964).
Tensor huber_loss(Arg predictions, Arg targets, Reduction reduction = Reduction::None,
                  double delta = 1);
/// huber_loss / beta (PyTorch's smooth_l1_loss): |e| far from 0; |e| everywhere for beta = 0.
Tensor smooth_l1_loss(Arg predictions, Arg targets, Reduction reduction = Reduction::None,
                      double beta = 1);
/// log(cosh(e)).
Tensor log_cosh(Arg predictions, Arg targets, Reduction reduction = Reduction::None);
/// max(quantile · -e, (quantile - 1) · -e): least at that quantile of the targets (Koenker and
/// Bassett 1978); quantile in [0, 1].
Tensor quantile_loss(Arg predictions, Arg targets, double quantile,
                     Reduction reduction = Reduction::None);

/// rate - target · log(rate): the negative log-likelihood of counts under a Poisson distribution,
/// without the term of the target alone (Flux's poisson_loss). A target of 0 asks nothing of
/// log(rate).
Tensor poisson_loss(Arg rates, Arg targets, Reduction reduction = Reduction::None);
/// exp(log_rate) - target · log_rate: the same of the logarithm (PyTorch's default).
Tensor poisson_loss_with_log_rates(Arg log_rates, Arg targets,
                                   Reduction reduction = Reduction::None);
/// (log(v) + e²/v)/2 with v = max(variance, eps): the negative log-likelihood under a normal
/// distribution, without its constant (PyTorch).
Tensor gaussian_nll(Arg means, Arg variances, Arg targets, Reduction reduction = Reduction::None,
                    double eps = 1e-6);

}  // namespace gradus::losses
