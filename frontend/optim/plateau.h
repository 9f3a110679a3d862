// Reducing the learning rate when learning stops.
#pragma once

#include <string>

#include <gradus/optim/optimizer.h>

namespace gradus::optim {

struct PlateauOptions {
  double factor = 0.1;
  /// Values in a row without improvement that make a reduction.
  int patience = 10;
  /// An improvement is a value below best - max(|best| · relative, absolute) (above, for larger is
  /// better).
  double relative = 1e-4;
  double absolute = 0;
  /// Values after a reduction that are not counted.
  int cooldown = 0;
  /// The setting is never made smaller than this.
  double min_value = 0;
  bool larger_is_better = false;
  /// What is reduced.
  std::string setting = "learning_rate";
};

/// Watches a value outside compiled code, once an epoch, say:
///
///   optim::ReduceOnPlateau plateau({.factor = 0.1, .patience = 5});
///   if (plateau.update(state, loss)) std::printf("learning rate reduced\n");
///
/// Changes the scalar in the state, so nothing compiles again.
class ReduceOnPlateau {
 public:
  /// ValueError unless 0 < factor < 1, patience >= 1, and all others are at least 0.
  explicit ReduceOnPlateau(PlateauOptions options = {}, SourcePos where = SourcePos::here());

  /// Notes a value; true if it reduced the setting. NaN is no improvement. ValueError if the state
  /// has no such setting.
  bool update(State& state, double value, SourcePos where = SourcePos::here());

  double best() const { return best_; }
  /// Values in a row without improvement.
  int bad() const { return bad_; }

  /// What it remembers, as scalars to be saved beside a model, and back.
  std::map<std::string, Tensor> memory() const;
  void restore(const std::map<std::string, Tensor>& memory, SourcePos where = SourcePos::here());

 private:
  PlateauOptions options_;
  double best_;
  int bad_ = 0;
  int cooling_ = 0;
};

}  // namespace gradus::optim
