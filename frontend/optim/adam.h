// Adam and its relatives. In the formulas g is the gradient, t = 1 at the first update, and
//
//   mu = b1 · mu + (1 - b1) · g        mu' = mu / (1 - b1^t)
//   nu = b2 · nu + (1 - b2) · g²       nu' = nu / (1 - b2^t)
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

/// update = -learning_rate · mu' / (√(nu' + eps_root) + eps) (Kingma and Ba 2014,
/// arXiv:1412.6980), as in Optax.
Optimizer adam(Schedule learning_rate, AdamOptions options = {});
/// adam() with Nesterov's acceleration (Dozat 2016): b1 · mu / (1 - b1^(t+1)) + (1 - b1) · g / (1 -
/// b1^t) instead of mu'. As in Optax.
Optimizer nadam(Schedule learning_rate, AdamOptions options = {});

struct NAdamOfPytorchOptions {
  double b1 = 0.9;
  double b2 = 0.999;
  double eps = 1e-8;
  double momentum_decay = 4e-3;
};

/// nadam() with momentum that grows, as PyTorch's NAdam. With m(t) = b1 · (1 - 0.96^(t · decay) / 2),
/// decay being momentum_decay, and p(t) = m(1) · … · m(t):
/// m(t+1) · mu / (1 - p(t+1)) + (1 - m(t)) · g / (1 - p(t)) instead of mu'.
/// For its weight_decay see add_decayed_weights().
Optimizer nadam_of_pytorch(Schedule learning_rate, NAdamOfPytorchOptions options = {});

/// adam() with the largest nu' so far instead of nu' (Reddi et al. 2018, arXiv:1904.09237), as in
/// Optax.
Optimizer amsgrad(Schedule learning_rate, AdamOptions options = {});
/// adam() with the largest nu so far, divided by 1 - b2^t, instead of nu', as PyTorch's Adam with
/// amsgrad=True: the largest is taken before the correction, not behind it.
Optimizer amsgrad_of_pytorch(Schedule learning_rate, AdamOptions options = {});

struct AdamWOptions {
  double b1 = 0.9;
  double b2 = 0.999;
  double eps = 1e-8;
  double eps_root = 0;
  double weight_decay = 1e-4;
  bool nesterov = false;
  /// Which parameters decay.
  Mask mask = {};
};

/// Adam with decoupled weight decay (Loshchilov and Hutter 2017, arXiv:1711.05101), as in Optax:
/// update = adam - learning_rate · weight_decay · param.
Optimizer adamw(Schedule learning_rate, AdamWOptions options = {});

struct RAdamOptions {
  double b1 = 0.9;
  double b2 = 0.999;
  double eps = 1e-8;
  double eps_root = 0;
  /// The length of the average from which on it is divided by its spread.
  double threshold = 5;
};

/// Rectified Adam (Liu et al. 2019, arXiv:1908.03265), as in Optax: with r∞ = 2 / (1 - b2) - 1 and
/// r = r∞ - 2 t b2^t / (1 - b2^t), from r = threshold on adam · √((r - 4)(r - 2) r∞ / ((r∞ - 4)(r∞
/// - 2) r)), before that -learning_rate · mu'.
Optimizer radam(Schedule learning_rate, RAdamOptions options = {});

struct AdaMaxOptions {
  double b1 = 0.9;
  double b2 = 0.999;
  double eps = 1e-8;
};

/// nu = max(b2 · nu, |g| + eps); update = -learning_rate · mu' / nu (Kingma and Ba 2014).
Optimizer adamax(Schedule learning_rate, AdaMaxOptions options = {});

struct AdaBeliefOptions {
  double b1 = 0.9;
  double b2 = 0.999;
  double eps = 1e-16;
  double eps_root = 1e-16;
};

/// nu averages (g - mu)², plus eps_root at every update; update = -learning_rate · mu' / (√nu' +
/// eps) (Zhuang et al. 2020, arXiv:2010.07468), as in Optax.
Optimizer adabelief(Schedule learning_rate, AdaBeliefOptions options = {});

struct YogiOptions {
  double b1 = 0.9;
  double b2 = 0.999;
  double eps = 1e-3;
  double eps_root = 0;
  double initial_accumulator_value = 1e-6;
};

/// nu = nu - (1 - b2) · sign(nu - g²) · g²; update as Adam's (Zaheer et al. 2018), as in Optax.
Optimizer yogi(Schedule learning_rate, YogiOptions options = {});

struct LionOptions {
  double b1 = 0.9;
  double b2 = 0.99;
  double weight_decay = 1e-3;
  /// Which parameters decay.
  Mask mask = {};
};

/// update = -learning_rate · (sign(b1 · mu + (1 - b1) · g) + weight_decay · param), then mu = b2 ·
/// mu
/// + (1 - b2) · g (Chen et al. 2023, arXiv:2302.06675), as in Optax.
Optimizer lion(Schedule learning_rate, LionOptions options = {});

/// These without the learning rate (and weight decay), sign unchanged: for chains.
Optimizer scale_by_adam(AdamOptions options = {});
Optimizer scale_by_amsgrad(AdamOptions options = {});
Optimizer scale_by_radam(RAdamOptions options = {});
Optimizer scale_by_adamax(AdaMaxOptions options = {});
Optimizer scale_by_belief(AdaBeliefOptions options = {});
Optimizer scale_by_lion(double b1 = 0.9, double b2 = 0.99);

}  // namespace gradus::optim
