// Running the example programs.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/runtime/temporary_folder.h"

namespace gradus::test {

using Environment = std::map<std::string, std::string>;

struct Outcome {
  int status;
  std::string output;  // stdout and stderr
};

/// `command` as the shell reads it.
Outcome run(const std::string& command, const Environment& environment,
            const TemporaryFolder& folder);

/// The folder of MNIST, fetched if it is not there; fails the test if it cannot be.
const std::string& mnist();
/// The same of Fashion-MNIST; skips the test if it cannot be fetched.
const std::string& fashion_mnist();

std::string program(const std::string& name);

/// What a run of a program on MNIST reported.
struct Run {
  nlohmann::json report;
  std::string output;
};
/// Runs it with --data, --json and these arguments; fails the test unless it ends with status 0.
/// --output is a folder that is deleted afterwards unless `arguments` name one.
Run train(const std::string& name, const std::string& arguments,
          const Environment& environment = {});

/// The report's fields that the command-line contract promises are there, and of their types.
void check_contract(const nlohmann::json& report, const std::string& workload, int parameters);

/// The digest of the final parameters.
std::string digest(const std::string& name, const std::string& arguments,
                   const Environment& environment = {});

bool matches(const std::string& text, const std::string& regular_expression);

}  // namespace gradus::test
