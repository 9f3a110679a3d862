// Schedules: settings that follow the number of updates.
#pragma once

#include <concepts>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gradus/tensor.h>

namespace gradus::optim {

/// A setting of an optimiser: a number, which then stands in the optimiser's state and can be
/// changed between updates, or a function of the number of updates so far (i32[], 0 at the first
/// update), which is computed inside the compiled step. A value: copy it freely.
class Schedule {
 public:
  template <Number T>
  Schedule(T value) : constant_(static_cast<double>(value)) {}
  /// `f` takes and returns scalar tensors; `text` is what printing an optimiser shows for it.
  template <class F>
  requires(std::is_invocable_r_v<Tensor, const F&, const Tensor&> && !Number<F> &&
           !std::same_as<F, Schedule>) Schedule(F f, std::string text = "schedule")
      : function_(std::move(f)), text_(std::move(text)) {}

  /// The number, unless this is a function.
  std::optional<double> constant() const {
    return function_ ? std::nullopt : std::optional(constant_);
  }
  /// The value (f64[]) after `step` updates.
  Tensor operator()(const Tensor& step) const;
  /// The same outside a trace, as a C++ number.
  double at(int64_t step) const;

  /// "0.01", or "cosine_decay(init_value=0.1, decay_steps=1000, alpha=0)".
  std::string to_string() const;

 private:
  double constant_ = 0;
  std::function<Tensor(const Tensor&)> function_;
  std::string text_;
};

// The usual ones, with Optax's names and definitions; t is the number of updates so far. Steps are
// counted in updates: an epoch has as many as it has batches. Lengths that are not positive, and
// negative scales, are ValueErrors.

/// The same for ever, and not to be changed through the state.
Schedule constant_schedule(double value);

/// From init_value to end_value in transition_steps after transition_begin: end + (init - end) · (1
/// - t / steps)^power.
Schedule polynomial_schedule(double init_value, double end_value, double power,
                             int64_t transition_steps, int64_t transition_begin = 0,
                             SourcePos where = SourcePos::here());
Schedule linear_schedule(double init_value, double end_value, int64_t transition_steps,
                         int64_t transition_begin = 0, SourcePos where = SourcePos::here());

struct ExponentialOptions {
  int64_t transition_begin = 0;
  /// t / steps rounded down: a stair.
  bool staircase = false;
  /// Where it stops.
  std::optional<double> end_value = {};
};
/// init_value · decay_rate^(t / transition_steps).
Schedule exponential_decay(double init_value, int64_t transition_steps, double decay_rate,
                           ExponentialOptions options = {}, SourcePos where = SourcePos::here());
/// init_value · gamma^⌊t / step_size⌋ (PyTorch's StepLR).
Schedule step_schedule(double init_value, int64_t step_size, double gamma = 0.1,
                       SourcePos where = SourcePos::here());

/// init_value · ((1 - alpha) · ((1 + cos(π t / decay_steps)) / 2)^exponent + alpha), at the end
/// alpha · init_value (Loshchilov and Hutter 2016, arXiv:1608.03983).
Schedule cosine_decay_schedule(double init_value, int64_t decay_steps, double alpha = 0,
                               double exponent = 1, SourcePos where = SourcePos::here());

/// init_value, times the scale at each boundary from that step on.
Schedule piecewise_constant_schedule(double init_value,
                                     std::map<int64_t, double> boundaries_and_scales,
                                     SourcePos where = SourcePos::here());

/// Up to peak_value and down again (Smith and Topin 2017, arXiv:1708.07120): from peak /
/// div_factor, straight or as cosines; the straight one reaches its beginning at pct_final and then
/// falls by final_div_factor, the other falls to peak / (div_factor · final_div_factor).
struct OneCycleOptions {
  double pct_start = 0.3;
  double pct_final = 0.85;
  double div_factor = 25;
  double final_div_factor = 1e4;
};
Schedule linear_onecycle_schedule(int64_t transition_steps, double peak_value,
                                  OneCycleOptions options = {},
                                  SourcePos where = SourcePos::here());
Schedule cosine_onecycle_schedule(int64_t transition_steps, double peak_value,
                                  OneCycleOptions options = {},
                                  SourcePos where = SourcePos::here());

/// Straight from init_value to peak_value in warmup_steps, then peak_value.
Schedule warmup_constant_schedule(double init_value, double peak_value, int64_t warmup_steps,
                                  SourcePos where = SourcePos::here());
/// The same, then a cosine to end_value; decay_steps counts both parts.
Schedule warmup_cosine_decay_schedule(double init_value, double peak_value, int64_t warmup_steps,
                                      int64_t decay_steps, double end_value = 0,
                                      double exponent = 1, SourcePos where = SourcePos::here());
/// The same, then exponential_decay.
Schedule warmup_exponential_decay_schedule(double init_value, double peak_value,
                                           int64_t warmup_steps, int64_t transition_steps,
                                           double decay_rate, ExponentialOptions options = {},
                                           SourcePos where = SourcePos::here());

/// One schedule after another, each from its boundary, where its own count begins at 0. There is
/// one boundary less than schedules; they increase.
Schedule join_schedules(std::vector<Schedule> schedules, std::vector<int64_t> boundaries,
                        SourcePos where = SourcePos::here());

}  // namespace gradus::optim
