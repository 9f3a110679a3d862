// S2: the convolutional network: noise, best model, learning rate, NaNs.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "frontend/io/save.h"
#include "frontend/nn/scope.h"
#include "tests/examples/program.h"

using namespace gradus;
using namespace gradus::test;

namespace {

const std::string kSmall = "--train-images 1320 --test-images 500 ";

std::string in(const TemporaryFolder& folder) {
  return "--output '" + folder.path() + "' ";
}

/// A Python that has the packages: $TEST_PYTHON or python3.
std::string python_with(const std::string& packages) {
  const char* named = std::getenv("TEST_PYTHON");
  const std::string python = named ? named : "python3";
  const std::string probe = python + " -c 'import " + packages + "' >/dev/null 2>&1";
  return std::system(probe.c_str()) == 0 ? python : "";
}

}  // namespace

TEST_CASE("convnet: the best model is saved, and measures the same when loaded", "[examples]") {
  TemporaryFolder folder;
  const auto [report, output] = train("convnet", kSmall + in(folder) + "--epochs 3");
  INFO(output);
  check_contract(report, "S2", 16938);
  CHECK(output.find("16,938 parameters in 8 arrays") != std::string::npos);
  CHECK(output.find("f32[128,3,3,32]") != std::string::npos);  // 7×7 pools to 3×3
  CHECK(matches(output, "compiled in [0-9]+ ms"));
  CHECK(matches(output, "best test accuracy +0.9924 +0.[0-9]+\n"));

  const int best = report["best_epoch"];
  double highest = 0;
  int last = 0;
  for (const auto& epoch : report["epochs"]) {
    if (epoch["test_accuracy"].get<double>() < highest) continue;
    highest = epoch["test_accuracy"];
    last = epoch["epoch"];
  }
  CHECK(best == last);  // ties save too
  CHECK(report["best_test_accuracy"] == highest);
  CHECK(report["reloaded_test_accuracy"] == highest);
  const io::Archive file(folder / "best.safetensors");
  CHECK(file.metadata().integer("epoch") == best);
  CHECK(file.metadata().number("test_accuracy") == highest);
  CHECK(file.names() == std::vector<std::string>{"conv2d/b", "conv2d/w", "conv2d_1/b", "conv2d_1/w",
                                                 "conv2d_2/b", "conv2d_2/w", "linear/b",
                                                 "linear/w"});
}

TEST_CASE("convnet: every step has noise of its own", "[examples]") {
  // Nothing is learnt, so that only the noise can make a difference between epochs.
  const auto losses = [](const char* noise) {
    const auto report =
        train("convnet", kSmall + "--epochs 2 --learning-rate 0 --noise " + noise).report;
    return std::pair{report["epochs"][0]["loss"].get<double>(),
                     report["epochs"][1]["loss"].get<double>()};
  };
  const auto [a, b] = losses("0.1");
  CHECK(a != b);
  const auto [c, d] = losses("0");
  CHECK(c == d);
}

TEST_CASE("convnet: a NaN ends it and its op is named", "[examples]") {
  TemporaryFolder folder;
  const Outcome outcome = run(program("convnet") + " --data '" + mnist() + "' --output '" +
                                  folder.path() + "' " + kSmall + "--learning-rate 1e30",
                              {}, folder);
  INFO(outcome.output);
  CHECK(outcome.status == 1);
  CHECK(matches(outcome.output, "\\[train\\] .* NaN.*; step [0-9]+, run op by op: \\["));
}

TEST_CASE("convnet: options have defaults", "[examples]") {
  TemporaryFolder folder;
  const Outcome help = run(program("convnet") + " --help", {}, folder);
  CHECK(help.status == 0);
  for (const char* line :
       {"--epochs INT.*20", "--batch-size INT.*128", "--learning-rate FLOAT.*0.003",
        "--noise FLOAT.*0.1", "--output TEXT.*convnet.out"}) {
    INFO(help.output << line);
    CHECK(matches(help.output, line));
  }
  CHECK(run(program("convnet") + " --epochs 1 --batch-size 0 --data " + mnist() + " --output " +
                folder.path(),
            {}, folder)
            .status == 1);
}

TEST_CASE("convnet: Python reads the trained model, and what Python writes is read", "[examples]") {
  const std::string python = python_with("numpy, safetensors.numpy");
  if (python.empty()) SKIP("no Python with numpy and safetensors; name one: TEST_PYTHON");
  TemporaryFolder folder;
  const auto trained = train("convnet", kSmall + in(folder) + "--epochs 1").report;
  const std::string script =
      "import sys; from safetensors import safe_open; from safetensors.numpy import save_file\n"
      "source, target = sys.argv[1:]\n"
      "f = safe_open(source, 'np')\n"
      "tensors = {k: f.get_tensor(k) for k in f.keys()}\n"
      "assert sum(t.size for t in tensors.values()) == 16938\n"
      "assert tensors['conv2d_1/w'].shape == (3, 3, 16, 32)\n"
      "assert f.metadata()['epoch'] == '1'\n"
      "save_file(tensors, target)\n";
  const std::string command = python + " -c \"" + script + "\" " + folder / "best.safetensors" +
                              " " + folder / "python.safetensors";
  REQUIRE(std::system(command.c_str()) == 0);
  const auto again =
      train("convnet", kSmall + "--epochs 0 --model " + folder / "python.safetensors");
  CHECK(again.report["parameter_digest"] == trained["parameter_digest"]);
  CHECK(again.report["final_test_accuracy"] == trained["final_test_accuracy"]);
}

TEST_CASE("convnet: 60,000 images are measured at once in little memory", "[examples]") {
  const auto report = train("convnet", "--epochs 0").report;
  CHECK(report["final_train_accuracy"] > 0);
  CHECK(report["peak_memory_mb"] < 600);
}

TEST_CASE("convnet: the published accuracies", "[examples][slow]") {
  const auto report = train("convnet", "").report;
  CHECK(report["epochs"][0]["test_accuracy"] >= 0.975);
  CHECK(report["best_test_accuracy"] >= 0.990);
  CHECK(report["reloaded_test_accuracy"] == report["best_test_accuracy"]);
  CHECK(report["peak_memory_mb"] < 600);
}
