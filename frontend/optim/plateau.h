// When a value has stopped improving, and reducing the learning rate then.
#pragma once

#include <limits>
#include <optional>
#include <string>

#include <gradus/optim/optimizer.h>

namespace gradus::optim {

enum class Direction : uint8_t { Higher, Lower };

/// Follows a value that should improve: the best so far, and how long ago that was.
class BestSoFar {
 public:
  struct Options {
    /// Which values are better.
    Direction direction = Direction::Lower;
    /// An improvement exceeds the best by more than max(|best| · relative, absolute) …
    double relative = 0;
    double absolute = 0;
    /// … or, if both are 0, is equal to it.
    bool ties_count = false;
  };

  explicit BestSoFar(Options options) : options_(options) {}

  /// Notes a value; true for an improvement. The first number is one, NaN never is.
  bool observe(double value);

  /// NaN before the first improvement.
  double value() const { return value_; }
  /// Values since the last improvement, or since wait_again().
  int without() const { return waited_ > 0 ? waited_ : 0; }
  /// Values that without() will not count.
  int cooling() const { return waited_ < 0 ? -waited_ : 0; }
  /// Counts from 0 again, after that many values more.
  void wait_again(int cooldown = 0) { waited_ = -cooldown; }

  /// As if it had observed what another has.
  void restore(double value, int without, int cooling = 0);

 private:
  Options options_;
  double value_ = std::numeric_limits<double>::quiet_NaN();
  int waited_ = 0;
};

struct PlateauOptions {
  double factor = 0.1;
  /// Values in a row without improvement that make a reduction.
  int patience = 10;
  /// Values after a reduction that are not counted.
  int cooldown = 0;
  /// The setting is never made smaller than this.
  double min_value = 0;
};

/// ValueError unless 0 < factor < 1, patience >= 1, and all others are at least 0.
void check(const PlateauOptions& options, SourcePos where = SourcePos::here());

/// What a setting is to become after `best` has seen another value: nothing as long as patience
/// lasts, or when the setting is as small as may be. A reduction begins the wait anew.
std::optional<double> reduced(double setting, BestSoFar& best, const PlateauOptions& options);

/// Watches a value outside compiled code, once an epoch, say:
///
///   optim::ReduceOnPlateau plateau({.factor = 0.1, .patience = 5});
///   if (plateau.update(state, loss)) std::printf("learning rate reduced\n");
///
/// Changes the scalar in the state, so nothing compiles again. train::reduce_on_plateau() does the
/// same in a train::Loop.
class ReduceOnPlateau {
 public:
  /// Errors as of check(options).
  explicit ReduceOnPlateau(PlateauOptions options = {},
                           BestSoFar::Options best = {.relative = 1e-4},
                           SourcePos where = SourcePos::here());

  /// Notes a value; true if it reduced the setting. ValueError if the state has no such setting.
  bool update(State& state, double value, const std::string& setting = "learning_rate",
              SourcePos where = SourcePos::here());

  const BestSoFar& best() const { return best_; }

  /// What it remembers, as scalars to be saved beside a model, and back.
  std::map<std::string, Tensor> memory() const;
  void restore(const std::map<std::string, Tensor>& memory, SourcePos where = SourcePos::here());

 private:
  PlateauOptions options_;
  BestSoFar best_;
};

}  // namespace gradus::optim
