#include "frontend/optim/adam.h"

#include "frontend/optim/moments.h"

namespace gradus::optim {
namespace {

/// mu / (√(nu + eps_root) + eps).
Tensor normalised(Leaf& l, const Tensor& mu, const Tensor& nu) {
  return mu / (sqrt(nu + l["eps_root"]) + l["eps"]);
}

void take_moments(Leaf& l) {
  l.slot("mu") = l.mix(l.slot("mu"), l.gradient, "b1");
  l.slot("nu") = l.mix(l.slot("nu"), square(l.gradient), "b2");
}

Tensor nadam_direction(Leaf& l) {
  take_moments(l);
  const Tensor b1 = l.exact("b1"), t = l.count();
  const Tensor ahead = l.cast(b1 / (1 - pow(b1, t + 1))) * l.slot("mu");
  const Tensor now = l.cast((1 - b1) / (1 - pow(b1, t))) * l.gradient;
  return normalised(l, ahead + now, l.slot("nu") * l.correction("b2"));
}

Tensor nadam_of_pytorch_direction(Leaf& l) {
  take_moments(l);
  const auto momentum = [&](const Tensor& t) {
    return l.exact("b1") * (1 - 0.5 * pow(0.96, t * l.exact("momentum_decay")));
  };
  const Tensor t = l.count(), m = momentum(t), next = momentum(t + 1);
  Tensor& product = l.slot("momentum_product");
  product = product * m;
  const Tensor ahead = l.cast(next / (1 - product * next)) * l.slot("mu");
  const Tensor now = l.cast((1 - m) / (1 - product)) * l.gradient;
  return normalised(l, ahead + now, l.slot("nu") * l.correction("b2"));
}

Tensor amsgrad_of_pytorch_direction(Leaf& l) {
  take_moments(l);
  l.slot("nu_max") = maximum(l.slot("nu_max"), l.slot("nu"));
  return normalised(l, l.slot("mu") * l.correction("b1"), l.slot("nu_max") * l.correction("b2"));
}

Tensor amsgrad_direction(Leaf& l) {
  take_moments(l);
  l.slot("nu_max") = maximum(l.slot("nu_max"), l.slot("nu") * l.correction("b2"));
  return normalised(l, l.slot("mu") * l.correction("b1"), l.slot("nu_max"));
}

Tensor radam_direction(Leaf& l) {
  take_moments(l);
  const Tensor b2 = l.exact("b2"), t = l.count();
  const Tensor power = pow(b2, t);
  const Tensor longest = 2 / (1 - b2) - 1;
  const Tensor length = longest - 2 * t * power / (1 - power);
  const Tensor rectifier =
      sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length));
  const Tensor mu = l.slot("mu") * l.correction("b1");
  const Tensor rectified = l.cast(rectifier) * normalised(l, mu, l.slot("nu") * l.correction("b2"));
  return where(length >= l.exact("threshold"), rectified, mu);
}

Tensor adamax_direction(Leaf& l) {
  l.slot("mu") = l.mix(l.slot("mu"), l.gradient, "b1");
  l.slot("nu") = maximum(l["b2"] * l.slot("nu"), abs(l.gradient) + l["eps"]);
  return l.slot("mu") * l.correction("b1") / l.slot("nu");
}

Tensor belief_direction(Leaf& l) {
  l.slot("mu") = l.mix(l.slot("mu"), l.gradient, "b1");
  const Tensor surprise = l.gradient - l.slot("mu");
  l.slot("nu") = l.mix(l.slot("nu"), square(surprise), "b2") + l["eps_root"];
  return l.slot("mu") * l.correction("b1") / (sqrt(l.slot("nu") * l.correction("b2")) + l["eps"]);
}

Tensor yogi_direction(Leaf& l) {
  l.slot("mu") = l.mix(l.slot("mu"), l.gradient, "b1");
  const Tensor squares = square(l.gradient);
  Tensor& nu = l.slot("nu");
  nu = nu - l.cast(1 - l.exact("b2")) * sign(nu - squares) * squares;
  return normalised(l, l.slot("mu") * l.correction("b1"), nu * l.correction("b2"));
}

Tensor lion_direction(Leaf& l) {
  const Tensor before = l.slot("mu");
  l.slot("mu") = l.mix(before, l.gradient, "b2");
  return sign(l.mix(before, l.gradient, "b1"));
}

std::vector<Setting> settings_of(const AdamOptions& o) {
  return {{"b1", o.b1}, {"b2", o.b2}, {"eps", o.eps}, {"eps_root", o.eps_root}};
}

LeafRule amsgrad_rule(const AdamOptions& options) {
  return {.name = "scale_by_amsgrad",
          .settings = settings_of(options),
          .slots = {"mu", "nu", "nu_max"},
          .counts = true,
          .update = amsgrad_direction};
}

LeafRule radam_rule(const RAdamOptions& o) {
  LeafRule rule = adam_rule({o.b1, o.b2, o.eps, o.eps_root});
  rule.name = "scale_by_radam";
  rule.settings.push_back({"threshold", o.threshold});
  rule.update = radam_direction;
  return rule;
}

LeafRule adamax_rule(const AdaMaxOptions& o) {
  return {.name = "scale_by_adamax",
          .settings = {{"b1", o.b1}, {"b2", o.b2}, {"eps", o.eps}},
          .slots = {"mu", "nu"},
          .counts = true,
          .update = adamax_direction};
}

