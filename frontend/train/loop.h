// The loop of a training: epochs of steps, with callbacks around them.
//
//     auto best = train::best_of("test_accuracy");
//     train::Loop loop({.epochs = 20, .checkpoint = "run.safetensors"},
//                      {train::progress_bar(),
//                       train::save_best(best, "best.safetensors", [&] { return state.params; }),
//                       train::early_stopping(best, 10)});
//     loop.run(state, batches, step, measure);
//
// The state is any tree: parameters, optimiser state, random key, … `batches.epoch(e)` walks the
// batches of epoch e (from 0) and depends on e alone, as data::Batches does.
// `step(state, batch)` returns the next state and the batch's loss (a scalar f32), or the next
// state alone, and `measure(state)` the Metrics of an epoch.
//
// With a checkpoint, the whole state, the history and what callbacks remember are written after
// every epoch, atomically; a loop that finds the file goes on behind it and ends in the same bits
// as one that was never stopped, be it by kill -9.
//
// A NaN in a loss or in the state ends the training with a NanError that names the op that made the
// first one: the epoch is run again from its beginning under the option nan_check.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gradus/io/save.h>
#include <gradus/pytree.h>
#include <gradus/train/history.h>

namespace gradus::train {

class Loop;

/// Something that happens around the steps. Callbacks run in the order in which the loop got them.
class Callback {
 public:
  virtual ~Callback() = default;

  virtual void on_epoch_begin(Loop&) {}
  virtual void on_step(Loop&) {}
  /// The epoch's row is in the history.
  virtual void on_epoch_end(Loop&) {}
  /// After the last epoch, also when the training ends by an exception.
  virtual void on_end(Loop&) {}

  /// What it must know to go on behind a checkpoint, as one text; restore() gets it back.
  virtual std::string remembered() const { return {}; }
  virtual void restore(const std::string& /*text*/) {}
};
using CallbackPtr = std::shared_ptr<Callback>;

struct LoopOptions {
  int epochs = 1;
  /// A file to go on from, and to write after every epoch; empty: none.
  std::string checkpoint = {};
  /// End with an error at the first NaN.
  bool stop_at_nan = true;
};

namespace detail {

/// The typed half of a loop.
class Driver {
 public:
  virtual TreeRef state() = 0;
  /// Starts the walk over an epoch's batches; their number, or -1.
  virtual int64_t begin(int epoch) = 0;
  /// The next batch: false behind the last. Leaves `loss` alone if the step has none.
  virtual bool step(double& loss) = 0;
  virtual bool has_loss() const = 0;
  virtual Metrics measure() = 0;
  /// Remembers the state, and goes back to what was remembered.
  virtual void keep() = 0;
  virtual void go_back() = 0;
  /// Writes and reads the state.
  virtual void save(const std::string& path, const io::Metadata& facts, SourcePos where) = 0;
  virtual void load(const io::Archive& file, SourcePos where) = 0;

