// The usual schedules.
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "frontend/ops.h"
#include "frontend/optim/schedule.h"

namespace gradus::optim {
namespace {

void require(bool holds, const char* schedule, std::string what, SourcePos where,
             const char* remedy) {
  if (!holds) throw ValueError(Message{schedule, std::move(what), where, remedy});
}

void require_length(int64_t steps, const char* schedule, const char* name, SourcePos where) {
  require(steps > 0, schedule, fmt::format("{} must be positive; got {}", name, steps), where,
          "count in updates: epochs times batches");
}

Tensor real(const Tensor& step) {
  return astype(step, DType::F64);
}

/// The factor of the way from begin to begin + steps, between 0 and 1.
Tensor progress(const Tensor& step, int64_t begin, int64_t steps) {
  return clamp(real(step) - static_cast<double>(begin), 0, static_cast<double>(steps)) /
         static_cast<double>(steps);
}

Tensor interpolated(const Tensor& way, double from, double to, bool cosine) {
  if (cosine) return to + (from - to) / 2 * (cos(M_PI * way) + 1);
  return from + (to - from) * way;
}

/// From value to value between corners (step, value), then constant.
Schedule through(std::vector<std::pair<int64_t, double>> corners, bool cosine, std::string text) {
  return Schedule(
      [corners, cosine](const Tensor& step) {
        Tensor value = full({}, corners.back().second, DType::F64);
        for (size_t i = corners.size() - 1; i-- > 0;) {
          const auto [begin, from] = corners[i];
          const auto [end, to] = corners[i + 1];
          if (begin == end) continue;
          const Tensor inside = interpolated(progress(step, begin, end - begin), from, to, cosine);
          value = where(step < end, inside, value);
        }
        return value;
      },
      std::move(text));
}

}  // namespace

Schedule constant_schedule(double value) {
  return Schedule([value](const Tensor&) { return full({}, value, DType::F64); },
                  fmt::format("{}", value));
}

Schedule polynomial_schedule(double init_value, double end_value, double power,
                             int64_t transition_steps, int64_t transition_begin, SourcePos where) {
  require_length(transition_steps, "polynomial_schedule", "transition_steps", where);
  return Schedule(
      [=](const Tensor& step) {
        const Tensor left = 1 - progress(step, transition_begin, transition_steps);
        return end_value + (init_value - end_value) * (power == 1 ? left : pow(left, power));
      },
      fmt::format("polynomial_schedule(init_value={}, end_value={}, power={}, "
                  "transition_steps={}, transition_begin={})",
                  init_value, end_value, power, transition_steps, transition_begin));
}

Schedule linear_schedule(double init_value, double end_value, int64_t transition_steps,
                         int64_t transition_begin, SourcePos where) {
  require_length(transition_steps, "linear_schedule", "transition_steps", where);
  return Schedule(
      [=](const Tensor& step) {
        return interpolated(progress(step, transition_begin, transition_steps), init_value,
                            end_value, false);
      },
      fmt::format("linear_schedule(init_value={}, end_value={}, transition_steps={}, "
                  "transition_begin={})",
                  init_value, end_value, transition_steps, transition_begin));
}

Schedule exponential_decay(double init_value, int64_t transition_steps, double decay_rate,
                           ExponentialOptions options, SourcePos where) {
  require_length(transition_steps, "exponential_decay", "transition_steps", where);
  require(decay_rate > 0, "exponential_decay",
          fmt::format("decay_rate must be positive; got {}", decay_rate), where,
          "use a number just below 1");
  return Schedule(
      [=](const Tensor& step) {
        const Tensor after = maximum(real(step) - static_cast<double>(options.transition_begin), 0);
        Tensor power = after / static_cast<double>(transition_steps);
        if (options.staircase) power = floor(power);
        const Tensor value = init_value * exp(std::log(decay_rate) * power);
        if (!options.end_value) return value;
        return decay_rate < 1 ? maximum(value, *options.end_value)
                              : minimum(value, *options.end_value);
      },
      fmt::format("exponential_decay(init_value={}, transition_steps={}, decay_rate={}{}{}{})",
                  init_value, transition_steps, decay_rate,
                  options.transition_begin
                      ? fmt::format(", transition_begin={}", options.transition_begin)
                      : "",
                  options.staircase ? ", staircase=true" : "",
                  options.end_value ? fmt::format(", end_value={}", *options.end_value) : ""));
}

Schedule step_schedule(double init_value, int64_t step_size, double gamma, SourcePos where) {
  require_length(step_size, "step_schedule", "step_size", where);
  return exponential_decay(init_value, step_size, gamma, {.staircase = true}, where);
}

Schedule cosine_decay_schedule(double init_value, int64_t decay_steps, double alpha,
                               double exponent, SourcePos where) {
  require_length(decay_steps, "cosine_decay_schedule", "decay_steps", where);
  return Schedule(
      [=](const Tensor& step) {
        const Tensor wave = 0.5 * (1 + cos(M_PI * progress(step, 0, decay_steps)));
        return init_value * ((1 - alpha) * (exponent == 1 ? wave : pow(wave, exponent)) + alpha);
      },
      fmt::format("cosine_decay_schedule(init_value={}, decay_steps={}, alpha={}, exponent={})",
                  init_value, decay_steps, alpha, exponent));
}

Schedule piecewise_constant_schedule(double init_value,
                                     std::map<int64_t, double> boundaries_and_scales,
                                     SourcePos where) {
  std::string text = fmt::format("piecewise_constant_schedule(init_value={}", init_value);
  for (const auto& [boundary, scale] : boundaries_and_scales) {
    require(scale >= 0, "piecewise_constant_schedule",
            fmt::format("scales must not be negative; got {}", scale), where,
            "give factors of the value before");
    text += fmt::format(", {}: {}", boundary, scale);
  }
  return Schedule(
      [init_value, boundaries_and_scales](const Tensor& step) {
        Tensor value = full({}, init_value, DType::F64);
        double level = init_value;
        for (const auto& [boundary, scale] : boundaries_and_scales) {
          level *= scale;
          value = gradus::where(step < boundary, value, level);
        }
        return value;
      },
      text + ")");
}

Schedule linear_onecycle_schedule(int64_t transition_steps, double peak_value,
                                  OneCycleOptions options, SourcePos where) {
  require_length(transition_steps, "linear_onecycle_schedule", "transition_steps", where);
  const auto at = [&](double part) {
    return static_cast<int64_t>(part * static_cast<double>(transition_steps));
  };
  const double low = peak_value / options.div_factor;
  return through({{0, low},
                  {at(options.pct_start), peak_value},
                  {at(options.pct_final), low},
                  {transition_steps, low / options.final_div_factor}},
                 false,
                 fmt::format("linear_onecycle_schedule(transition_steps={}, peak_value={}, "
                             "pct_start={}, pct_final={}, div_factor={}, final_div_factor={})",
                             transition_steps, peak_value, options.pct_start, options.pct_final,
                             options.div_factor, options.final_div_factor));
}

Schedule cosine_onecycle_schedule(int64_t transition_steps, double peak_value,
                                  OneCycleOptions options, SourcePos where) {
  require_length(transition_steps, "cosine_onecycle_schedule", "transition_steps", where);
  const auto top = static_cast<int64_t>(options.pct_start * static_cast<double>(transition_steps));
  const double low = peak_value / options.div_factor;
  return through(
      {{0, low}, {top, peak_value}, {transition_steps, low / options.final_div_factor}}, true,
      fmt::format("cosine_onecycle_schedule(transition_steps={}, peak_value={}, pct_start={}, "
                  "div_factor={}, final_div_factor={})",
                  transition_steps, peak_value, options.pct_start, options.div_factor,
                  options.final_div_factor));
}

Schedule warmup_constant_schedule(double init_value, double peak_value, int64_t warmup_steps,
                                  SourcePos where) {
  return linear_schedule(init_value, peak_value, warmup_steps, 0, where);
}

Schedule warmup_cosine_decay_schedule(double init_value, double peak_value, int64_t warmup_steps,
                                      int64_t decay_steps, double end_value, double exponent,
                                      SourcePos where) {
  const double alpha = peak_value == 0 ? 0 : end_value / peak_value;
  return join_schedules(
      {linear_schedule(init_value, peak_value, warmup_steps, 0, where),
       cosine_decay_schedule(peak_value, decay_steps - warmup_steps, alpha, exponent, where)},
      {warmup_steps}, where);
}

Schedule warmup_exponential_decay_schedule(double init_value, double peak_value,
                                           int64_t warmup_steps, int64_t transition_steps,
                                           double decay_rate, ExponentialOptions options,
                                           SourcePos where) {
  return join_schedules(
      {linear_schedule(init_value, peak_value, warmup_steps, 0, where),
       exponential_decay(peak_value, transition_steps, decay_rate, options, where)},
      {warmup_steps}, where);
}

Schedule join_schedules(std::vector<Schedule> schedules, std::vector<int64_t> boundaries,
                        SourcePos where) {
  require(!schedules.empty() && boundaries.size() + 1 == schedules.size(), "join_schedules",
          fmt::format("got {} schedules and {} boundaries", schedules.size(), boundaries.size()),
          where, "give one boundary less than schedules");
  for (size_t i = 1; i < boundaries.size(); ++i) {
    require(boundaries[i - 1] < boundaries[i], "join_schedules",
            fmt::format("boundaries must increase; got {}", fmt::join(boundaries, ", ")), where,
            "sort them");
  }
  std::string text = "join_schedules(" + schedules[0].to_string();
  for (size_t i = 0; i < boundaries.size(); ++i)
    text += fmt::format(", {}: {}", boundaries[i], schedules[i + 1].to_string());
  return Schedule(
      [schedules, boundaries](const Tensor& step) {
        Tensor value = schedules[0](step);
        for (size_t i = 0; i < boundaries.size(); ++i) {
          const Tensor own = step - static_cast<int32_t>(boundaries[i]);
          value = gradus::where(own < 0, value, schedules[i + 1](own));
        }
        return value;
      },
      text + ")");
}

}  // namespace gradus::optim
