// Runs one kernel twice, compiled and interpreted, on equal memory, and compares every bit of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compiler/codegen/llvm/emit.h"
#include "compiler/loop/loop_ir.h"
#include "runtime/cpu/jit_session.h"

namespace gradus::codegen::testing {

/// This host's CPU, and the same used as older ones with 16 vector registers and without FMA.
std::vector<CpuTarget> targets();

/// Kernels compiled together; they are renamed k0, k1, ….
class Compiled {
 public:
  Compiled(std::vector<loop::Kernel> kernels, const CpuTarget& target = host_target());
  const loop::Kernel& kernel(size_t i) const { return kernels_[i]; }
  LeafFunction function(size_t i) const;
  size_t size() const { return kernels_.size(); }

 private:
  std::vector<loop::Kernel> kernels_;
  std::shared_ptr<const LinkedCode> code_;
};

/// Elements between two pages that may not be touched; the last one ends where the second begins.
class GuardedMemory {
 public:
  explicit GuardedMemory(const std::vector<std::byte>& content);
  ~GuardedMemory();
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
  void* data() const { return data_; }

 private:
  void* map_;
  size_t mapped_;
  void* data_;
};

/// The memory that a kernel works on: buffer b is memories[memory_of[b]].
struct Memory {
  std::vector<std::vector<std::byte>> memories;
  std::vector<int> memory_of;

  template <class T>
  void add(const std::vector<T>& content) {
    memory_of.push_back(static_cast<int>(memories.size()));
    const auto* bytes = reinterpret_cast<const std::byte*>(content.data());
    memories.emplace_back(bytes, bytes + content.size() * sizeof(T));
  }
  /// The next buffer is the same memory as buffer `other`.
  void add_alias(int other) { memory_of.push_back(memory_of[other]); }
};

/// Bits of bool and integers, or of numbers; all NaN are equal.
bool equal_elements(DType dtype, loop::Bits a, loop::Bits b);

/// Empty if the compiled kernel did what the interpreter does; else the first difference.
std::string difference(const Compiled& compiled, size_t kernel, const Memory& memory,
                       const std::vector<int64_t>& args);

/// Bits that are special for the dtype: zeros, ones, extrema, infinities, NaN, denormals, limits of
/// the other types, and some that are not special.
std::vector<loop::Bits> special_values(DType dtype);

}  // namespace gradus::codegen::testing
