#include <pty.h>
#include <unistd.h>
#include <catch2/catch_test_macros.hpp>

#include <gradus/train/metrics.h>

#include "runtime/file.h"
#include "tests/runtime/temporary_folder.h"
#include "tests/train/fit.h"

using namespace gradus;
using namespace gradus::test;

namespace {

/// A training whose metric "score" takes these values, one for each epoch.
train::Loop& run_scores(train::Loop& loop, const std::vector<double>& scores, Fit& fit) {
  size_t next = static_cast<size_t>(loop.epoch());
  loop.run(fit, points(), jitted_fit_step, [&](const Fit&) {
    return train::Metrics{{"score", scores.at(next++)}};
  });
  return loop;
}

int epochs_until_stop(const std::vector<double>& scores, train::BestPtr best, int patience) {
  train::Loop loop({.epochs = static_cast<int>(scores.size())},
                   {train::early_stopping(std::move(best), patience)});
  Fit fit = Fit::start();
  return run_scores(loop, scores, fit).epoch();
}

}  // namespace

TEST_CASE("early stopping counts epochs without improvement") {
  const auto best = train::best_of("score");
  CHECK(epochs_until_stop({1, 2, 2, 1, 1, 1, 9}, best, 3) == 6);  // the tie in epoch 3 counts
  CHECK(best->epoch() == 3);
  CHECK(best->value() == 2);
  CHECK(epochs_until_stop({1, 2, 2, 1, 1, 1, 9}, train::best_of("score", {.ties_count = false}),
                          3) == 5);
  CHECK(epochs_until_stop({3, 2, 1, 2, 2, 2},
                          train::best_of("score", {.direction = train::Direction::Lower}), 2) == 5);
  CHECK(epochs_until_stop({1, 1.05, 1.1, 1.15}, train::best_of("score", {.margin = 0.2}), 3) == 4);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(epochs_until_stop({nan, 1, nan, nan, 2}, train::best_of("score"), 2) == 4);
}

TEST_CASE("stop_at ends a training that is good enough") {
  train::Loop loop({.epochs = 5}, {train::stop_at("score", 0.999)});
  Fit fit = Fit::start();
  run_scores(loop, {0.1, 0.9985, 0.999, 1, 1}, fit);
  CHECK(loop.epoch() == 3);
  CHECK(loop.stop_reason() == "score has reached 0.999");
}

TEST_CASE("a plateau lowers the learning rate, which compiles nothing again") {
  Fit fit = Fit::start(0.1f);
  std::vector<double> rates;
  const auto best = train::best_of("score");
  train::Loop loop(
      {.epochs = 11},
      {train::reduce_on_plateau(
           best, {.factor = 0.1, .patience = 2, .min_value = 1e-3},
           [&] { return fit.rate.item<float>(); },
           [&](double rate) { fit.rate = Tensor(static_cast<float>(rate)); }),
       train::each_epoch([&](train::Loop&) { rates.push_back(fit.rate.item<float>()); })});
  const auto step = jit(fit_step, "step");
  loop.run(fit, points(), step, [&](const Fit&) { return train::Metrics{{"score", 1.0}}; });
  for (const double rate : rates)
    CHECK(rate == 0.1f);  // ties count
  CHECK(step.compilations() == 1);

  rates.clear();
  train::Loop falling(
      {.epochs = 9},
      {train::reduce_on_plateau(
           train::best_of("score", {.ties_count = false}),
           {.factor = 0.1, .patience = 2, .min_value = 2e-3},
           [&] { return fit.rate.item<float>(); },
           [&](double rate) { fit.rate = Tensor(static_cast<float>(rate)); }),
       train::each_epoch([&](train::Loop&) { rates.push_back(fit.rate.item<float>()); })});
  falling.run(fit, points(), step, [&](const Fit&) { return train::Metrics{{"score", 1.0}}; });
  const std::vector<float> expected = {0.1f, 0.1f, 1e-2f, 1e-2f, 2e-3f, 2e-3f, 2e-3f, 2e-3f, 2e-3f};
  for (size_t i = 0; i < expected.size(); ++i)
    CHECK(std::abs(rates[i] - expected[i]) < 1e-6f * expected[i] + 1e-9f);
  CHECK(step.compilations() == 1);
}

