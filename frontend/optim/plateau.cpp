#include "frontend/optim/plateau.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "frontend/ops.h"

namespace gradus::optim {

ReduceOnPlateau::ReduceOnPlateau(PlateauOptions options, SourcePos where)
    : options_(std::move(options)),
      best_(options_.larger_is_better ? -std::numeric_limits<double>::infinity()
                                      : std::numeric_limits<double>::infinity()) {
  const auto require = [&](bool holds, const char* what, const char* remedy) {
    if (!holds) throw ValueError(Message{"reduce_on_plateau", what, where, remedy});
  };
  require(options_.factor > 0 && options_.factor < 1, "factor must lie between 0 and 1", "use 0.1");
  require(options_.patience >= 1, "patience must be at least 1", "use 10");
  require(options_.relative >= 0 && options_.absolute >= 0 && options_.cooldown >= 0 &&
              options_.min_value >= 0,
          "thresholds, cooldown and min_value must not be negative", "use 0");
}

bool ReduceOnPlateau::update(State& state, double value, SourcePos where) {
  const double margin =
      std::isfinite(best_) ? std::max(std::abs(best_) * options_.relative, options_.absolute) : 0;
  const bool better = options_.larger_is_better ? value > best_ + margin : value < best_ - margin;
  if (better) {
    best_ = value;
    bad_ = 0;
  } else {
    ++bad_;
  }
  if (cooling_ > 0) {
    --cooling_;
    bad_ = 0;
  }
  if (bad_ < options_.patience) return false;
  const double before =
      astype(hyperparameter(state, options_.setting, where), DType::F64).item<double>(where);
  bad_ = 0;
  cooling_ = options_.cooldown;
  const double after = std::max(before * options_.factor, options_.min_value);
  if (after >= before) return false;
  set_hyperparameter(state, options_.setting, Arg(after, where));
  return true;
}

std::map<std::string, Tensor> ReduceOnPlateau::memory() const {
  return {{"reduce_on_plateau.best", full({}, best_, DType::F64)},
          {"reduce_on_plateau.bad", Tensor(bad_)},
          {"reduce_on_plateau.cooling", Tensor(cooling_)}};
}

void ReduceOnPlateau::restore(const std::map<std::string, Tensor>& memory, SourcePos where) {
  const auto at = [&](const char* name) {
    const auto it = memory.find(name);
    if (it == memory.end()) {
      throw ValueError(Message{"reduce_on_plateau", fmt::format("there is no \"{}\"", name), where,
                               "give what memory() returned"});
    }
    return it->second;
  };
  best_ = at("reduce_on_plateau.best").item<double>(where);
  bad_ = at("reduce_on_plateau.bad").item<int32_t>(where);
  cooling_ = at("reduce_on_plateau.cooling").item<int32_t>(where);
}

}  // namespace gradus::optim
