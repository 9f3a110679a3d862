#include "frontend/optim/layerwise.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "frontend/optim/moments.h"
#include "frontend/optim/wrap.h"

namespace gradus::optim {
namespace {

Tensor norm(const Tensor& x) {
  return sqrt(sum(square(x)));
}

Tensor rms(const Tensor& x) {
  return sqrt(mean(square(x)));
}

Tensor trust_scaled(Leaf& l, const Tensor& update, const Tensor& coefficient, const Tensor& eps) {
  const Tensor own = norm(l.param), step = norm(update);
  const Tensor moot = logical_or(own == 0, step == 0);
  return update * where(moot, 1, coefficient * own / (step + eps));
}

// ------------------------------------------------------------------------------------- adafactor

/// The two longest axes, longest last; the later of equal ones counts as longer.
struct Factored {
  int second, longest;
};

std::optional<Factored> factored_axes(const Shape& shape, const AdafactorOptions& options) {
  if (!options.factored || shape.rank() < 2) return std::nullopt;
  std::vector<int> axes(static_cast<size_t>(shape.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  std::ranges::stable_sort(axes, {}, [&](int d) { return shape[d]; });
  const Factored result{axes[axes.size() - 2], axes.back()};
  if (shape[result.second] < options.min_dim_size_to_factor) return std::nullopt;
  return result;
}

Slot adafactor_slot(const char* name, const AdafactorOptions& options,
                    std::optional<Shape> (*shape_of)(const Shape&, std::optional<Factored>)) {
  return Slot(name, [options, shape_of](const Tensor& param) {
    const auto shape = shape_of(param.shape(), factored_axes(param.shape(), options));
    return shape ? zeros(*shape, param.dtype()) : Tensor();
  });
}

/// g / √(average of g²).
Tensor factored_direction(Leaf& l, const AdafactorOptions& options) {
  const Tensor fresh = pow(l.count(), -l.exact("decay_rate"));
  const Tensor keep = l.cast(1 - fresh), take = l.cast(fresh);
  const Tensor squares = square(l.gradient) + l["eps"];
  const auto axes = factored_axes(l.param.shape(), options);
  if (!axes) {
    Tensor& v = l.slot("v");
    v = keep * v + take * squares;
    return l.gradient * rsqrt(v);
  }
  const auto [second, longest] = *axes;
  Tensor& rows = l.slot("v_row");
  Tensor& columns = l.slot("v_col");
  rows = keep * rows + take * mean(squares, longest);
  columns = keep * columns + take * mean(squares, second);
  const int within = second > longest ? second - 1 : second;
  const Tensor by_row = rsqrt(rows / mean(rows, within, true));
  return l.gradient * expand_dims(by_row, longest) * expand_dims(rsqrt(columns), second);
}

// ------------------------------------------------------------------------------------------ muon

/// In the tall orientation, X (b XᵀX + c (XᵀX)²), all products read rows of what was stored by
/// rows.
Tensor orthogonalised(Tensor x, const MuonOptions& options, const Tensor& eps) {
  const auto [a, b, c] = options.coefficients;
  const bool wide = x.shape()[0] < x.shape()[1];
  if (wide) x = transpose(x);
  x = x / (norm(x) + eps);
  for (int i = 0; i < options.iterations; ++i) {
    const Tensor gram = tensordot(x, x, 0, 0);
    x = a * x + matmul(x, b * gram + c * matmul(gram, gram));
  }
  return wide ? transpose(x) : x;
}

Tensor muon_direction(Leaf& l, const MuonOptions& options) {
  Tensor& mu = l.slot("mu");
  mu = l.mix(mu, l.gradient, "beta");
  const Tensor beta = l.exact("beta"), t = l.count();
  const Tensor average = options.nesterov ? l.cast(beta / (1 - pow(beta, t + 1))) * mu +
                                                l.cast((1 - beta) / (1 - pow(beta, t))) * l.gradient
                                          : mu * l.correction("beta");
  const double in = static_cast<double>(l.param.shape()[0]);
  const double out = static_cast<double>(l.param.shape()[1]);
  return std::sqrt(std::max(1.0, out / in)) * orthogonalised(average, options, l["eps"]);
}

}  // namespace

Optimizer scale_by_trust_ratio(double trust_coefficient, double eps) {
  return make_optimizer({.name = "scale_by_trust_ratio",
                         .settings = {{"trust_coefficient", trust_coefficient}, {"eps", eps}},
                         .update = [](Leaf& l) {
                           return trust_scaled(l, l.gradient, l["trust_coefficient"], l["eps"]);
                         }});
}

Optimizer lamb(Schedule learning_rate, LambOptions o) {
  LeafRule rule = with_weight_decay(adam_rule({o.b1, o.b2, o.eps, o.eps_root}), o.weight_decay,
                                    std::move(o.mask));
  rule.update = [direction = std::move(rule.update)](Leaf& l) {
    const Tensor update = direction(l);
    return trust_scaled(l, update, ones({}, update.dtype()), zeros({}, update.dtype()));
  };
  return make_optimizer(with_learning_rate("lamb", std::move(learning_rate), std::move(rule)));
}

Optimizer lars(Schedule learning_rate, LarsOptions o) {
  return make_optimizer({.name = "lars",
                         .settings = {{"learning_rate", std::move(learning_rate)},
                                      {"weight_decay", o.weight_decay},
                                      {"trust_coefficient", o.trust_coefficient},
                                      {"eps", o.eps},
                                      {"momentum", o.momentum}},
                         .slots = {"trace"},
                         .flags = {o.nesterov ? "nesterov=true" : "nesterov=false"},
                         .update = [o](Leaf& l) {
                           Tensor update = l.gradient;
                           if (selects(o.weight_decay_mask, l.path, l.param)) {
                             update = update + l["weight_decay"] * l.param;
                           }
                           if (selects(o.trust_ratio_mask, l.path, l.param)) {
                             update = trust_scaled(l, update, l["trust_coefficient"], l["eps"]);
                           }
                           update = -l["learning_rate"] * update;
                           Tensor& trace = l.slot("trace");
                           trace = update + l["momentum"] * trace;
                           return o.nesterov ? update + l["momentum"] * trace : trace;
                         }});
}

Optimizer adafactor(std::optional<Schedule> learning_rate, AdafactorOptions o) {
  LeafRule rule{.name = "adafactor",
                .settings = {{"decay_rate", o.decay_rate}, {"eps", o.eps}},
                .slots = {adafactor_slot("v", o,
                                         [](const Shape& shape, std::optional<Factored> axes) {
                                           return axes ? std::nullopt : std::optional(shape);
                                         }),
                          adafactor_slot("v_row", o,
                                         [](const Shape& shape, std::optional<Factored> axes) {
                                           return axes ? std::optional(shape.without(axes->longest))
                                                       : std::nullopt;
                                         }),
                          adafactor_slot("v_col", o,
                                         [](const Shape& shape, std::optional<Factored> axes) {
                                           return axes ? std::optional(shape.without(axes->second))
                                                       : std::nullopt;
                                         })},
                .counts = true};
  const auto add = [&](const char* name, const auto& value) {
    if (value) rule.settings.push_back({name, *value});
    return value.has_value();
  };
  const bool has_rate = add("learning_rate", learning_rate);
  const bool clips = add("clipping_threshold", o.clipping_threshold);
  const bool decays = add("weight_decay_rate", o.weight_decay_rate);
  const bool averages = add("momentum", o.momentum);
  if (averages) rule.slots.emplace_back("ema");
  rule.update = [=](Leaf& l) {
    Tensor update = factored_direction(l, o);
    if (clips) update = update / maximum(1, rms(update) / l["clipping_threshold"]);
    if (has_rate) update = l["learning_rate"] * update;
    if (o.multiply_by_parameter_scale) update = update * maximum(rms(l.param), 1e-3);
    if (averages) {
      l.slot("ema") = l.mix(l.slot("ema"), update, "momentum");
      update = l.slot("ema");
    }
    if (decays && selects(o.mask, l.path, l.param)) {
      update = update + l["weight_decay_rate"] * l.param;
    }
    return -update;
  };
  return make_optimizer(std::move(rule));
}

Optimizer muon(Schedule learning_rate, MuonOptions o) {
  const Schedule adam_rate = o.adam_learning_rate.value_or(learning_rate);
  LeafRule matrices{.name = "newton_schulz",
                    .settings = {{"beta", o.beta}, {"eps", o.eps}},
                    .slots = {"mu"},
                    .counts = true,
                    .flags = {o.nesterov ? "nesterov=true" : "nesterov=false"},
                    .update = [o](Leaf& l) { return muon_direction(l, o); }};
  const auto label = [](const std::string&, const Tensor& param) {
    return param.rank() == 2 ? "matrices" : "others";
  };
  return partition(label,
                   {{"matrices", make_optimizer(with_learning_rate(
                                     "muon", std::move(learning_rate),
                                     with_weight_decay(std::move(matrices), o.weight_decay, {})))},
                    {"others", o.nesterov ? nadam(adam_rate, o.adam) : adam(adam_rate, o.adam)}},
                   "muon");
}

}  // namespace gradus::optim
