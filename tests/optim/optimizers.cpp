#include "tests/optim/optimizers.h"

#include <gradus/optim/optim.h>

std::map<std::string, gradus::optim::Optimizer> optimizers_by_name() {
  using namespace gradus::optim;
  return {
      {"sgd", sgd(0.1)},
      {"momentum", momentum(0.1)},
      {"nesterov", nesterov(0.1, 0.8)},
      {"nesterov of PyTorch", nesterov(0.1, 0.8)},
      {"adam", adam(0.01)},
      {"adam, other settings", adam(0.02, {.b1 = 0.8, .b2 = 0.95, .eps = 1e-3, .eps_root = 1e-2})},
      {"adam of PyTorch", adam(0.01)},
      {"adam with b1 = 0", adam(0.01, {.b1 = 0})},
      {"adamw", adamw(0.01, {.weight_decay = 0.1})},
      {"adamw of PyTorch", adamw(0.01, {.weight_decay = 0.1})},
  };
}
