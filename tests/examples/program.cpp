#include "tests/examples/program.h"

#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <regex>

#include "runtime/file.h"

namespace gradus::test {
namespace {

struct Fetched {
  std::string folder;  // empty: it could not be
  std::string log;
};

Fetched fetch(const std::string& option) {
  TemporaryFolder folder;
  const std::string command = std::string(GRADUS_SOURCE_DIR) + "/tools/get-mnist " + option +
                              " >'" + folder / "path" + "' 2>'" + folder / "log" + "'";
  if (std::system(command.c_str()) != 0) return {"", read_file(folder / "log")};
  const std::string printed = read_file(folder / "path");
  return {printed.substr(0, printed.find('\n')), ""};
}

}  // namespace

Outcome run(const std::string& command, const Environment& environment,
            const TemporaryFolder& folder) {
  std::string prefix = "env";
  for (const auto& [name, value] : environment)
    prefix += " " + name + "='" + value + "'";
  const std::string line = prefix + " " + command + " >'" + folder / "out" + "' 2>&1";
  const int status = std::system(line.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128, read_file(folder / "out")};
}

const std::string& mnist() {
  static const Fetched fetched = fetch("");
  if (fetched.folder.empty()) FAIL("tools/get-mnist: " << fetched.log);
  return fetched.folder;
}

const std::string& fashion_mnist() {
  static const Fetched fetched = fetch("--fashion");
  if (fetched.folder.empty()) SKIP("tools/get-mnist --fashion: " << fetched.log);
  return fetched.folder;
}

std::string program(const std::string& name) {
  return std::string(GRADUS_BINARY_DIR) + "/bin/" + name;
}

Run train(const std::string& name, const std::string& arguments, const Environment& environment) {
  TemporaryFolder folder;
  std::string command = program(name) + " --json '" + folder / "report" + "'";
  if (arguments.find("--data") == std::string::npos) command += " --data '" + mnist() + "'";
  if (arguments.find("--output") == std::string::npos) {
    command += " --output '" + folder / "files" + "'";
  }
  command += " " + arguments;
  Outcome outcome = run(command, environment, folder);
  CAPTURE(command, outcome.output);
  REQUIRE(outcome.status == 0);
  return {nlohmann::json::parse(read_file(folder / "report")), std::move(outcome.output)};
}

void check_contract(const nlohmann::json& report, const std::string& workload, int parameters) {
  CHECK(report.at("workload") == workload);
  CHECK(report.at("device") == "cpu");
  CHECK(report.at("threads").get<int>() >= 1);
  CHECK(report.at("seed").is_number_integer());
  CHECK(report.at("parameters") == parameters);
  int number = 1;
  for (const auto& epoch : report.at("epochs")) {
    CHECK(epoch.at("epoch") == number++);
    CHECK(epoch.at("seconds").get<double>() > 0);
    CHECK((epoch.contains("train_accuracy") || epoch.contains("test_accuracy")));
    for (const auto& [name, value] : epoch.items()) {
      if (!name.ends_with("_accuracy")) continue;
      CHECK(value.get<double>() > 0);
      CHECK(value.get<double>() <= 1);
    }
  }
  for (const auto& row : report.at("published")) {
    CHECK(row.at("what").is_string());
    CHECK(row.at("published").is_number());
    CHECK(row.at("reached").is_number());
  }
  CHECK(report.at("compile_ms").get<double>() > 0);
  CHECK(report.at("compilations").get<int>() >= 1);
  CHECK(report.at("peak_memory_mb").get<double>() > 1);
  CHECK(matches(report.at("parameter_digest"), "^[0-9a-f]{64}$"));
}

std::string digest(const std::string& name, const std::string& arguments,
                   const Environment& environment) {
  return train(name, arguments, environment).report.at("parameter_digest");
}

bool matches(const std::string& text, const std::string& regular_expression) {
  return std::regex_search(text, std::regex(regular_expression));
}

}  // namespace gradus::test
