// The leaf kernels of a published training step as loop nests, for vectors of 16 lanes: the stage
// behind placement.
#include <catch2/catch_test_macros.hpp>

#include "compiler/ir/parse.h"
#include "tests/support/golden.h"
#include "tests/support/leaf_kernels.h"

namespace gradus::schedule {
namespace {

TEST_CASE("the leaf kernels of published training steps") {
  for (const std::string name : {"s3", "s0"}) {
    INFO(name);
    const ir::Graph step = ir::parse_file(GRADUS_SOURCE_DIR "/tests/golden/graphs/" + name + ".gr");
    std::string text;
    for (const auto& [label, kernel] : testing::leaf_kernels(step, 16, 32))
      text += label + "\n" + to_string(kernel) + "\n";
    CHECK(text == testing::golden("loops/" + name + ".txt", text));
  }
}

}  // namespace
}  // namespace gradus::schedule
