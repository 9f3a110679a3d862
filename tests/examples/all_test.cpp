// What holds for every example: the same bits whatever the threads and vectors, runs that go on
// after kill -9, Fashion-MNIST, refusals.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch_test_macros.hpp>
#include <csignal>

#include <filesystem>
#include <random>

#include "frontend/io/save.h"
#include "runtime/file.h"
#include "tests/data/idx_file.h"
#include "tests/examples/program.h"

using namespace gradus::test;

namespace {

struct Example {
  const char* name;
  const char* small;  // a fraction of a second of work, partial batches included
};

constexpr Example kExamples[] = {
    {"lenet5", "--train-images 300"},
    {"lenet300", "--train-images 2000 --test-images 500"},
    {"convnet", "--train-images 300 --test-images 200"},
    {"vmap_mlp", "--train-images 1000 --test-images 500"},
    {"simple_mlp", "--train-images 1000 --test-images 500"},
};

double test_accuracy(const char* name, const std::string& arguments) {
  const auto report = train(name, arguments).report;
  if (report.contains("final_test_accuracy")) return report["final_test_accuracy"].get<double>();
  return report["epochs"].back()["test_accuracy"].get<double>();
}

/// IDX files of images with a bright square whose place is the class, on a noisy ground.
void write_squares(const TemporaryFolder& folder, const std::string& part, uint32_t count) {
  std::mt19937 engine(count);
  std::string images = idx_header(0x08, {count, 28, 28});
  std::string labels = idx_header(0x08, {count});
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t label = engine() % 10;
    const uint32_t top = 2 + label / 5 * 13, left = 1 + label % 5 * 5;
    labels.push_back(static_cast<char>(label));
    for (uint32_t row = 0; row < 28; ++row) {
      for (uint32_t column = 0; column < 28; ++column) {
        const bool inside = row - top < 9 && column - left < 6;
        images.push_back(static_cast<char>(engine() % 64 + (inside ? 190 : 0)));
      }
    }
  }
  gradus::write_file_atomically(folder / (part + "-images-idx3-ubyte"), images);
  gradus::write_file_atomically(folder / (part + "-labels-idx1-ubyte"), labels);
}

/// Starts the program; it is killed as soon as `file` is there.
void kill_when_there(const std::string& command, const std::string& file) {
  const pid_t child = fork();
  if (child == 0) {
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    execl("/bin/sh", "sh", "-c", ("exec " + command).c_str(), nullptr);
    _exit(127);
  }
  REQUIRE(child > 0);
  for (int i = 0; i < 60000 && !std::filesystem::exists(file); ++i)
    usleep(1000);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(std::filesystem::exists(file));
  CHECK(WIFSIGNALED(status));  // it was still at work
}

}  // namespace

TEST_CASE("the same parameters with one thread and with two, narrow vectors and wide ones",
          "[examples]") {
  for (const auto& [name, small] : kExamples) {
    CAPTURE(name);
    const std::string arguments = std::string(small) + " --epochs 2 --threads ";
    const std::string usual = digest(name, arguments + "2");
    CHECK(digest(name, arguments + "1",
                 {{"GRADUS_VECTOR_LANES", "4"}, {"GRADUS_DISK_CACHE", "0"}}) == usual);
  }
}

TEST_CASE("the same parameters after whole trainings with one thread and with two",
          "[examples][slow]") {
  for (const auto& [name, small] : kExamples) {
    CAPTURE(name);
    const std::string epochs = std::string(name) == "convnet" ? "--epochs 1 " : "";
    CHECK(digest(name, epochs + "--threads 1") == digest(name, epochs + "--threads 2"));
  }
}

TEST_CASE("a run that was killed goes on to the same bits", "[examples]") {
  for (const auto& [name, small] : kExamples) {
    CAPTURE(name);
    TemporaryFolder folder;
    const std::string arguments = std::string(small) + " --output " + folder / "files";
    const std::string resumable = arguments + " --checkpoint " + folder / "checkpoint";
    kill_when_there(program(name) + " --data " + mnist() + " " + resumable + " --epochs 1000",
                    folder / "checkpoint");
    const auto done = gradus::io::Archive(folder / "checkpoint").metadata().integer("epoch");
    const auto epochs = static_cast<size_t>(done + 3);
    const std::string all = " --epochs " + std::to_string(epochs);
    const auto resumed = train(name, resumable + all).report;
    const auto whole = train(name, arguments + all).report;
    CHECK(resumed["parameter_digest"] == whole["parameter_digest"]);
    REQUIRE(resumed["epochs"].size() == epochs);
    for (size_t i = 0; i < epochs; ++i) {
      auto a = resumed["epochs"][i], b = whole["epochs"][i];
      a.erase("seconds");
      b.erase("seconds");
      CHECK(a == b);
    }
    if (whole.contains("best_epoch")) CHECK(resumed["best_epoch"] == whole["best_epoch"]);
  }
}

TEST_CASE("the examples learn Fashion-MNIST too", "[examples][slow]") {
  const std::string data = "--data '" + fashion_mnist() + "' ";
  CHECK(test_accuracy("lenet5", data) > 0.65);
  CHECK(test_accuracy("lenet300", data + "--epochs 3") > 0.82);
  CHECK(test_accuracy("convnet", data + "--epochs 1") > 0.80);
  CHECK(test_accuracy("vmap_mlp", data + "--epochs 2") > 0.75);
  CHECK(test_accuracy("simple_mlp", data + "--epochs 3") > 0.80);
}

TEST_CASE("the examples learn any data set of MNIST's form", "[examples]") {
  TemporaryFolder folder;
  write_squares(folder, "train", 3001);
  write_squares(folder, "t10k", 500);
  for (const auto& [name, small] : kExamples) {
    CAPTURE(name);
    CHECK(test_accuracy(name, "--epochs 6 --data '" + folder.path() + "'") > 0.9);
  }
}

TEST_CASE("every example documents its arguments and refuses wrong ones", "[examples]") {
  for (const auto& [name, small] : kExamples) {
    CAPTURE(name);
    TemporaryFolder folder;
    const Outcome help = run(program(name) + " --help", {}, folder);
    CHECK(help.status == 0);
    for (const char* option : {"--epochs", "--seed", "--threads", "--device", "--data", "--json",
                               "--checkpoint", "--output", "GRADUS_THREADS"}) {
      CHECK(help.output.find(option) != std::string::npos);
    }
    CHECK(run(program(name) + " --epochs -1", {}, folder).status == 2);
    const Outcome device = run(program(name) + " --device cuda:9", {}, folder);
    CHECK(device.status == 1);
    CHECK(device.output.starts_with("[device] cuda:9 cannot be used: "));
    const Outcome missing = run(
        program(name) + " --data " + folder / "none" + " --output " + folder / "files", {}, folder);
    CHECK(missing.status == 1);
    CHECK(missing.output.find("fetch the data with tools/get-mnist ") != std::string::npos);
  }
}
