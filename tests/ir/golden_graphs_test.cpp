// The training steps in tests/golden/graphs, written by another program (jaxpr_to_gr.py), are graphs.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "compiler/ir/parse.h"
#include "compiler/ir/print.h"
#include "compiler/ir/verify.h"
#include "tests/ir/graph_equality.h"

namespace gradus::ir {
namespace {

TEST_CASE("graphs converted from JAX") {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(GRADUS_SOURCE_DIR "/tests/golden/graphs")) {
    if (entry.path().extension() != ".gr") continue;
    CAPTURE(entry.path());
    const Graph g = parse_file(entry.path());
    verify(g);
    CHECK(!g.outputs().empty());
    check_same(parse(print(g)), g);
    ++files;
  }
  CHECK(files >= 10);
}

}  // namespace
}  // namespace gradus::ir
