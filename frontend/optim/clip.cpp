#include "frontend/optim/clip.h"

#include "frontend/optim/rule.h"

namespace gradus::optim {
namespace {

/// All axes but the last; all of a vector.
std::vector<int64_t> unit_axes(const Tensor& x) {
  std::vector<int64_t> axes;
  for (int d = 0; d < std::max(x.rank() - 1, std::min(x.rank(), 1)); ++d)
    axes.push_back(d);
  return axes;
}

Tensor unit_norm(const Tensor& x) {
  return sqrt(sum(square(x), unit_axes(x), true));
}

/// x, or x · limit / norm where the norm is larger.
Tensor limited(const Tensor& x, const Tensor& norm, const Tensor& limit) {
  return x * where(norm < limit, 1, limit / norm);
}

class ClipByGlobalNorm final : public Rule {
 public:
  explicit ClipByGlobalNorm(Schedule max_norm) : settings_{{"max_norm", std::move(max_norm)}} {}

  std::string name() const override { return "clip_by_global_norm"; }

  void init(Slots slots, const Leaves&) const override { init_settings(slots, settings_); }

  std::vector<Tensor> update(const Leaves& gradients, Slots slots, const Leaves&) const override {
    const Tensor norm = tree::global_norm(gradients.tensors);
    std::vector<Tensor> updates;
    if (gradients.size() == 0) return updates;
    const Tensor factor = limited(ones({}, norm.dtype()), norm,
                                  astype(setting_of(slots, settings_[0]), norm.dtype()));
    for (const Tensor& g : gradients.tensors)
      updates.push_back(g * astype(factor, g.dtype()));
    advance_count(slots);
    return updates;
  }

  std::string to_string(const State* state, const std::string& prefix) const override {
    return name() + "(" + settings_text(settings_, {}, state, prefix) + ")";
  }

 private:
  std::vector<Setting> settings_;
};

}  // namespace

Optimizer clip(Schedule max_delta) {
  return make_optimizer(
      {.name = "clip", .settings = {{"max_delta", std::move(max_delta)}}, .update = [](Leaf& l) {
         const Tensor most = l["max_delta"];
         return clamp(l.gradient, -most, most);
       }});
}

Optimizer clip_by_global_norm(Schedule max_norm) {
  return Optimizer(std::make_shared<const ClipByGlobalNorm>(std::move(max_norm)));
}

Optimizer clip_by_norm(Schedule max_norm) {
  return make_optimizer({.name = "clip_by_norm",
                         .settings = {{"max_norm", std::move(max_norm)}},
                         .update = [](Leaf& l) {
                           const Tensor norm = sqrt(sum(square(l.gradient)));
                           return limited(l.gradient, norm, l["max_norm"]);
                         }});
}

Optimizer clip_by_block_rms(Schedule threshold) {
  return make_optimizer({.name = "clip_by_block_rms",
                         .settings = {{"threshold", std::move(threshold)}},
                         .update = [](Leaf& l) {
                           const Tensor rms = sqrt(mean(square(l.gradient)));
                           return l.gradient / maximum(1, rms / l["threshold"]);
                         }});
}

Optimizer adaptive_grad_clip(Schedule clipping, double eps) {
  return make_optimizer({.name = "adaptive_grad_clip",
                         .settings = {{"clipping", std::move(clipping)}, {"eps", eps}},
                         .update = [](Leaf& l) {
                           const Tensor limit =
                               l["clipping"] * maximum(unit_norm(l.param), l["eps"]);
                           const Tensor norm = unit_norm(l.gradient);
                           return l.gradient * where(norm < limit, 1, limit / maximum(norm, 1e-6));
                         }});
}

Optimizer zero_nans() {
  return make_optimizer({.name = "zero_nans", .update = [](Leaf& l) {
                           return where(is_nan(l.gradient), 0, l.gradient);
                         }});
}

Optimizer centralize() {
  return make_optimizer({.name = "centralize", .update = [](Leaf& l) {
                           if (l.gradient.rank() < 2) return l.gradient;
                           std::vector<int64_t> axes;
                           for (int d = 1; d < l.gradient.rank(); ++d)
                             axes.push_back(d);
                           return l.gradient - mean(l.gradient, axes, true);
                         }});
}

}  // namespace gradus::optim
