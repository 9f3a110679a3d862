// What optimisers with averages of gradients share. Internal.
#pragma once

#include "frontend/optim/adam.h"
#include "frontend/optim/rule.h"

namespace gradus::optim {

/// Adam's direction, mu' / (√(nu' + eps_root) + eps); of slots mu and nu.
Tensor adam_direction(Leaf& l);
/// The rule scale_by_adam.
LeafRule adam_rule(const AdamOptions& options);

/// Adds settings.weight_decay · param to what the rule gives, for the parameters of the mask.
LeafRule with_weight_decay(LeafRule rule, Schedule weight_decay, Mask mask);

inline bool selects(const Mask& mask, const std::string& path, const Tensor& param) {
  return !mask || mask(path, param);
}

}  // namespace gradus::optim