LeafRule belief_rule(const AdaBeliefOptions& o) {
  LeafRule rule = adam_rule({o.b1, o.b2, o.eps, o.eps_root});
  rule.name = "scale_by_belief";
  rule.update = belief_direction;
  return rule;
}

LeafRule lion_rule(double b1, double b2) {
  return {.name = "scale_by_lion",
          .settings = {{"b1", b1}, {"b2", b2}},
          .slots = {"mu"},
          .update = lion_direction};
}

Optimizer descent(const char* name, Schedule&& learning_rate, LeafRule rule) {
  return make_optimizer(with_learning_rate(name, std::move(learning_rate), std::move(rule)));
}

}  // namespace

Tensor adam_direction(Leaf& l) {
  take_moments(l);
  return normalised(l, l.slot("mu") * l.correction("b1"), l.slot("nu") * l.correction("b2"));
}

LeafRule adam_rule(const AdamOptions& options) {
  return {.name = "scale_by_adam",
          .settings = settings_of(options),
          .slots = {"mu", "nu"},
          .counts = true,
          .update = adam_direction};
}

LeafRule with_weight_decay(LeafRule rule, Schedule weight_decay, Mask mask) {
  rule.settings.push_back({"weight_decay", std::move(weight_decay)});
  rule.update = [direction = std::move(rule.update), mask = std::move(mask)](Leaf& l) {
    const Tensor update = direction(l);
    return selects(mask, l.path, l.param) ? update + l["weight_decay"] * l.param : update;
  };
  return rule;
}

Optimizer adam(Schedule learning_rate, AdamOptions options) {
  return descent("adam", std::move(learning_rate), adam_rule(options));
}

Optimizer nadam(Schedule learning_rate, AdamOptions options) {
  LeafRule rule = adam_rule(options);
  rule.update = nadam_direction;
  return descent("nadam", std::move(learning_rate), std::move(rule));
}

Optimizer amsgrad(Schedule learning_rate, AdamOptions options) {
  return descent("amsgrad", std::move(learning_rate), amsgrad_rule(options));
}

Optimizer nadam_of_pytorch(Schedule learning_rate, NAdamOfPytorchOptions o) {
  const Slot product("momentum_product", [](const Tensor&) { return full({}, 1.0, DType::F64); });
  LeafRule rule = adam_rule({.b1 = o.b1, .b2 = o.b2, .eps = o.eps});
  rule.settings.push_back({"momentum_decay", o.momentum_decay});
  rule.slots.push_back(product);
  rule.update = nadam_of_pytorch_direction;
  return descent("nadam_of_pytorch", std::move(learning_rate), std::move(rule));
}

Optimizer amsgrad_of_pytorch(Schedule learning_rate, AdamOptions options) {
  LeafRule rule = amsgrad_rule(options);
  rule.update = amsgrad_of_pytorch_direction;
  return descent("amsgrad_of_pytorch", std::move(learning_rate), std::move(rule));
}

Optimizer adamw(Schedule learning_rate, AdamWOptions options) {
  LeafRule rule = adam_rule({options.b1, options.b2, options.eps, options.eps_root});
  if (options.nesterov) {
    rule.update = nadam_direction;
    rule.flags = {"nesterov=true"};
  }
  return descent("adamw", std::move(learning_rate),
                 with_weight_decay(std::move(rule), options.weight_decay, options.mask));
}

Optimizer radam(Schedule learning_rate, RAdamOptions options) {
  return descent("radam", std::move(learning_rate), radam_rule(options));
}

Optimizer adamax(Schedule learning_rate, AdaMaxOptions options) {
  return descent("adamax", std::move(learning_rate), adamax_rule(options));
}

Optimizer adabelief(Schedule learning_rate, AdaBeliefOptions options) {
  return descent("adabelief", std::move(learning_rate), belief_rule(options));
}

Optimizer yogi(Schedule learning_rate, YogiOptions o) {
  LeafRule rule = adam_rule({o.b1, o.b2, o.eps, o.eps_root});
  rule.slots = {filled_slot("mu", o.initial_accumulator_value),
                filled_slot("nu", o.initial_accumulator_value)};
  rule.update = yogi_direction;
  return descent("yogi", std::move(learning_rate), std::move(rule));
}

Optimizer lion(Schedule learning_rate, LionOptions options) {
  return descent(
      "lion", std::move(learning_rate),
      with_weight_decay(lion_rule(options.b1, options.b2), options.weight_decay, options.mask));
}

Optimizer scale_by_adam(AdamOptions options) {
  return make_optimizer(adam_rule(options));
}
Optimizer scale_by_amsgrad(AdamOptions options) {
  return make_optimizer(amsgrad_rule(options));
}
Optimizer scale_by_radam(RAdamOptions options) {
  return make_optimizer(radam_rule(options));
}
Optimizer scale_by_adamax(AdaMaxOptions options) {
  return make_optimizer(adamax_rule(options));
}
Optimizer scale_by_belief(AdaBeliefOptions options) {
  return make_optimizer(belief_rule(options));
}
Optimizer scale_by_lion(double b1, double b2) {
  return make_optimizer(lion_rule(b1, b2));
}

}  // namespace gradus::optim
