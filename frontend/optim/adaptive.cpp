#include "frontend/optim/adaptive.h"

#include "frontend/optim/rule.h"

namespace gradus::optim {
namespace {

/// Takes the average of squares (and of gradients) and returns their spread before its root.
Tensor take_spread(Leaf& l, bool centered, bool corrected) {
  Tensor& nu = l.slot("nu");
  nu = l.mix(nu, square(l.gradient), "decay");
  Tensor spread = corrected ? nu * l.correction("decay") : nu;
  if (!centered) return spread;
  Tensor& mu = l.slot("mu");
  mu = l.mix(mu, l.gradient, "decay");
  return spread - square(corrected ? mu * l.correction("decay") : mu);
}

Tensor divided(Leaf& l, const Tensor& spread, bool eps_in_sqrt) {
  if (eps_in_sqrt) return l.gradient * rsqrt(spread + l["eps"]);
  return l.gradient / (sqrt(spread) + l["eps"]);
}

std::string flag(const char* name, bool value) {
  return std::string(name) + (value ? "=true" : "=false");
}

}  // namespace

Optimizer rmsprop(Schedule learning_rate, RmsPropOptions o) {
  LeafRule rule{
      .name = "rmsprop",
      .settings = {{"learning_rate", std::move(learning_rate)}, {"decay", o.decay}, {"eps", o.eps}},
      .slots = {filled_slot("nu", o.initial_scale)},
      .counts = o.bias_correction,
      .flags = {flag("eps_in_sqrt", o.eps_in_sqrt), flag("centered", o.centered)}};
  if (o.centered) rule.slots.emplace_back("mu");
  if (o.momentum) {
    rule.settings.push_back({"momentum", *o.momentum});
    rule.slots.emplace_back("trace");
    rule.flags.push_back(flag("nesterov", o.nesterov));
  }
  if (o.bias_correction) rule.flags.push_back("bias_correction=true");
  rule.update = [o](Leaf& l) {
    const Tensor spread = take_spread(l, o.centered, o.bias_correction);
    const Tensor update = -l["learning_rate"] * divided(l, spread, o.eps_in_sqrt);
    if (!o.momentum) return update;
    Tensor& trace = l.slot("trace");
    trace = update + l["momentum"] * trace;
    return o.nesterov ? update + l["momentum"] * trace : trace;
  };
  return make_optimizer(std::move(rule));
}

Optimizer rmsprop_of_pytorch(Schedule learning_rate, RmsPropOfPyTorchOptions o) {
  LeafRule rule{.name = "rmsprop_of_pytorch",
                .settings = {{"learning_rate", std::move(learning_rate)},
                             {"decay", o.decay},
                             {"eps", o.eps},
                             {"momentum", o.momentum}},
                .slots = {"nu", "buffer"},
                .flags = {flag("centered", o.centered)}};
  if (o.centered) rule.slots.emplace_back("mu");
  rule.update = [o](Leaf& l) {
    Tensor& buffer = l.slot("buffer");
    buffer = l["momentum"] * buffer + divided(l, take_spread(l, o.centered, false), false);
    return -l["learning_rate"] * buffer;
  };
  return make_optimizer(std::move(rule));
}

Optimizer adagrad(Schedule learning_rate, AdagradOptions o) {
  return make_optimizer({.name = "adagrad",
                         .settings = {{"learning_rate", std::move(learning_rate)}, {"eps", o.eps}},
                         .slots = {filled_slot("nu", o.initial_accumulator_value)},
                         .flags = {flag("eps_in_sqrt", o.eps_in_sqrt)},
                         .update = [in_sqrt = o.eps_in_sqrt](Leaf& l) {
                           Tensor& nu = l.slot("nu");
                           nu = nu + square(l.gradient);
                           const Tensor scaled = where(nu > 0, divided(l, nu, in_sqrt), 0);
                           return -l["learning_rate"] * scaled;
                         }});
}

Optimizer adadelta(Schedule learning_rate, AdadeltaOptions o) {
  return make_optimizer(
      {.name = "adadelta",
       .settings = {{"learning_rate", std::move(learning_rate)}, {"rho", o.rho}, {"eps", o.eps}},
       .slots = {"e_g", "e_x"},
       .update = [](Leaf& l) {
         Tensor& e_g = l.slot("e_g");
         Tensor& e_x = l.slot("e_x");
         e_g = l.mix(e_g, square(l.gradient), "rho");
         const Tensor step = sqrt(e_x + l["eps"]) / sqrt(e_g + l["eps"]) * l.gradient;
         e_x = l.mix(e_x, square(step), "rho");
         return -l["learning_rate"] * step;
       }});
}

}  // namespace gradus::optim
