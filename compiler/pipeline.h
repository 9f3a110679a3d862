// The compiler in order: from a traced graph to something that runs.
#pragma once

#include <memory>
#include <string>

#include "compiler/ir/graph.h"
#include "runtime/executable.h"

namespace gradus {

struct CompileOptions {
  /// Names the program in logs, dumps and profiles.
  std::string name = "main";
  /// Evaluate plainly in double precision instead of generating code.
  bool reference = false;
};

std::shared_ptr<const Executable> compile(const ir::Graph& graph,
                                          const CompileOptions& options = {});

}  // namespace gradus
