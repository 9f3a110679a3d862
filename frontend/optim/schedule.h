// Schedules: settings that follow the number of updates.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <utility>

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

}  // namespace gradus::optim
