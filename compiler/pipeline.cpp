#include "compiler/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "compiler/codegen/kernel_library.h"
#include "compiler/dump.h"
#include "compiler/ir/print.h"
#include "compiler/ir/verify.h"
#include "compiler/nan_check.h"
#include "compiler/reference.h"
#include "compiler/schedule/assemble.h"
#include "compiler/schedule/plan.h"
#include "compiler/transforms/passes.h"
#include "runtime/cpu/pack.h"
#include "runtime/log.h"
#include "runtime/options.h"
#include "runtime/profile.h"

namespace gradus {
namespace {

constexpr Stage kStages[] = {
    {"trace", "the graph as traced"},
    {"simplified", "after the passes on the graph"},
    {"regions", "phases, regions, leaves and the table of calls"},
    {"loops", "the leaf kernels as loop nests"},
    {"llvm", "the leaf kernels as LLVM IR"},
    {"asm", "the leaf kernels as assembly"},
};

#ifdef GRADUS_CHECKS
constexpr bool kChecks = true;
#else
constexpr bool kChecks = false;
#endif

ir::Graph run_passes(const ir::Graph& graph) {
  if (kChecks) ir::verify(graph);
  ir::Graph current = graph;
  for (const auto& pass : transforms::passes()) {
    if (pass.optional && options().is_disabled(pass.name)) continue;
    const ScopedTimer timer("compile", pass.name);
    current = pass.run(current);
    if (kChecks) ir::verify(current);
  }
  return current;
}

codegen::CpuTarget target() {
  const int lanes = options().vector_lanes;
  return lanes ? codegen::host_target_with_lanes(lanes) : codegen::host_target();
}

void verify_kernels(const schedule::ProgramPlan& plan) {
  for (const auto& phase : plan.phases) {
    for (const auto& step : phase) {
      for (const auto& call : step.calls) {
        if (!call.is_pack) loop::verify(call.leaf.kernel);
      }
    }
  }
}

/// Everything but machine code.
struct Lowered {
  ir::Graph graph;
  schedule::Schedule schedule;
  schedule::ProgramPlan plan;
};

Lowered lower(const ir::Graph& graph, const schedule::PlaceOptions& place = {}) {
  Lowered l{run_passes(graph), {}, {}};
  {
    const ScopedTimer timer("compile", "schedule");
    l.schedule = schedule::translate(l.graph);
    schedule::place(l.schedule, place);
  }
  const ScopedTimer timer("compile", "lower");
  const codegen::CpuTarget t = target();
  l.plan = schedule::assemble(l.graph, l.schedule, {t.lanes, t.registers});
  if (kChecks) verify_kernels(l.plan);
  return l;
}

/// The distinct kernels of a plan, named in order.
std::vector<loop::Kernel> distinct_kernels(const schedule::ProgramPlan& plan) {
  std::vector<loop::Kernel> kernels;
  std::map<std::string, size_t> seen;
  for (const auto& phase : plan.phases) {
    for (const auto& step : phase) {
      for (const auto& call : step.calls) {
        if (call.is_pack) continue;
        if (!seen.emplace(to_string(call.leaf.kernel), kernels.size()).second) continue;
        kernels.push_back(call.leaf.kernel);
        kernels.back().name = fmt::format("kernel{}", kernels.size() - 1);
      }
    }
  }
  return kernels;
}

BufferPtr constant_buffer(const ir::Graph& graph, ir::NodeId n) {
  const auto& literal = graph.attr<ir::Literal>(n, "value");
  BufferPtr b = Buffer::allocate(literal.type().bytes());
  GRADUS_CHECK(!literal.is_splat());
  std::memcpy(b->data(), literal.bytes(), literal.type().bytes());
  return b;
}

Table link(const Lowered& l) {
  std::vector<const loop::Kernel*> kernels;
  for (const auto& phase : l.plan.phases) {
    for (const auto& step : phase) {
      for (const auto& call : step.calls) {
        if (!call.is_pack) kernels.push_back(&call.leaf.kernel);
      }
    }
  }
  std::vector<codegen::CompiledKernel> compiled;
  {
    const ScopedTimer timer("compile", "kernels");
    compiled = codegen::compile_kernels(kernels, target());
  }
  Table table;
  size_t next = 0;
  for (const auto& phase : l.plan.phases) {
    Phase& p = table.phases.emplace_back();
    for (const auto& step : phase) {
      Step& s = p.steps.emplace_back();
      s.kind = step.kind;
      s.extent = step.extent;
      s.granule = step.granule;
      s.chunk = step.chunk;
      for (const auto& call : step.calls) {
        Call& c = s.calls.emplace_back();
        c.places = call.places;
        c.replicas = call.replicas;
        c.args = call.args;
        c.label = call.label;
        c.flops = call.flops;
        c.bytes = call.bytes;
        if (call.is_pack) {
          c.function = pack_panels(size_of(call.packed_dtype));
        } else {
          c.function = compiled[next].function;
          table.code.push_back(compiled[next++].code);
        }
      }
    }
  }
  table.arena_bytes = l.plan.arena_bytes;
  table.thread_arena_bytes = l.plan.thread_arena_bytes;
  table.has_halos = l.plan.has_halos;
  table.takes = l.plan.takes;
  table.microseconds = l.plan.microseconds;
  for (ir::NodeId n : l.plan.constants)
    table.constants.push_back(constant_buffer(l.graph, n));
  return table;
}

std::shared_ptr<const Executable> compile_for_cpu(const ir::Graph& graph) {
  return std::make_shared<CpuProgram>(graph.input_types(), graph.output_types(),
                                      link(lower(graph)));
}

}  // namespace

std::shared_ptr<const Executable> compile(const ir::Graph& graph, const CompileOptions& opts) {
  dump_requested(graph, opts.name);
  const auto begin = std::chrono::steady_clock::now();
  std::shared_ptr<const Executable> made;
  if (opts.reference) {
    made = make_reference_executable(run_passes(graph));
  } else {
    made = compile_for_cpu(graph);
  }
  if (options().nan_check) {
    made = make_nan_checked(graph, std::move(made), compile_for_cpu);
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  count_compilation(taken.count());
  GRADUS_LOG(Info, "compiled {} ({} nodes) in {:.1f} ms", opts.name, graph.size(),
             taken.count() * 1e3);
  return made;
}

std::span<const Stage> stages() {
  return kStages;
}

std::string stage_text(const ir::Graph& graph, std::string_view stage) {
  if (stage == "trace") return ir::print(graph);
  if (stage == "simplified") return ir::print(run_passes(graph));
  if (std::ranges::find(kStages, stage, &Stage::name) == std::end(kStages)) {
    throw ValueError({.op = "dump",
                      .what = fmt::format("unknown stage; got {}", stage),
                      .remedy = "--list-stages shows the stages"});
  }
  const Lowered l = lower(graph);
  if (stage == "regions") return describe(l.schedule, l.graph) + to_string(l.plan);
  const auto kernels = distinct_kernels(l.plan);
  std::vector<const loop::Kernel*> pointers;
  std::string text;
  for (const loop::Kernel& k : kernels) {
    pointers.push_back(&k);
    if (stage == "loops") text += "kernel " + k.name + "\n" + to_string(k) + "\n";
  }
  if (stage == "loops") return text;
  return stage == "llvm" ? codegen::emit_llvm_text(pointers, target())
                         : codegen::emit_assembly(pointers, target());
}

}  // namespace gradus
