// S1: LeNet-300-100 in the order of NumPy's permutations.
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/examples/program.h"

using namespace gradus::test;

namespace {

void check_first_epoch(const nlohmann::json& report) {
  const auto& epoch = report.at("epochs").at(0);
  CHECK(std::abs(epoch.at("train_accuracy").get<double>() - 0.9686) <= 0.0015);
  CHECK(std::abs(epoch.at("validation_accuracy").get<double>() - 0.9614) <= 0.0015);
}

}  // namespace

TEST_CASE("lenet300: the first epoch is the published one", "[examples]") {
  const auto [report, output] = train("lenet300", "--epochs 1");
  INFO(output);
  check_contract(report, "S1", 266610);
  CHECK(report["seed"] == 1729);
  check_first_epoch(report);
  // Named layers, as Haiku names them.
  for (const char* name : {"linear ", "linear_1 ", "linear_2 "})
    CHECK(output.find(name) != std::string::npos);
  CHECK(matches(output,
                "Epoch 0 in [0-9]+\\.[0-9]{2} sec\n  training set accuracy 9[0-9.]+ %\n"
                "  validation set accuracy 9[0-9.]+ %\n"));
  CHECK(matches(output, "epoch 0, validation set, % +96.14 +9[0-9.]+\n"));
  CHECK(report["final_test_accuracy"] > 0.94);
  // Whole sets are measured in parts.
  CHECK(report["peak_memory_mb"] < 600);
}

TEST_CASE("lenet300: ten epochs", "[examples][slow]") {
  const auto report = train("lenet300", "").report;
  check_first_epoch(report);
  REQUIRE(report["epochs"].size() == 10);
  CHECK(std::abs(report["epochs"][9]["train_accuracy"].get<double>() - 0.9899) <= 0.01);
  CHECK(std::abs(report["epochs"][9]["validation_accuracy"].get<double>() - 0.9714) <= 0.01);
  CHECK(report["final_test_accuracy"] >= 0.970);
}

TEST_CASE("lenet300: value_and_grad without jit compiles no more for more steps", "[examples]") {
  const auto compilations = [](const char* images) {
    const auto report =
        train("lenet300",
              std::string("--no-jit --epochs 1 --test-images 1000 --train-images ") + images)
            .report;
    return report["compilations"].get<int>();
  };
  // 4 and 8 steps of 256 images.
  CHECK(compilations("1280") == compilations("2560"));
}

TEST_CASE("lenet300: with jit and without it learns the same", "[examples]") {
  const std::string arguments = "--epochs 2 --train-images 6400 --test-images 1000";
  const auto a = train("lenet300", arguments).report;
  const auto b = train("lenet300", arguments + " --no-jit").report;
  CHECK(std::abs(a["epochs"][1]["train_accuracy"].get<double>() -
                 b["epochs"][1]["train_accuracy"].get<double>()) < 0.02);
}
