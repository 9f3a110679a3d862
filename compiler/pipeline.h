// The compiler in order: from a traced graph to something that runs.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "compiler/ir/graph.h"
#include "compiler/schedule/plan.h"
#include "runtime/executable.h"

namespace gradus {

struct CompileOptions {
  /// Names the program in logs, dumps and profiles.
  std::string name = "main";
  /// Evaluate plainly in double precision instead of generating code.
  bool reference = false;
  /// Of scheduling; tests cut small graphs up as if they were large.
  schedule::PlaceOptions place;
};

std::shared_ptr<const Executable> compile(const ir::Graph& graph,
                                          const CompileOptions& options = {});

/// A point of the pipeline where the program can be looked at.
struct Stage {
  std::string_view name, help;
};

/// trace, simplified, regions, loops, llvm, asm.
std::span<const Stage> stages();

/// The program's text at a stage. Throws ValueError for a name that is none of stages().
std::string stage_text(const ir::Graph& graph, std::string_view stage);

}  // namespace gradus
