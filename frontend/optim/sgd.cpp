#include "frontend/optim/sgd.h"

#include "frontend/optim/rule.h"

namespace gradus::optim {
namespace {

/// The trace's contribution: what momentum() multiplies by the learning rate.
Tensor accumulated(Leaf& l, bool nesterov) {
  const Tensor decay = l["decay"];
  Tensor& trace = l.slot("trace");
  trace = l.gradient + decay * trace;
  return nesterov ? l.gradient + decay * trace : trace;
}

LeafRule momentum_rule(const MomentumOptions& options) {
  return {.name = "trace",
          .settings = {{"decay", options.decay}},
          .slots = {"trace"},
          .flags = {options.nesterov ? "nesterov=true" : "nesterov=false"},
          .update = [nesterov = options.nesterov](Leaf& l) { return accumulated(l, nesterov); }};
}

}  // namespace

Optimizer sgd(Schedule learning_rate) {
  return make_optimizer({.name = "sgd",
                         .settings = {{"learning_rate", std::move(learning_rate)}},
                         .update = [](Leaf& l) { return -l["learning_rate"] * l.gradient; }});
}

Optimizer momentum(Schedule learning_rate, MomentumOptions options) {
  return make_optimizer(
      with_learning_rate("momentum", std::move(learning_rate), momentum_rule(options)));
}

Optimizer nesterov(Schedule learning_rate, double decay) {
  return momentum(std::move(learning_rate), {.decay = decay, .nesterov = true});
}

Optimizer trace(MomentumOptions options) {
  return make_optimizer(momentum_rule(options));
}

Optimizer scale(Schedule factor) {
  return make_optimizer({.name = "scale",
                         .settings = {{"factor", std::move(factor)}},
                         .update = [](Leaf& l) { return l["factor"] * l.gradient; }});
}

Optimizer scale_by_learning_rate(Schedule learning_rate) {
  return make_optimizer({.name = "scale_by_learning_rate",
                         .settings = {{"learning_rate", std::move(learning_rate)}},
                         .update = [](Leaf& l) { return -l["learning_rate"] * l.gradient; }});
}

}  // namespace gradus::optim
