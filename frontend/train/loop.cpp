#include "frontend/train/loop.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <filesystem>

#include <fmt/format.h>

#include "runtime/log.h"
#include "runtime/options.h"

namespace gradus::train {
namespace {

template <class T>
bool holds_nan(const Tensor& x) {
  return std::ranges::any_of(x.data<T>(), [](T v) { return std::isnan(v); });
}

bool holds_nan(const Tensor& x) {
  if (x.dtype() == DType::F32) return holds_nan<float>(x);
  if (x.dtype() == DType::F64) return holds_nan<double>(x);
  return false;
}

}  // namespace

Loop::Loop(LoopOptions options, std::vector<CallbackPtr> callbacks)
    : options_(std::move(options)), callbacks_(std::move(callbacks)) {}
Loop::~Loop() = default;

double Loop::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

void Loop::run(detail::Driver& driver, SourcePos where) {
  if (!options_.checkpoint.empty() && std::filesystem::exists(options_.checkpoint)) {
    resume(driver, where);
  }
  try {
    while (epoch_ < options_.epochs && !is_stopped()) {
      driver.keep();
      run_epoch(driver, where);
    }
  } catch (...) {
    driver.go_back();
    for (const CallbackPtr& callback : callbacks_) {
      try {
        callback->on_end(*this);
      } catch (const std::exception& e) {
        GRADUS_LOG(Error, "{}", e.what());  // what ended the training is what the caller must see
      }
    }
    throw;
  }
  for (const CallbackPtr& callback : callbacks_)
    callback->on_end(*this);
}

void Loop::run_epoch(detail::Driver& driver, SourcePos where) {
  ++epoch_;
  steps_ = driver.begin(epoch_ - 1);
  step_ = 0;
  loss_sum_ = 0;
  begin_ = std::chrono::steady_clock::now();
  for (const CallbackPtr& callback : callbacks_)
    callback->on_epoch_begin(*this);
  while (driver.step(loss_)) {
    ++step_;
    loss_sum_ += loss_;
    if (options_.stop_at_nan && driver.has_loss() && std::isnan(loss_)) {
      explain_nan(driver, fmt::format("the loss of step {} of epoch {} is a NaN", step_, epoch_),
                  where);
    }
    for (const CallbackPtr& callback : callbacks_)
      callback->on_step(*this);
  }
  if (step_ == 0) {
    throw ValueError(
        {.op = "train",
         .what = fmt::format("epoch {} has no batches; got 0, expected 1 or more", epoch_),
         .where = where,
         .remedy = "check the data set and the size of a batch"});
  }
  const double taken = seconds();
  if (options_.stop_at_nan) require_numbers(driver, where);
  History::Row row{epoch_, {{"seconds", taken}}};
  if (driver.has_loss()) {
    row.metrics.emplace_back("loss", loss_sum_ / static_cast<double>(step_));
  }
  for (auto& metric : driver.measure())
    row.metrics.push_back(std::move(metric));
  history_.add(std::move(row));
  for (const CallbackPtr& callback : callbacks_)
    callback->on_epoch_end(*this);
  if (!options_.checkpoint.empty()) write_checkpoint(driver, where);
}

void Loop::require_numbers(detail::Driver& driver, SourcePos where) {
  const auto leaves = gradus::detail::leaves_of(driver.state());
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (!holds_nan(*leaves[i])) continue;
    const auto paths = gradus::detail::paths_of(driver.state());
    explain_nan(driver, fmt::format("{} holds a NaN after epoch {}", paths[i], epoch_), where);
  }
}

void Loop::explain_nan(detail::Driver& driver, std::string what, SourcePos where) {
  std::string cause = "run again op by op, the epoch brings up none";
  SourcePos line = where;
  std::string remedy = "check that the steps of an epoch depend on nothing but state and batch";
  const int64_t last = step_;
  try {
    Options checked = options();
    checked.nan_check = true;
    const ScopedOptions scope(checked);
    driver.go_back();
    driver.begin(epoch_ - 1);
    double loss = 0;
    for (step_ = 0; step_ < last && driver.step(loss);)
      ++step_;
  } catch (const NanError& e) {
    cause =
        fmt::format("step {}, run op by op: [{}] {}", step_ + 1, e.message().op, e.message().what);
    if (e.message().where) line = e.message().where;
    remedy = e.message().remedy;
  }
  throw NanError({.op = "train",
                  .what = fmt::format("{}; {}", what, cause),
                  .where = line,
                  .remedy = std::move(remedy)});
}

// --------------------------------------------------------------------------------------
// checkpoints

void Loop::write_checkpoint(detail::Driver& driver, SourcePos where) {
  io::Metadata facts = {{"epoch", epoch_},
                        {"history", history_.to_csv()},
                        {"stop_reason", stop_reason_},
                        {"callbacks", callbacks_.size()}};
  for (size_t i = 0; i < callbacks_.size(); ++i)
    facts.set(fmt::format("callback.{}", i), callbacks_[i]->remembered());
  driver.save(options_.checkpoint, facts, where);
}

void Loop::resume(detail::Driver& driver, SourcePos where) {
  const auto fail = [&](const std::string& what) {
    throw DataError({.op = "train",
                     .what = fmt::format("the checkpoint {} does not fit this training: {}",
                                         options_.checkpoint, what),
                     .where = where,
                     .remedy = "delete it to start anew"});
  };
  const io::Archive file(options_.checkpoint, {}, where);
  const io::Metadata& facts = file.metadata();
  History history = History::from_csv(facts.text("history", where));
  if (history.empty() || history.last().epoch != facts.integer("epoch", where)) {
    fail("its history does not end with its epoch");
  }
  const auto callbacks = facts.integer("callbacks", where);
  if (callbacks != static_cast<int64_t>(callbacks_.size())) {
    fail(
        fmt::format("it was written with {} callbacks, here are {}", callbacks, callbacks_.size()));
  }
  driver.load(file, where);
  for (size_t i = 0; i < callbacks_.size(); ++i)
    callbacks_[i]->restore(facts.text(fmt::format("callback.{}", i), where));
  history_ = std::move(history);
  epoch_ = resumed_epochs_ = history_.last().epoch;
  stop_reason_ = facts.text("stop_reason", where);
}

}  // namespace gradus::train
