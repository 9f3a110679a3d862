// The leaf kernels of a published training step as loop nests, for vectors of 16 lanes: the stage
// behind placement. (LLVM's own text differs from version to version: that stage has no golden.)
// With UPDATE_GOLDEN=1 in the environment the texts are written anew, to be reviewed.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <set>

#include "compiler/ir/parse.h"
#include "compiler/schedule/assemble.h"
#include "compiler/transforms/passes.h"

namespace gradus::schedule {
namespace {

std::string kernels_of(const ir::Graph& graph) {
  ir::Graph compiled = graph;
  for (const transforms::Pass& pass : transforms::passes())
    compiled = pass.run(compiled);
  Schedule s = translate(compiled);
  place(s);
  const ProgramPlan plan = assemble(compiled, s, {.lanes = 16, .registers = 32});
  std::string text;
  std::set<std::string> seen;
  for (const auto& phase : plan.phases) {
    for (const PlannedStep& step : phase) {
      for (const PlannedCall& call : step.calls) {
        if (call.is_pack) continue;
        const std::string kernel = to_string(call.leaf.kernel);
        if (seen.insert(kernel).second) text += call.label + "\n" + kernel + "\n";
      }
    }
  }
  return text;
}

TEST_CASE("the leaf kernels of published training steps") {
  for (const char* name : {"s3", "s0"}) {
    INFO(name);
    const std::string folder = GRADUS_SOURCE_DIR "/tests/golden/";
    const std::string text = kernels_of(ir::parse_file(folder + "graphs/" + name + ".gr"));
    const std::string path = folder + "loops/" + name + ".txt";
    if (std::getenv("UPDATE_GOLDEN")) std::ofstream(path) << text;
    std::ifstream file(path);
    const std::string golden{std::istreambuf_iterator<char>(file), {}};
    CHECK(text == golden);
  }
}

}  // namespace
}  // namespace gradus::schedule
