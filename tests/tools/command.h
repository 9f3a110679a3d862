// Running the built programs.
#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/runtime/temporary_folder.h"

namespace gradus::test {

inline std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return std::move(text).str();
}

struct Outcome {
  int status = 0;
  std::string out, err;
};

/// Runs a shell command in which programs of the build stand without their folder.
inline Outcome run(const TemporaryFolder& folder, const std::string& command) {
  const std::string line = "cd " + folder.path() + " && PATH=" GRADUS_BINARY_DIR "/bin:$PATH " +
                           command + " >" + folder / ".out" + " 2>" + folder / ".err";
  const int status = std::system(line.c_str());
  return {WEXITSTATUS(status), text_of(folder / ".out"), text_of(folder / ".err")};
}

inline void put(const TemporaryFolder& folder, const std::string& name, const std::string& text) {
  std::ofstream(folder / name, std::ios::binary) << text;
}

/// x -> sum of x * x.
inline const char* const kSquares = R"(graph squares {
  %0 "x" = parameter{index=0}: f32[3]  // squares.cpp:4
  %1 = mul(%0, %0): f32[3]
  %2 = reduce_sum(%1){axes=[0]}: f32[]
  return %2 "y"
}
)";

}  // namespace gradus::test
