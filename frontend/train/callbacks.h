// Callbacks for train::Loop.
#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include <gradus/optim/plateau.h>
#include <gradus/train/loop.h>

namespace gradus::train {

// ---------------------------------------------------------------------------------- while it runs

enum class Drawn : uint8_t { OnTerminals, Always };

/// A bar that shows how far `total` steps have gone; nothing unless `out` is a terminal.
class ProgressBar {
 public:
  ProgressBar(std::string label, int64_t total, std::FILE* out = stdout,
              Drawn drawn = Drawn::OnTerminals);
  /// Leaves an empty line to what is printed next.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// One more step is done. Redraws at most twenty times a second.
  void advance(const std::string& note = {});

 private:
  void draw(const std::string& note) const;

  std::string label_;
  int64_t total_, done_ = 0;
  std::FILE* out_;
  bool visible_;
  std::chrono::steady_clock::time_point begin_, drawn_;
};

/// A ProgressBar for each epoch, with the loss.
CallbackPtr progress_bar(std::FILE* out = stdout, Drawn drawn = Drawn::OnTerminals);

/// Calls `f` after every epoch: prints a line, for example.
CallbackPtr each_epoch(std::function<void(Loop&)> f);

/// The history as a CSV file, written anew after every epoch.
CallbackPtr csv_history(std::string path);

/// The history's metrics as curves in a PNG or SVG file after the last epoch; see save_plot().
CallbackPtr curve_picture(std::string path, std::vector<std::string> metrics, std::string title,
                          std::string y_label);

// ------------------------------------------------------------------------------- the best epoch
// yet

using optim::Direction;

/// Follows a metric of the history. Several callbacks may share one, and then share its count of
/// epochs without improvement; one alone has that for itself.
class Best {
 public:
  struct Options {
    Direction direction = Direction::Higher;
    /// Reaching the best value again counts as an improvement.
    bool ties_count = true;
    /// By how much the best must be exceeded; ties_count has no meaning unless it is 0.
    double margin = 0;
  };

  Best(std::string metric, Options options);

  /// Looks at the last epoch; a second call for the same epoch does nothing.
  void observe(const Loop& loop);
  /// Whether the epoch observed last was an improvement.
  bool is_new() const { return is_new_; }
  /// 0 and NaN before the first.
  int epoch() const { return epoch_; }
  double value() const { return so_far_.value(); }
  /// Epochs since the last improvement, and what makes that begin again.
  int epochs_without() const { return so_far_.without(); }
  optim::BestSoFar& so_far() { return so_far_; }

  std::string remembered() const;
  void restore(const std::string& text);

 private:
  std::string metric_;
  optim::BestSoFar so_far_;
  int epoch_ = 0, observed_ = 0;
  bool is_new_ = false;
};
using BestPtr = std::shared_ptr<Best>;

BestPtr best_of(std::string metric, Best::Options options = {});

/// Stops after so many epochs without improvement.
CallbackPtr early_stopping(BestPtr best, int patience);

/// Stops when a metric is at least (at most, for Direction::Lower) `value`.
CallbackPtr stop_at(std::string metric, double value, Direction direction = Direction::Higher);

/// Reduces a setting, the learning rate as a rule, when there is no improvement, and starts to wait
/// anew (for all that share `best`). `get` reads it and `set` changes it in the state. ValueError
/// for options that optim::check() refuses.
CallbackPtr reduce_on_plateau(BestPtr best, optim::PlateauOptions options,
                              std::function<double()> get, std::function<void(double)> set,
                              SourcePos where = SourcePos::here());

/// After an improvement (ties too, unless `best` says otherwise) calls write(path, facts): "epoch"
/// and every metric of that epoch.
CallbackPtr save_best(BestPtr best, std::string path,
                      std::function<void(const std::string&, const io::Metadata&)> write);
/// The same for a function that returns the tree to be saved by io::save().
template <std::invocable F>
CallbackPtr save_best(BestPtr best, std::string path, F model) {
  return save_best(std::move(best), std::move(path),
                   [model = std::move(model)](const std::string& to, const io::Metadata& facts) {
                     io::save(to, model(), facts);
                   });
}

}  // namespace gradus::train
