#include "frontend/optim/adam.h"

#include "frontend/optim/rule.h"

namespace gradus::optim {
namespace {

Tensor direction(Leaf& l) {
  Tensor& mu = l.slot("mu");
  Tensor& nu = l.slot("nu");
  mu = l.mix(mu, l.gradient, "b1");
  nu = l.mix(nu, square(l.gradient), "b2");
  const Tensor spread = sqrt(nu * l.correction("b2") + l["eps_root"]) + l["eps"];
  return mu * l.correction("b1") / spread;
}

LeafRule adam_rule(const AdamOptions& options) {
  return {.name = "scale_by_adam",
          .settings = {{"b1", options.b1},
                       {"b2", options.b2},
                       {"eps", options.eps},
                       {"eps_root", options.eps_root}},
          .slots = {"mu", "nu"},
          .counts = true,
          .update = direction};
}

}  // namespace

Optimizer scale_by_adam(AdamOptions options) {
  return make_optimizer(adam_rule(options));
}

Optimizer adam(Schedule learning_rate, AdamOptions options) {
  return make_optimizer(with_learning_rate("adam", std::move(learning_rate), adam_rule(options)));
}

Optimizer adamw(Schedule learning_rate, AdamWOptions options) {
  LeafRule rule = adam_rule({options.b1, options.b2, options.eps, options.eps_root});
  rule.settings.push_back({"weight_decay", options.weight_decay});
  rule.update = [](Leaf& l) { return direction(l) + l["weight_decay"] * l.param; };
  return make_optimizer(with_learning_rate("adamw", std::move(learning_rate), std::move(rule)));
}

}  // namespace gradus::optim
