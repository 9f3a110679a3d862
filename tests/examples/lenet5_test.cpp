// S0: LeNet-5 on 1,800 digits.
#include <catch2/catch_test_macros.hpp>

#include "tests/examples/program.h"

using namespace gradus::test;

TEST_CASE("lenet5: machine, model, sizes of batches, a line for each epoch", "[examples]") {
  const auto [report, output] = train("lenet5", "--epochs 2");
  INFO(output);
  check_contract(report, "S0", 47154);
  CHECK(output.find("processor: ") != std::string::npos);
  for (const char* fact : {"vectors: ", "LLVM: ", "threads: ", "device: cpu"})
    CHECK(output.find(fact) != std::string::npos);
  // The tree, with the parameters of each layer.
  CHECK(matches(output, "Conv2D\\(6, 5×5\\) .* f32\\[1,24,24,6\\] +156 "));
  CHECK(matches(output, "Conv2D\\(16, 5×5\\) .* f32\\[1,8,8,16\\] +2,416 "));
  CHECK(matches(output, "Linear\\(128\\) .* 32,896 "));
  CHECK(matches(output, "Linear\\(84\\) .* 10,836 "));
  CHECK(matches(output, "Linear\\(10\\) .* 850 "));
  CHECK(output.find("47,154 parameters in 10 arrays") != std::string::npos);
  for (const char* size : {"128", "8", "72"}) {
    CHECK(matches(output, "compiled for batches of " + std::string(size) + " in [0-9.]+ ms"));
  }
  const std::string times =
      " Time [0-9]+\\.[0-9]{2}s Training Accuracy: [0-9]+\\.[0-9]{2}% "
      "Test Accuracy: [0-9]+\\.[0-9]%\n";
  CHECK(matches(output, "\\[1/2\\]" + times + "\\[2/2\\]" + times));
  CHECK(matches(output, "training set, % \\(Lux\\) +85.83 +[0-9.]+\n"));
  CHECK(matches(output, "test set, % \\(SimpleChains\\) +87 +[0-9.]+\n"));
  REQUIRE(report["epochs"].size() == 2);
  CHECK(report["epochs"][1]["loss"] < report["epochs"][0]["loss"]);
  CHECK(report["published"].size() == 4);
}

TEST_CASE("lenet5: the means of five seeds are the published ones", "[examples][slow]") {
  double training = 0, test = 0;
  for (const char* seed : {"0", "1", "2", "3", "4"}) {
    const auto report = train("lenet5", std::string("--seed ") + seed).report;
    REQUIRE(report["epochs"].size() == 9);
    training += report["epochs"][8]["train_accuracy"].get<double>() / 5;
    test += report["epochs"][8]["test_accuracy"].get<double>() / 5;
  }
  CHECK(training >= 0.858 - 0.015);
  CHECK(training <= 0.858 + 0.015);
  CHECK(test >= 0.862 - 0.02);
  CHECK(test <= 0.862 + 0.02);
}