TEST_CASE("callbacks that share a Best share its count, as in Flux's model zoo") {
  // Lowered after 2 epochs without improvement while above the minimum, stopped after 3.
  Fit fit = Fit::start(0.1f);
  const auto best = train::best_of("score");
  train::Loop loop({.epochs = 20},
                   {train::reduce_on_plateau(
                        best, {.factor = 0.1, .patience = 2, .min_value = 0.05},
                        [&] { return fit.rate.item<float>(); },
                        [&](double rate) { fit.rate = Tensor(static_cast<float>(rate)); }),
                    train::early_stopping(best, 3)});
  run_scores(loop, {5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, fit);
  CHECK(loop.epoch() == 6);  // 3: lowered, and the wait begins anew; 6: three without improvement
}

TEST_CASE("the best model is saved, ties too, with epoch and metrics") {
  TemporaryFolder folder;
  const auto scores = std::vector<double>{0.5, 0.75, 0.75, 0.6};
  for (const bool ties : {true, false}) {
    Fit fit = Fit::start();
    std::vector<float> w;
    const auto best = train::best_of("score", {.ties_count = ties});
    train::Loop loop({.epochs = 4},
                     {train::save_best(best, folder / "best.safetensors",
                                       [&] {
                                         return std::pair{fit.w, fit.b};
                                       }),
                      train::each_epoch([&](train::Loop&) { w.push_back(fit.w.item<float>()); })});
    run_scores(loop, scores, fit);
    const io::Archive file(folder / "best.safetensors");
    CHECK(file.metadata().integer("epoch") == (ties ? 3 : 2));
    CHECK(file.metadata().number("score") == 0.75);
    CHECK(file.load(std::pair{fit.w, fit.b}).first.item<float>() == w[ties ? 2 : 1]);
    CHECK(best->epoch() == (ties ? 3 : 2));
  }
}

TEST_CASE("callbacks go on behind a checkpoint as if nothing had happened") {
  TemporaryFolder folder;
  const auto scores = std::vector<double>{1, 3, 2, 2, 2, 2, 9};
  const auto run = [&](int epochs, Fit& fit, train::BestPtr& best) {
    best = train::best_of("score");
    const auto lower = train::reduce_on_plateau(
        best, {.patience = 2}, [&] { return fit.rate.item<float>(); },
        [&](double rate) { fit.rate = Tensor(static_cast<float>(rate)); });
    const auto loop = std::make_unique<train::Loop>(
        train::LoopOptions{.epochs = epochs, .checkpoint = folder / "run"},
        std::vector<train::CallbackPtr>{lower, train::early_stopping(best, 2)});
    size_t next = epochs == 3 ? 0 : 3;
    loop->run(fit, points(), jitted_fit_step, [&](const Fit&) {
      return train::Metrics{{"score", scores.at(next++)}};
    });
    return loop->epoch();
  };
  Fit fit = Fit::start();
  train::BestPtr best;
  CHECK(run(3, fit, best) == 3);
  Fit other = Fit::start();
  CHECK(run(7, other, best) == 7);
  CHECK(best->value() == 9);
  CHECK(best->epoch() == 7);
  // Lowered after epochs 4 and 6.
  CHECK(std::abs(other.rate.item<float>() - 0.001f) < 1e-8f);
}

TEST_CASE("the history as a file") {
  TemporaryFolder folder;
  train::Loop loop({.epochs = 3}, {train::csv_history(folder / "history.csv")});
  Fit fit = Fit::start();
  run_scores(loop, {1, 2, 3}, fit);
  const std::string text = read_file(folder / "history.csv");
  CHECK(text == loop.history().to_csv());
  CHECK(train::History::from_csv(text) == loop.history());
  CHECK(text.starts_with("epoch,seconds,loss,score\n1,"));
}

TEST_CASE("the curve is drawn at the end") {
  TemporaryFolder folder;
  train::Loop loop({.epochs = 3}, {train::curve_picture(folder / "curve.svg", {"loss"},
                                                        "Learning curve", "loss")});
  Fit fit = Fit::start();
  run_scores(loop, {1, 2, 3}, fit);
  CHECK(read_file(folder / "curve.svg").find("Learning curve") != std::string::npos);
}

namespace {

/// What a loop with a progress bar writes to `out`, whose other end is `end`; closes both.
std::string written(int end, std::FILE* out, train::Drawn drawn = train::Drawn::OnTerminals) {
  train::Loop loop({.epochs = 2}, {train::progress_bar(out, drawn),
                                   train::each_epoch([](train::Loop&) { usleep(1000); })});
  Fit fit = Fit::start();
  loop.run(fit, points(), [](Fit f, const Points& p) {
    usleep(30000);
    return jitted_fit_step(std::move(f), p);
  });
  std::fclose(out);
  std::string text;
  char block[4096];
  for (ssize_t n = 0; (n = read(end, block, sizeof block)) > 0;)
    text.append(block, static_cast<size_t>(n));
  close(end);
  return text;
}

void check_bar(const std::string& drawn) {
  INFO(drawn);
  CHECK(drawn.find("epoch 1/2 [") != std::string::npos);
  CHECK(drawn.find("/5  ") != std::string::npos);
  CHECK(drawn.find("loss ") != std::string::npos);
  CHECK(drawn.ends_with("\r\033[K"));
}

}  // namespace

TEST_CASE("a progress bar is drawn where it is wanted, and not into a pipe by itself") {
  for (const auto drawn : {train::Drawn::Always, train::Drawn::OnTerminals}) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    std::FILE* out = fdopen(ends[1], "w");
    std::fputs("before ", out);
    const std::string text = written(ends[0], out, drawn);
    if (drawn == train::Drawn::Always) {
      check_bar(text);
    } else {
      CHECK(text == "before ");
    }
  }
}

TEST_CASE("a progress bar is drawn on a terminal") {
  int terminal = 0, far = 0;
  if (openpty(&far, &terminal, nullptr, nullptr, nullptr) != 0) {
    SKIP("this machine has no pseudo-terminals: /dev/ptmx or /dev/pts is missing");
  }
  check_bar(written(far, fdopen(terminal, "w")));
}

TEST_CASE("correct, accuracy, and the mean over batches") {
  const Tensor scores = tensor({{1.0, 0.0}, {0.0, 1.0}, {0.5, 0.5}, {3.0, 4.0}});
  const Tensor labels = tensor(std::vector<uint8_t>{0, 1, 0, 0});
  CHECK(train::correct(scores, labels).item<float>() == 3);
  CHECK(train::accuracy(scores, labels).item<float>() == 0.75f);
  CHECK(train::correct(scores, one_hot(labels, 2)).item<float>() == 3);
  struct Set {
    Tensor scores, labels;
  };
  const auto parts = data::batches(Set{scores, labels}, {.size = 3});
  CHECK(train::mean_over(parts, [](const Set& s) { return train::correct(s.scores, s.labels); }) ==
        0.75);
  CHECK_THROWS_AS(train::correct(scores, zeros({3}, DType::U8)), ShapeError);
  CHECK_THROWS_AS(train::mean_over(data::batches(Set{zeros({0, 2}), zeros({0})}, {.size = 3}),
                                   [](const Set&) { return Tensor(0.0f); }),
                  ValueError);
}
