#include "tests/support/golden.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace gradus::testing {

std::string golden(const std::string& path, const std::string& text) {
  const std::string file = GRADUS_SOURCE_DIR "/tests/golden/" + path;
  if (std::getenv("UPDATE_GOLDEN")) std::ofstream(file) << text;
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace gradus::testing
