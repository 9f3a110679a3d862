// What the compiler shows of a program: its text at the stages of the pipeline, for gradus-dump and
// for the options GRADUS_DUMP….
#pragma once

#include <string>
#include <string_view>

#include "compiler/ir/graph.h"
#include "runtime/options.h"

namespace gradus {

/// Throws ValueError for a name that is none of the pipeline's stages.
void require_stage(std::string_view stage);

/// The program at a stage of the pipeline. As dot only the stages that are graphs; as json these
/// are nodes and edges, and the others {"text": …}. Throws ValueError for a stage that
/// has no such form.
std::string dump(const ir::Graph& graph, std::string_view stage, DumpFormat format);

/// Called for every program that is compiled: appends what options() ask for to the dump file (or
/// stderr), each stage under a line that names the function and the stage. Whole stages: several
/// threads and processes may write to one file.
void dump_requested(const ir::Graph& graph, std::string_view function);

}  // namespace gradus
