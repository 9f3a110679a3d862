// Gradient descent and its relatives with momentum.
#pragma once

#include <gradus/optim/optimizer.h>
#include <gradus/optim/schedule.h>

namespace gradus::optim {

/// update = -learning_rate · gradient.
Optimizer sgd(Schedule learning_rate);

struct MomentumOptions {
  double decay = 0.9;
  bool nesterov = false;
};

/// trace = gradient + decay · trace; update = -learning_rate · trace, or with Nesterov's
/// acceleration -learning_rate · (gradient + decay · trace). As in Optax and PyTorch; Flux's
/// Momentum differs in that a change of the learning rate does not reach what has accumulated.
Optimizer momentum(Schedule learning_rate, MomentumOptions options = {});
/// momentum() with nesterov = true.
Optimizer nesterov(Schedule learning_rate, double decay = 0.9);

/// The parts of these, for chains. trace(): without the learning rate, sign unchanged.
Optimizer trace(MomentumOptions options = {});
/// update = factor · update.
Optimizer scale(Schedule factor);
/// update = -learning_rate · update.
Optimizer scale_by_learning_rate(Schedule learning_rate);

}  // namespace gradus::optim
