// Programs that must not compile: each file in tests/compile_fail names, in a comment "error: …",
// what the compiler must say (alternatives between bars). ok.cpp must compile.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

struct Compilation {
  bool succeeded;
  std::string output;
};

Compilation compile(const std::filesystem::path& file) {
  const char* compiler = std::getenv("CXX");
  const std::string command = std::string(compiler ? compiler : "c++") +
                              " -std=c++20 -fsyntax-only -I" GRADUS_BINARY_DIR "/include " +
                              file.string() + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string output;
  char chunk[4096];
  while (const size_t n = std::fread(chunk, 1, sizeof chunk, pipe)) output.append(chunk, n);
  return {pclose(pipe) == 0, output};
}

std::vector<std::string> expected_errors(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  const std::string mark = "// error: ";
  while (std::getline(in, line)) {
    if (!line.starts_with(mark)) continue;
    std::vector<std::string> alternatives;
    std::istringstream text(line.substr(mark.size()));
    while (std::getline(text, line, '|')) alternatives.push_back(line);
    return alternatives;
  }
  return {};
}

std::vector<std::filesystem::path> programs() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(GRADUS_SOURCE_DIR "/tests/compile_fail")) {
    if (entry.path().extension() == ".cpp") files.push_back(entry.path());
  }
  return files;
}

}  // namespace

TEST_CASE("programs that must not compile") {
  const auto file = GENERATE(from_range(programs()));
  CAPTURE(file);
  const auto expected = expected_errors(file);
  const Compilation result = compile(file);
  CAPTURE(result.output);
  if (file.filename() == "ok.cpp") {
    CHECK(result.succeeded);
    return;
  }
  REQUIRE_FALSE(expected.empty());
  CHECK_FALSE(result.succeeded);
  bool said = false;
  for (const std::string& text : expected) said = said || result.output.find(text) != text.npos;
  CHECK(said);
}
