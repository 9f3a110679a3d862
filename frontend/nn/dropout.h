// What both styles of dropout share. Internal to nn.
#pragma once

#include "frontend/nn/scope.h"

namespace gradus::nn::detail {

/// ValueError unless 0 <= rate < 1.
void expect_rate(const Scope& scope, const char* op, double rate);
Tensor dropped(const Tensor& key, double rate, const Tensor& x);

}  // namespace gradus::nn::detail