 protected:
  ~Driver() = default;
};

}  // namespace detail

class Loop {
 public:
  explicit Loop(LoopOptions options, std::vector<CallbackPtr> callbacks = {});
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Trains. Each epoch adds a row to the history: "seconds" (of its steps), "loss" (their mean, if
  /// there is one), and what `measure` returns. Throws ValueError if there are no batches,
  /// NanError, DataError for a checkpoint that does not fit or cannot be written, and what the
  /// functions throw; the state is then that of the epoch's beginning.
  template <class State, class Batches, class Step, class Measure>
  void run(State& state, const Batches& batches, Step&& step, Measure&& measure,
           SourcePos where = SourcePos::here());
  template <class State, class Batches, class Step>
  void run(State& state, const Batches& batches, Step&& step, SourcePos where = SourcePos::here()) {
    run(
        state, batches, std::forward<Step>(step), [](const State&) { return Metrics(); }, where);
  }

  /// The epoch under way, or the last one; from 1. 0 before the first.
  int epoch() const { return epoch_; }
  int epochs() const { return options_.epochs; }
  /// Steps done of the epoch, and how many there are (-1: not known).
  int64_t step() const { return step_; }
  int64_t steps() const { return steps_; }
  /// Of the last step; NaN if steps return none.
  double loss() const { return loss_; }
  const History& history() const { return history_; }
  /// Seconds since the epoch began.
  double seconds() const;

  /// No epoch after this one. The reason is kept.
  void stop(std::string reason) { stop_reason_ = std::move(reason); }
  bool is_stopped() const { return !stop_reason_.empty(); }
  const std::string& stop_reason() const { return stop_reason_; }
  /// How many epochs were taken over from a checkpoint.
  int resumed_epochs() const { return resumed_epochs_; }

 private:
  void run(detail::Driver& driver, SourcePos where);
  void run_epoch(detail::Driver& driver, SourcePos where);
  void resume(detail::Driver& driver, SourcePos where);
  void write_checkpoint(detail::Driver& driver, SourcePos where);
  void require_numbers(detail::Driver& driver, SourcePos where);
  [[noreturn]] void explain_nan(detail::Driver& driver, std::string what, SourcePos where);

  LoopOptions options_;
  std::vector<CallbackPtr> callbacks_;
  History history_;
  std::string stop_reason_;
  int epoch_ = 0, resumed_epochs_ = 0;
  int64_t step_ = 0, steps_ = -1;
  double loss_ = std::numeric_limits<double>::quiet_NaN(), loss_sum_ = 0;
  std::chrono::steady_clock::time_point begin_;
};

// ---------------------------------------------------------------------------------- the typed half

namespace detail {

template <class State, class Batches, class Step, class Measure>
class TypedDriver final : public Driver {
 public:
  TypedDriver(State& state, const Batches& batches, Step& step, Measure& measure)
      : state_(state), batches_(batches), step_(step), measure_(measure) {}

  TreeRef state() override { return gradus::detail::tree_ref(state_); }
  int64_t begin(int epoch) override {
    walk_ = std::make_unique<Walk>(batches_.epoch(epoch));
    if constexpr (requires { batches_.batches(); }) {
      return static_cast<int64_t>(batches_.batches());
    } else {
      return -1;
    }
  }
  bool step(double& loss) override {
    if (walk_->at == walk_->range.end()) {
      walk_.reset();
      return false;
    }
    if constexpr (kHasLoss) {
      auto [next, value] = step_(std::move(state_), *walk_->at);
      state_ = std::move(next);
      loss = value.template item<float>();
    } else {
      state_ = step_(std::move(state_), *walk_->at);
    }
    ++walk_->at;
    return true;
  }
  bool has_loss() const override { return kHasLoss; }
  Metrics measure() override { return measure_(std::as_const(state_)); }
  void keep() override { kept_ = state_; }
  void go_back() override { state_ = kept_; }
  void save(const std::string& path, const io::Metadata& facts, SourcePos where) override {
    io::save(path, state_, facts, where);
  }
  void load(const io::Archive& file, SourcePos where) override {
    state_ = file.load(state_, {}, where);
  }

 private:
  using Range = decltype(std::declval<const Batches&>().epoch(0));
  using Stepped = std::invoke_result_t<Step&, State, decltype(*std::declval<Range&>().begin())>;
  static constexpr bool kHasLoss = !std::same_as<std::remove_cvref_t<Stepped>, State>;
  struct Walk {
    explicit Walk(Range r) : range(std::move(r)), at(range.begin()) {}
    Range range;
    decltype(std::declval<Range&>().begin()) at;
  };

  State& state_;
  const Batches& batches_;
  Step& step_;
  Measure& measure_;
  State kept_;
  std::unique_ptr<Walk> walk_;
};

}  // namespace detail

template <class State, class Batches, class Step, class Measure>
void Loop::run(State& state, const Batches& batches, Step&& step, Measure&& measure,
               SourcePos where) {
  detail::TypedDriver<State, Batches, Step, Measure> driver(state, batches, step, measure);
  run(static_cast<detail::Driver&>(driver), where);
}

}  // namespace gradus::train
