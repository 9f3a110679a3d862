// Optimisers that scale each element by the size of its gradients so far.
#pragma once

#include <optional>

#include <gradus/optim/optimizer.h>
#include <gradus/optim/schedule.h>

namespace gradus::optim {

struct RmsPropOptions {
  double decay = 0.9;
  double eps = 1e-8;
  /// nu at the first update.
  double initial_scale = 0;
  /// √(nu + eps), or √nu + eps.
  bool eps_in_sqrt = true;
  /// Divides by the standard deviation: nu minus the square of the gradients' average.
  bool centered = false;
  std::optional<double> momentum = {};
  bool nesterov = false;
  /// Divides nu by 1 - decay^t.
  bool bias_correction = false;
};

/// nu = decay · nu + (1 - decay) · g²; update = -learning_rate · g / √(nu + eps), with momentum
/// momentum · update before + that (Hinton 2012), as in Optax.
Optimizer rmsprop(Schedule learning_rate, RmsPropOptions options = {});

struct RmsPropOfPyTorchOptions {
  double decay = 0.99;
  double eps = 1e-8;
  bool centered = false;
  double momentum = 0;
};

/// As in PyTorch: buffer = momentum · buffer + g / (√nu + eps); update = -learning_rate · buffer. A
/// change of the learning rate reaches what has accumulated.
Optimizer rmsprop_of_pytorch(Schedule learning_rate, RmsPropOfPyTorchOptions options = {});

struct AdagradOptions {
  double initial_accumulator_value = 0.1;
  double eps = 1e-7;
  bool eps_in_sqrt = true;
};

/// nu = nu + g²; update = -learning_rate · g / √(nu + eps), 0 where nu is (Duchi et al. 2011), as
/// in Optax. PyTorch's: {.initial_accumulator_value = 0, .eps = 1e-10, .eps_in_sqrt = false}, that
/// is g / (√nu + eps).
Optimizer adagrad(Schedule learning_rate, AdagradOptions options = {});

struct AdadeltaOptions {
  double rho = 0.9;
  double eps = 1e-6;
};

/// e_g averages g², e_x the squares of d = g · √(e_x + eps) / √(e_g + eps); update = -learning_rate
/// · d (Zeiler 2012, arXiv:1212.5701).
Optimizer adadelta(Schedule learning_rate = 1.0, AdadeltaOptions options = {});

}  // namespace gradus::optim
