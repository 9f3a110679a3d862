// Adam and its relatives.
#pragma once

#include <gradus/optim/optimizer.h>
#include <gradus/optim/schedule.h>

namespace gradus::optim {

/// b1, b2: decay of the averages of the gradient and of its square; eps, outside the square root,
/// and eps_root, inside, keep the division finite.
struct AdamOptions {
  double b1 = 0.9;
  double b2 = 0.999;
  double eps = 1e-8;
  double eps_root = 0;
};

/// Adam (Kingma and Ba 2014, arXiv:1412.6980), as in Optax: with t = 1 at the first update
///
///   mu = b1 · mu + (1 - b1) · g          mu' = mu / (1 - b1^t)
///   nu = b2 · nu + (1 - b2) · g²         nu' = nu / (1 - b2^t)
///   update = -learning_rate · mu' / (√(nu' + eps_root) + eps)
Optimizer adam(Schedule learning_rate, AdamOptions options = {});

struct AdamWOptions {
  double b1 = 0.9;
  double b2 = 0.999;
  double eps = 1e-8;
  double eps_root = 0;
  double weight_decay = 1e-4;
};

/// Adam with decoupled weight decay (Loshchilov and Hutter 2017, arXiv:1711.05101), as in Optax:
/// update = adam - learning_rate · weight_decay · param.
Optimizer adamw(Schedule learning_rate, AdamWOptions options = {});

/// adam() without the learning rate, sign unchanged: for chains.
Optimizer scale_by_adam(AdamOptions options = {});

}  // namespace gradus::optim
