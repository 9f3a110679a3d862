#include "compiler/pipeline.h"

#include "compiler/reference.h"
#include "compiler/transforms/passes.h"
#include "runtime/options.h"

namespace gradus {

std::shared_ptr<const Executable> compile(const ir::Graph& graph, const CompileOptions&) {
  ir::Graph current = graph;
  for (const auto& pass : transforms::passes()) {
    if (pass.optional && gradus::options().is_disabled(pass.name)) continue;
    current = pass.run(current);
  }
  return make_reference_executable(current);
}

}  // namespace gradus
