// The loop itself: rows, stopping, NaNs, exceptions, checkpoints.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "runtime/file.h"
#include "tests/runtime/temporary_folder.h"
#include "tests/support/messages.h"
#include "tests/train/fit.h"

using namespace gradus;
using namespace gradus::test;

namespace {

/// Writes down what the loop tells it.
class Diary final : public train::Callback {
 public:
  void on_epoch_begin(train::Loop& loop) override {
    text += "begin " + std::to_string(loop.epoch()) + " of " + std::to_string(loop.epochs()) +
            ", steps " + std::to_string(loop.steps()) + "\n";
  }
  void on_step(train::Loop& loop) override {
    CHECK(std::isfinite(loop.loss()));
    steps = loop.step();
  }
  void on_epoch_end(train::Loop& loop) override {
    text += "end " + std::to_string(loop.history().last().epoch) + " after " +
            std::to_string(steps) + "\n";
    ++count;
  }
  void on_end(train::Loop&) override { text += "over\n"; }
  std::string remembered() const override { return std::to_string(count); }
  void restore(const std::string& saved) override { count = std::stoi(saved); }

  std::string text;
  int64_t steps = 0;
  int count = 0;
};

bool same_bits(const Tensor& a, const Tensor& b) {
  const auto x = a.data<float>(), y = b.data<float>();
  return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size_bytes()) == 0;
}

bool same_bits(const Fit& a, const Fit& b) {
  const auto words = [](const Tensor& key) { return random::bits(key, {4}).to_vector<uint32_t>(); };
  return same_bits(a.w, b.w) && same_bits(a.b, b.b) && same_bits(a.rate, b.rate) &&
         words(a.key) == words(b.key);
}

}  // namespace

TEST_CASE("epochs of steps, with callbacks around them and a row for each") {
  const auto diary = std::make_shared<Diary>();
  train::Loop loop({.epochs = 2}, {diary});
  Fit fit = Fit::start();
  loop.run(fit, points(), jitted_fit_step, measure_fit);
  CHECK(diary->text ==
        "begin 1 of 2, steps 5\nend 1 after 5\n"
        "begin 2 of 2, steps 5\nend 2 after 5\nover\n");
  REQUIRE(loop.history().rows().size() == 2);
  CHECK(loop.history().names() == std::vector<std::string>{"seconds", "loss", "w", "b"});
  const auto losses = loop.history().column("loss");
  CHECK(losses[1] < losses[0]);
  CHECK(loop.history().last()["w"] == fit.w.item<float>());
  CHECK(loop.history().last()["seconds"] >= 0);
}

TEST_CASE("it learns, the same in jit and without") {
  Fit a = Fit::start(), b = Fit::start();
  train::Loop(train::LoopOptions{.epochs = 40}).run(a, points(), jitted_fit_step);
  train::Loop(train::LoopOptions{.epochs = 2}).run(b, points(), fit_step);
  CHECK(std::abs(a.w.item<float>() - 3) < 0.05f);
  CHECK(std::abs(a.b.item<float>() + 1) < 0.05f);
  CHECK(b.w.item<float>() > 0.5f);
}

TEST_CASE("stop ends it after the epoch") {
  train::Loop loop({.epochs = 9}, {train::each_epoch([](train::Loop& l) {
                     if (l.epoch() == 3) l.stop("enough");
                   })});
  Fit fit = Fit::start();
  loop.run(fit, points(), jitted_fit_step);
  CHECK(loop.epoch() == 3);
  CHECK(loop.stop_reason() == "enough");
}

TEST_CASE("an epoch without batches is told") {
  const data::Batches<Points> none = data::batches(Points{zeros({0}), zeros({0})}, {.size = 8});
  Fit fit = Fit::start();
  CHECK(message_of([&] {
          train::Loop({.epochs = 1}).run(fit, none, jitted_fit_step);
        }).starts_with("[train] epoch 1 has no batches"));
}

TEST_CASE("an exception goes through, and callbacks are told that it is over") {
  const auto diary = std::make_shared<Diary>();
  train::Loop loop({.epochs = 2}, {diary});
  Fit fit = Fit::start();
  const auto failing = [](Fit, const Points&) -> std::pair<Fit, Tensor> {
    throw std::runtime_error("broken");
  };
  CHECK_THROWS_AS(loop.run(fit, points(), failing), std::runtime_error);
  CHECK(diary->text == "begin 1 of 2, steps 5\nover\n");
}

TEST_CASE("after an exception the state is that of the epoch's beginning") {
  Fit expected = Fit::start(), fit = Fit::start();
  train::Loop(train::LoopOptions{.epochs = 1}).run(expected, points(), jitted_fit_step);
  int steps = 0;
  const auto failing = [&](Fit f, const Points& p) {
    if (++steps == 8) throw std::runtime_error("broken");
    return jitted_fit_step(std::move(f), p);
  };
  train::Loop loop({.epochs = 3});
  CHECK_THROWS_AS(loop.run(fit, points(), failing), std::runtime_error);
  CHECK(same_bits(fit, expected));
}

