// From a placed schedule to a table without machine code: pieces, chunks, memory, donation, steps.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/loop/lower.h"
#include "compiler/schedule/plan.h"
#include "runtime/cpu/program.h"

namespace gradus::schedule {

/// One call of a kernel, or of the runtime's packing function (kernel.name empty).
struct PlannedCall {
  loop::Leaf leaf;
  std::vector<Place> places, replicas;
  std::vector<ArgRule> args;
  std::string label;
  DType packed_dtype{};
  bool is_pack = false;
  double flops = 0, bytes = 0;
};

struct PlannedStep {
  Step::Kind kind = Step::Kind::Shared;
  int64_t extent = 1, granule = 1, chunk = 1;
  std::vector<PlannedCall> calls;
};

struct ProgramPlan {
  std::vector<std::vector<PlannedStep>> phases;  // barriers between them
  size_t arena_bytes = 0, thread_arena_bytes = 0;
  bool has_halos = false;             // threads' arenas must start as zeros
  std::vector<ir::NodeId> constants;  // dense constants of the graph
  std::vector<int> takes;             // output -> input whose memory it may take, or -1
  double microseconds = 0;
};

ProgramPlan assemble(const ir::Graph& graph, const Schedule& schedule, loop::VectorUnit unit);

/// What `gradus-dump --stage regions` shows of it.
std::string to_string(const ProgramPlan& plan);

}  // namespace gradus::schedule
