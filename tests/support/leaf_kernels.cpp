#include "tests/support/leaf_kernels.h"

#include <set>

#include "compiler/schedule/assemble.h"
#include "compiler/transforms/passes.h"

namespace gradus::testing {

std::vector<LeafKernel> leaf_kernels(const ir::Graph& graph, int lanes, int registers) {
  ir::Graph compiled = graph;
  for (const transforms::Pass& pass : transforms::passes())
    compiled = pass.run(compiled);
  schedule::Schedule s = schedule::translate(compiled);
  schedule::place(s);
  const schedule::ProgramPlan plan =
      schedule::assemble(compiled, s, {.lanes = lanes, .registers = registers});
  std::vector<LeafKernel> kernels;
  std::set<std::string> seen;
  for (const auto& phase : plan.phases) {
    for (const schedule::PlannedStep& step : phase) {
      for (const schedule::PlannedCall& call : step.calls) {
        if (call.is_pack || !seen.insert(to_string(call.leaf.kernel)).second) continue;
        kernels.push_back({call.label, call.leaf.kernel});
      }
    }
  }
  return kernels;
}

}  // namespace gradus::testing
