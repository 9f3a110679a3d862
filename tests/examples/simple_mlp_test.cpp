// S4: the simple perceptron: looking at data, parameters and predictions.
#include <catch2/catch_test_macros.hpp>

#include "frontend/train/history.h"
#include "runtime/file.h"
#include "tests/examples/program.h"

using namespace gradus::test;

TEST_CASE("simple_mlp: ten epochs reach the published accuracy", "[examples]") {
  TemporaryFolder folder;
  const auto [report, output] = train("simple_mlp", "--output '" + folder.path() + "'");
  INFO(output);
  check_contract(report, "S4", 38170);
  CHECK(report["seed"] == 42);
  CHECK(report["final_test_accuracy"] >= 0.9657);
  CHECK(matches(output, "test accuracy +0.9657 +0.9[0-9]+\n"));

  // Sizes, a picked image, parameters, optimiser, predictions.
  CHECK(output.find("training set: images u8[60000,28,28], labels u8[60000]\n"
                    "test set: images u8[10000,28,28], labels u8[10000]\n") != std::string::npos);
  CHECK(matches(output, "image 1, labelled 0:\n[ .:=+*#%@\\n-]+@@"));
  CHECK(output.find("38,170 parameters in 4 arrays, 149.352 KiB") != std::string::npos);
  CHECK(matches(output,
                "parameter +type +min +max +bytes\n"
                "linear/b +f32\\[48\\] +0.000000 +0.000000 +192\n"
                "linear/w +f32\\[784,48\\] +-0.0849[0-9]+ +0.0849[0-9]+ +150528\n"));
  CHECK(matches(output, "adam\\(learning_rate=0.01, b1=0.9, b2=0.999"));
  CHECK(matches(output, "image  prediction  label  agree\n +0 +7 +7  yes\n"));
  CHECK(matches(output, "mean of the check vector: 0.9[0-9]+\n"));

  // Losses as a table and as pictures; the image as PNG.
  const auto history = gradus::train::History::from_csv(gradus::read_file(folder / "history.csv"));
  REQUIRE(history.rows().size() == 10);
  for (size_t i = 0; i < 10; ++i) {
    CHECK(history.rows()[i]["loss"] == report["epochs"][i]["loss"]);
    CHECK(history.rows()[i]["test_loss"] == report["epochs"][i]["test_loss"]);
  }
  const std::string curve = gradus::read_file(folder / "learning_curve.png");
  CHECK(curve.substr(16, 8) == std::string("\0\0\x02\x58\0\0\x01\x90", 8));  // 600×400
  const std::string text = gradus::read_file(folder / "learning_curve.svg");
  for (const char* part : {">Learning curve<", ">epoch<", ">cross-entropy<", ">test_loss<"})
    CHECK(text.find(part) != std::string::npos);
  CHECK(gradus::read_file(folder / "image.png").substr(1, 3) == "PNG");
}
