// Loop IR to machine code of this host through LLVM. An emitter prints, it does not decide: loop
// order, tiles, vector widths and layouts are all in the kernel. LLVM's mid-level passes are not
// run (they cost 20-30 ms and gain nothing here); literals are emitted as bits; no fast-math or
// contraction flag is ever given.
#pragma once

#include <span>
#include <string>

#include "compiler/loop/loop_ir.h"

namespace gradus::codegen {

/// What code generation needs to know of a CPU.
struct CpuTarget {
  std::string triple, cpu, features;
  int lanes = 16;      // f32 elements of a vector register: 4, 8 or 16
  int registers = 32;  // vector registers
};

/// This host's CPU, at its full vector width.
const CpuTarget& host_target();
/// The same CPU used with vectors of `lanes` f32 elements.
CpuTarget host_target_with_lanes(int lanes);

/// A relocatable object with one function `void name(void* const* buffers, const int64_t* args)`
/// for each kernel, named by Kernel::name (distinct).
std::string emit_object(std::span<const loop::Kernel* const> kernels, const CpuTarget& target);
std::string emit_llvm_text(std::span<const loop::Kernel* const> kernels, const CpuTarget& target);
std::string emit_assembly(std::span<const loop::Kernel* const> kernels, const CpuTarget& target);

/// "19.1.7": part of the key of the disk cache.
std::string llvm_version();

}  // namespace gradus::codegen
