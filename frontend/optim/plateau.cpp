#include "frontend/optim/plateau.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "frontend/ops.h"

namespace gradus::optim {

bool BestSoFar::observe(double value) {
  bool improves = !std::isnan(value);
  if (improves && !std::isnan(value_)) {
    // No share of infinity, which a loss that overflowed is, is asked for.
    const double share = std::isfinite(value_) ? std::abs(value_) * options_.relative : 0;
    const double gain = options_.direction == Direction::Higher ? value - value_ : value_ - value;
    const bool tie = options_.ties_count && options_.relative == 0 && options_.absolute == 0;
    improves = gain > std::max(share, options_.absolute) || (tie && value == value_);
  }
  if (improves) value_ = value;
  // A wait that has not begun yet goes on whatever is seen.
  waited_ = improves && waited_ >= 0 ? 0 : waited_ + 1;
  return improves;
}

void BestSoFar::restore(double value, int without, int cooling) {
  value_ = value;
  waited_ = cooling > 0 ? -cooling : without;
}

void check(const PlateauOptions& options, SourcePos where) {
  const auto require = [&](bool holds, const char* what, const char* remedy) {
    if (!holds) throw ValueError(Message{"reduce_on_plateau", what, where, remedy});
  };
  require(options.factor > 0 && options.factor < 1, "factor must lie between 0 and 1", "use 0.1");
  require(options.patience >= 1, "patience must be at least 1", "use 10");
  require(options.cooldown >= 0 && options.min_value >= 0,
          "cooldown and min_value must not be negative", "use 0");
}

std::optional<double> reduced(double setting, BestSoFar& best, const PlateauOptions& options) {
  if (best.without() < options.patience) return {};
  const double after = std::max(setting * options.factor, options.min_value);
  // A setting that is as small as may be stands in the state rounded to f32.
  if (after >= setting * (1 - 1e-6)) return {};
  best.wait_again(options.cooldown);
  return after;
}

ReduceOnPlateau::ReduceOnPlateau(PlateauOptions options, BestSoFar::Options best, SourcePos where)
    : options_(options), best_(best) {
  check(options_, where);
}

bool ReduceOnPlateau::update(State& state, double value, const std::string& setting,
                             SourcePos where) {
  const double before =
      astype(hyperparameter(state, setting, where), DType::F64).item<double>(where);
  best_.observe(value);
  const std::optional<double> after = reduced(before, best_, options_);
  if (after) set_hyperparameter(state, setting, Arg(*after, where));
  return after.has_value();
}

std::map<std::string, Tensor> ReduceOnPlateau::memory() const {
  return {{"reduce_on_plateau.best", full({}, best_.value(), DType::F64)},
          {"reduce_on_plateau.bad", Tensor(best_.without())},
          {"reduce_on_plateau.cooling", Tensor(best_.cooling())}};
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
  const auto best = at("reduce_on_plateau.best").item<double>(where);
  const auto bad = at("reduce_on_plateau.bad").item<int32_t>(where);
  best_.restore(best, bad, at("reduce_on_plateau.cooling").item<int32_t>(where));
}

}  // namespace gradus::optim
