#include "frontend/train/callbacks.h"

#include <unistd.h>

#include <cmath>
#include <sstream>

#include <fmt/format.h>

#include "frontend/train/plot.h"
#include "runtime/file.h"

namespace gradus::train {

using Clock = std::chrono::steady_clock;

// ------------------------------------------------------------------------------------ progress bar

ProgressBar::ProgressBar(std::string label, int64_t total, std::FILE* out, Drawn drawn)
    : label_(std::move(label)),
      total_(total),
      out_(out),
      visible_(drawn == Drawn::Always || isatty(fileno(out)) != 0),
      begin_(Clock::now()),
      drawn_(begin_) {}

ProgressBar::~ProgressBar() {
  if (!visible_) return;
  std::fputs("\r\033[K", out_);
  std::fflush(out_);
}

void ProgressBar::advance(const std::string& note) {
  ++done_;
  if (!visible_) return;
  const auto now = Clock::now();
  if (now - drawn_ < std::chrono::milliseconds(50)) return;
  drawn_ = now;
  draw(note);
}

void ProgressBar::draw(const std::string& note) const {
  constexpr int kWidth = 32;
  std::string line = label_;
  if (total_ > 0) {
    const double share = static_cast<double>(done_) / static_cast<double>(total_);
    const int filled = static_cast<int>(std::min(share, 1.0) * kWidth);
    const double seconds = std::chrono::duration<double>(drawn_ - begin_).count();
    line += fmt::format(" [{:#<{}}{:.<{}}] {}/{}  {:.1f} s left", "", filled, "", kWidth - filled,
                        done_, total_, seconds * (1 - share) / share);
  } else {
    line += fmt::format(" {}", done_);
  }
  std::fprintf(out_, "\r%s%s%s\033[K", line.c_str(), note.empty() ? "" : "  ", note.c_str());
  std::fflush(out_);
}

namespace {

class ProgressCallback final : public Callback {
 public:
  ProgressCallback(std::FILE* out, Drawn drawn) : out_(out), drawn_(drawn) {}

  void on_epoch_begin(Loop& loop) override {
    bar_ = std::make_unique<ProgressBar>(fmt::format("epoch {}/{}", loop.epoch(), loop.epochs()),
                                         loop.steps(), out_, drawn_);
  }
  void on_step(Loop& loop) override {
    bar_->advance(std::isnan(loop.loss()) ? "" : fmt::format("loss {:.4f}", loop.loss()));
    if (loop.step() == loop.steps()) bar_.reset();  // measuring may print
  }
  void on_epoch_end(Loop&) override { bar_.reset(); }
  void on_end(Loop&) override { bar_.reset(); }

 private:
  std::FILE* out_;
  Drawn drawn_;
  std::unique_ptr<ProgressBar> bar_;
};

class EachEpoch final : public Callback {
 public:
  explicit EachEpoch(std::function<void(Loop&)> f) : f_(std::move(f)) {}
  void on_epoch_end(Loop& loop) override { f_(loop); }

 private:
  std::function<void(Loop&)> f_;
};

class CurvePicture final : public Callback {
 public:
  CurvePicture(std::string path, std::vector<std::string> metrics, std::string title,
               std::string y_label)
      : path_(std::move(path)),
        metrics_(std::move(metrics)),
        title_(std::move(title)),
        y_label_(std::move(y_label)) {}
  void on_end(Loop& loop) override {
    if (loop.history().empty()) return;
    save_plot(learning_curve(loop.history(), metrics_, title_, y_label_), path_);
  }

