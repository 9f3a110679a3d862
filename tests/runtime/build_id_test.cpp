#include "runtime/build_id.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <memory>
#include <string>

using namespace gradus;

TEST_CASE("the build ID is the linker's") {
  CHECK(build_id().size() >= 16);
  CHECK(build_id().find_first_not_of("0123456789abcdef") == std::string::npos);
  // The file's own bytes hold it, as the descriptor of the note.
  std::unique_ptr<FILE, int (*)(FILE*)> program(std::fopen("/proc/self/exe", "rb"), std::fclose);
  REQUIRE(program);
  std::string head(4096, '\0');
  head.resize(std::fread(head.data(), 1, head.size(), program.get()));
  std::string bytes;
  for (size_t i = 0; i < build_id().size(); i += 2) {
    bytes += static_cast<char>(std::stoi(build_id().substr(i, 2), nullptr, 16));
  }
  CHECK(head.find(bytes) != std::string::npos);
}
