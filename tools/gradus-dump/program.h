// Running somebody's program with the dump options set.
#pragma once

#include <string>
#include <vector>

#include "runtime/options.h"

namespace gradus::dump_tool {

struct Request {
  std::vector<std::string> stages;
  std::string function;  // empty: every function
  std::string format = "text";
  std::string file;  // empty: stdout
};

/// Runs the command with GRADUS_DUMP… set, its standard output going to standard error, and writes
/// what it dumped to the request's file or standard output. Returns the command's exit status (128
/// + signal if it was killed). Throws DataError when it cannot be started.
int run_program(const std::vector<std::string>& command, const Request& request);

/// The path of another program in this one's folder.
std::string sibling(const std::string& name);

/// To standard output if the name is empty. Throws DataError.
void write_output(const std::string& file, const std::string& text);

}  // namespace gradus::dump_tool