 private:
  std::string path_;
  std::vector<std::string> metrics_;
  std::string title_, y_label_;
};

}  // namespace

CallbackPtr progress_bar(std::FILE* out, Drawn drawn) {
  return std::make_shared<ProgressCallback>(out, drawn);
}

CallbackPtr each_epoch(std::function<void(Loop&)> f) {
  return std::make_shared<EachEpoch>(std::move(f));
}

CallbackPtr csv_history(std::string path) {
  return each_epoch([path = std::move(path)](Loop& loop) {
    write_file_atomically(path, loop.history().to_csv());
  });
}

CallbackPtr curve_picture(std::string path, std::vector<std::string> metrics, std::string title,
                          std::string y_label) {
  return std::make_shared<CurvePicture>(std::move(path), std::move(metrics), std::move(title),
                                        std::move(y_label));
}

// ------------------------------------------------------------------------------------ the best yet

Best::Best(std::string metric, Options options)
    : metric_(std::move(metric)),
      so_far_({.direction = options.direction,
               .absolute = options.margin,
               .ties_count = options.ties_count}) {}

void Best::observe(const Loop& loop) {
  const History::Row& row = loop.history().last();
  if (row.epoch == observed_) return;
  observed_ = row.epoch;
  is_new_ = so_far_.observe(row[metric_]);
  if (is_new_) epoch_ = row.epoch;
}

std::string Best::remembered() const {
  const int waited = so_far_.without() - so_far_.cooling();
  return fmt::format("{} {} {} {}", so_far_.value(), epoch_, observed_, observed_ - waited);
}

void Best::restore(const std::string& text) {
  std::istringstream in(text);
  std::string value;
  int since = 0;
  in >> value >> epoch_ >> observed_ >> since;
  if (!in) {
    throw DataError({.op = "train",
                     .what = fmt::format("a checkpoint's record of the best epoch is broken; got "
                                         "'{}'",
                                         text),
                     .remedy = "delete the checkpoint"});
  }
  const int waited = observed_ - since;
  so_far_.restore(std::strtod(value.c_str(), nullptr), waited, -waited);
  is_new_ = epoch_ == observed_;
}

BestPtr best_of(std::string metric, Best::Options options) {
  return std::make_shared<Best>(std::move(metric), options);
}

namespace {

/// Does something after every epoch, knowing whether it was the best.
class WithBest : public Callback {
 public:
  explicit WithBest(BestPtr best) : best_(std::move(best)) {}
  void on_epoch_end(Loop& loop) final {
    best_->observe(loop);
    react(loop);
  }
  std::string remembered() const final { return best_->remembered(); }
  void restore(const std::string& text) final { best_->restore(text); }

 protected:
  virtual void react(Loop& loop) = 0;
  BestPtr best_;
};

class EarlyStopping final : public WithBest {
 public:
  EarlyStopping(BestPtr best, int patience) : WithBest(std::move(best)), patience_(patience) {}
  void react(Loop& loop) override {
    if (best_->epochs_without() < patience_) return;
    loop.stop(fmt::format("no improvement for {} epochs", patience_));
  }

 private:
  int patience_;
};

class ReduceOnPlateau final : public WithBest {
 public:
  ReduceOnPlateau(BestPtr best, optim::PlateauOptions options, std::function<double()> get,
                  std::function<void(double)> set)
      : WithBest(std::move(best)), options_(options), get_(std::move(get)), set_(std::move(set)) {}
  void react(Loop&) override {
    const auto value = optim::reduced(get_(), best_->so_far(), options_);
    if (value) set_(*value);
  }

 private:
  optim::PlateauOptions options_;
  std::function<double()> get_;
  std::function<void(double)> set_;
};

class SaveBest final : public WithBest {
 public:
  using Write = std::function<void(const std::string&, const io::Metadata&)>;

  SaveBest(BestPtr best, std::string path, Write write)
      : WithBest(std::move(best)), path_(std::move(path)), write_(std::move(write)) {}
  void react(Loop& loop) override {
    if (!best_->is_new()) return;
    io::Metadata facts = {{"epoch", loop.epoch()}};
    for (const auto& [name, value] : loop.history().last().metrics)
      facts.set(name, value);
    write_(path_, facts);
  }

 private:
  std::string path_;
  Write write_;
};

}  // namespace

CallbackPtr early_stopping(BestPtr best, int patience) {
  return std::make_shared<EarlyStopping>(std::move(best), patience);
}

CallbackPtr stop_at(std::string metric, double value, Direction direction) {
  return each_epoch([=](Loop& loop) {
    const double reached = loop.history().last()[metric];
    const bool is_there = direction == Direction::Higher ? reached >= value : reached <= value;
    if (is_there) loop.stop(fmt::format("{} has reached {}", metric, reached));
  });
}

CallbackPtr reduce_on_plateau(BestPtr best, optim::PlateauOptions options,
                              std::function<double()> get, std::function<void(double)> set,
                              SourcePos where) {
  optim::check(options, where);
  return std::make_shared<ReduceOnPlateau>(std::move(best), options, std::move(get),
                                           std::move(set));
}

CallbackPtr save_best(BestPtr best, std::string path,
                      std::function<void(const std::string&, const io::Metadata&)> write) {
  return std::make_shared<SaveBest>(std::move(best), std::move(path), std::move(write));
}

}  // namespace gradus::train
