// Graph texts that must be refused: each file in graphs/ begins with a comment that is the whole
// message. With UPDATE_GOLDEN=1 in the environment the comments are written anew, to be reviewed.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "compiler/ir/parse.h"

namespace gradus::ir {
namespace {

std::vector<std::filesystem::path> graph_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(GRADUS_SOURCE_DIR "/tests/errors/graphs")) {
    if (entry.path().extension() == ".gr") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

TEST_CASE("texts that are no graphs") {
  const auto file = GENERATE(from_range(graph_files()));
  CAPTURE(file);
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  const size_t end = text.str().find('\n');
  const std::string first = text.str().substr(0, end);
  std::string message = "none";
  try {
    parse(text.str(), file.filename().string());
  } catch (const ParseError& e) {
    message = e.what();
  }
  if (std::getenv("UPDATE_GOLDEN")) {
    std::ofstream(file) << "// " << message << text.str().substr(end);
    return;
  }
  CHECK("// " + message == first);
}

TEST_CASE("the folder has not been lost") {
  CHECK(graph_files().size() > 80);
}

TEST_CASE("a file that is not there") {
  std::string message = "none";
  try {
    parse_file("/no/such/file.gr");
  } catch (const DataError& e) {
    message = e.what();
  }
  CHECK(message ==
        "[parse] cannot read '/no/such/file.gr'; check that the file is there and may be read");
}

}  // namespace
}  // namespace gradus::ir
