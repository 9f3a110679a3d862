// Compiled kernels of this process: found in memory, on disk, or made now. Thread-safe.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "compiler/codegen/llvm/emit.h"
#include "compiler/loop/loop_ir.h"
#include "runtime/cpu/jit_session.h"

namespace gradus::codegen {

struct CompiledKernel {
  LeafFunction function = nullptr;
  std::shared_ptr<const LinkedCode> code;  // keeps the function alive
};

/// One entry per kernel. Kernels of equal content are one function; what is not in memory comes from the
/// disk cache (key: content, processor, LLVM version), the rest is compiled, on two threads if there is
/// much of it.
std::vector<CompiledKernel> compile_kernels(std::span<const loop::Kernel* const> kernels,
                                            const CpuTarget& target);

/// How kernels were come by since the start, for logs and tests.
struct LibraryStatistics {
  uint64_t in_memory = 0, from_disk = 0, compiled = 0;
};
LibraryStatistics library_statistics();

/// Forgets what is in memory (programs keep what they use): for tests and cold measurements.
void forget_kernels();

}  // namespace gradus::codegen