TEST_CASE("a NaN ends it, and the op that made it is named with its line") {
  int line = 0;
  const auto step = jit(
      [&](Fit fit, const Points& points) {
        // Runs out of log's domain in the third step.
        const Tensor next = fit.w - 1.0f;
        line = __LINE__ + 1;
        const Tensor loss = mean(points.x * 0.0f) + gradus::log(next + 3.5f);
        return std::pair{Fit{next, fit.b, fit.rate, fit.key}, loss};
      },
      "step");
  Fit fit = Fit::start();
  const std::string text = message_of([&] { train::Loop({.epochs = 3}).run(fit, points(), step); });
  INFO(text);
  CHECK(
      text.starts_with("[train] the loss of step 4 of epoch 1 is a NaN; step 4, run op by op: "
                       "[log] the first NaN of step is made here; got f32[] of (f32[])"));
  CHECK(text.find("loop_test.cpp:" + std::to_string(line)) != std::string::npos);
  CHECK(fit.w.item<float>() == 0);  // as the epoch began
}

TEST_CASE("a NaN that only the parameters hold is found at the end of the epoch") {
  const auto step = jit(
      [](Fit fit, const Points&) {
        return std::pair{Fit{fit.w + 1.0f, gradus::sqrt(2.5f - fit.w), fit.rate, fit.key},
                         ones({})};
      },
      "step");
  Fit fit = Fit::start();
  const std::string text = message_of([&] { train::Loop({.epochs = 3}).run(fit, points(), step); });
  INFO(text);
  CHECK(text.starts_with("[train] b holds a NaN after epoch 1; step 4, run op by op: [sqrt] "));

  Fit other = Fit::start();
  train::Loop loop({.epochs = 2, .stop_at_nan = false});
  loop.run(other, points(), step);
  CHECK(std::isnan(other.b.item<float>()));
}

TEST_CASE("a diverging training names the op too") {
  Fit fit = Fit::start(1e30f);
  const std::string text =
      message_of([&] { train::Loop({.epochs = 5}).run(fit, points(), jitted_fit_step); });
  INFO(text);
  CHECK(text.starts_with("[train] "));
  CHECK(text.find("run op by op: [") != std::string::npos);
  CHECK(text.find("fit.h:") != std::string::npos);
}

TEST_CASE("a run that goes on from a checkpoint ends in the same bits") {
  TemporaryFolder folder;
  const auto options = [&](int epochs) {
    return train::LoopOptions{.epochs = epochs, .checkpoint = folder / "run"};
  };
  Fit whole = Fit::start();
  train::Loop unbroken({.epochs = 6});
  unbroken.run(whole, points(), jitted_fit_step, measure_fit);

  Fit first = Fit::start();
  train::Loop({options(4)}, {std::make_shared<Diary>()})
      .run(first, points(), jitted_fit_step, measure_fit);
  const auto diary = std::make_shared<Diary>();
  Fit second = Fit::start();
  train::Loop resumed(options(6), {diary});
  resumed.run(second, points(), jitted_fit_step, measure_fit);
  CHECK(resumed.resumed_epochs() == 4);
  CHECK(diary->count == 6);
  CHECK(diary->text ==
        "begin 5 of 6, steps 5\nend 5 after 5\n"
        "begin 6 of 6, steps 5\nend 6 after 5\nover\n");
  CHECK(same_bits(whole, second));
  CHECK(resumed.history().column("w") == unbroken.history().column("w"));
  CHECK(resumed.history().column("loss") == unbroken.history().column("loss"));

  // Nothing is left to do: the state comes from the file.
  Fit third = Fit::start();
  train::Loop done(options(6), {std::make_shared<Diary>()});
  done.run(third, points(), jitted_fit_step, measure_fit);
  CHECK(same_bits(whole, third));
  CHECK(done.epoch() == 6);
}

TEST_CASE("a checkpoint that does not fit is refused, and the state left alone") {
  TemporaryFolder folder;
  const train::LoopOptions options{.epochs = 1, .checkpoint = folder / "run"};
  Fit fit = Fit::start();
  train::Loop(options).run(fit, points(), jitted_fit_step);

  const auto failure = [&](auto state, const train::LoopOptions& with,
                           std::vector<train::CallbackPtr> callbacks = {}) {
    const auto step = [](auto s, const Points&) { return std::pair{s, ones({})}; };
    return message_of([&] { train::Loop(with, callbacks).run(state, points(), step); });
  };
  struct Other {
    Tensor w, c, rate, key;
  };
  const std::string names = failure(Other{fit.w, fit.b, fit.rate, fit.key}, options);
  INFO(names);
  CHECK(names.find("c") != std::string::npos);
  CHECK(names != "no error");
  const std::string shapes = failure(Fit{zeros({2}), fit.b, fit.rate, fit.key}, options);
  INFO(shapes);
  CHECK(shapes.find("f32[2]") != std::string::npos);
  CHECK(failure(fit, options, {train::progress_bar()})
            .find("it was written with 0 callbacks, here are 1") != std::string::npos);

  const std::string bytes = read_file(folder / "run");
  for (size_t size : {size_t{0}, size_t{4}, size_t{40}, bytes.size() - 1}) {
    write_file_atomically(folder / "run", bytes.substr(0, size));
    CAPTURE(size);
    CHECK(failure(fit, options) != "no error");
  }
  write_file_atomically(folder / "run", bytes + "x");
  CHECK(failure(fit, options) != "no error");
}
