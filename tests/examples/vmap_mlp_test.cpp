// The first example as a user runs it: the published accuracies, and the same parameters, bit for
// bit, whatever the machine's threads, vectors and caches.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "tests/examples/program.h"

using namespace gradus::test;

namespace {

constexpr double kTolerance = 0.0005;
const std::vector<double> kTrain = {.91575, .93722, .94917, .95682, .96313, .96750, .97083, .97372};
const std::vector<double> kTest = {.9195, .9384, .9469, .9534, .9577, .9616, .9650, .9672};

const std::string kProgram = program("vmap_mlp");

nlohmann::json train(const std::string& arguments, const Environment& environment = {}) {
  return gradus::test::train("vmap_mlp", arguments, environment).report;
}

void check_accuracies(const nlohmann::json& report, size_t epochs) {
  REQUIRE(report.at("epochs").size() == epochs);
  for (size_t i = 0; i < epochs; ++i) {
    const nlohmann::json& epoch = report["epochs"][i];
    REQUIRE(epoch.at("epoch") == i + 1);
    CHECK_THAT(epoch.at("train_accuracy").get<double>(),
               Catch::Matchers::WithinAbs(kTrain[i], kTolerance));
    CHECK_THAT(epoch.at("test_accuracy").get<double>(),
               Catch::Matchers::WithinAbs(kTest[i], kTolerance));
  }
}

std::string digest_after_one_epoch(const std::string& arguments,
                                   const Environment& environment = {}) {
  return digest("vmap_mlp", "--epochs 1 " + arguments, environment);
}

const std::string& usual_digest() {
  static const std::string digest = digest_after_one_epoch("");
  return digest;
}

}  // namespace

TEST_CASE("the first epoch reaches the published accuracies", "[examples]") {
  nlohmann::json report = train("--epochs 1");
  check_accuracies(report, 1);
  check_contract(report, "S3", 669706);
}

TEST_CASE("all eight epochs reach the sixteen published accuracies", "[examples][slow]") {
  check_accuracies(train(""), 8);
}

TEST_CASE("the parameters depend neither on threads, nor vectors, nor the disk cache",
          "[examples]") {
  TemporaryFolder cache;
  const Environment kept = {{"GRADUS_CACHE_DIR", cache.path()}, {"GRADUS_VECTOR_LANES", "8"}};
  const Environment not_kept = {{"GRADUS_DISK_CACHE", "0"}, {"GRADUS_VECTOR_LANES", "4"}};
  CHECK(digest_after_one_epoch("--threads 1", not_kept) == usual_digest());
  CHECK(digest_after_one_epoch("--threads 3", kept) == usual_digest());  // cold
  CHECK(digest_after_one_epoch("--threads 2", kept) == usual_digest());  // warm
}

TEST_CASE("one at a time: threads, vectors, disk cache", "[examples][slow]") {
  for (const char* threads : {"1", "2", "3", "7"}) {
    CAPTURE(threads);
    CHECK(digest_after_one_epoch(std::string("--threads ") + threads) == usual_digest());
  }
  for (const char* lanes : {"4", "8", "16"}) {
    CAPTURE(lanes);
    CHECK(digest_after_one_epoch("", {{"GRADUS_VECTOR_LANES", lanes}}) == usual_digest());
  }
  TemporaryFolder cache;
  for (const char* state : {"cold", "warm"}) {
    CAPTURE(state);
    CHECK(digest_after_one_epoch("", {{"GRADUS_CACHE_DIR", cache.path()}}) == usual_digest());
  }
}

TEST_CASE("other seeds give other parameters", "[examples]") {
  REQUIRE(train("--epochs 0 --seed 0").at("parameter_digest") !=
          train("--epochs 0 --seed 1").at("parameter_digest"));
}

TEST_CASE("the program shows the typed error of predict with a batch", "[examples]") {
  TemporaryFolder folder;
  Outcome outcome = run(kProgram + " --epochs 0 --data '" + mnist() + "'", {}, folder);
  CAPTURE(outcome.output);
  REQUIRE(outcome.status == 0);
  REQUIRE(outcome.output.find("[dot] ") != std::string::npos);
  REQUIRE(outcome.output.find("examples/vmap_mlp.cpp:") != std::string::npos);
}

TEST_CASE("what cannot be run is told, with a status", "[examples][errors]") {
  TemporaryFolder folder;
  Outcome missing = run(kProgram + " --epochs 1 --data '" + folder / "none" + "'", {}, folder);
  REQUIRE(missing.status == 1);
  REQUIRE(missing.output.find("fetch the data with tools/get-mnist " + folder / "none") !=
          std::string::npos);
  Outcome device = run(kProgram + " --device cuda:9", {}, folder);
  REQUIRE(device.status == 1);
  REQUIRE(device.output.starts_with("[device] cuda:9 cannot be used: "));
  REQUIRE(run(kProgram + " --epochs -1", {}, folder).status == 2);
  REQUIRE(run(kProgram + " --nonsense", {}, folder).status == 2);
  Outcome bad_option = run(kProgram + " --epochs 0", {{"GRADUS_THREADS", "many"}}, folder);
  REQUIRE(bad_option.status == 1);
  REQUIRE(bad_option.output.starts_with("[options] GRADUS_THREADS "));
}

TEST_CASE("--help lists the arguments and --version the machine", "[examples]") {
  TemporaryFolder folder;
  Outcome help = run(kProgram + " --help", {}, folder);
  REQUIRE(help.status == 0);
  for (const char* name : {"--epochs", "--seed", "--threads", "--device", "--data", "--json"}) {
    REQUIRE(help.output.find(name) != std::string::npos);
  }
  Outcome version = run(kProgram + " --version", {}, folder);
  REQUIRE(version.status == 0);
  REQUIRE(version.output.find("processor: ") != std::string::npos);
}
