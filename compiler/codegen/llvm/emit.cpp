#include "compiler/codegen/llvm/emit.h"

#include <llvm/Config/llvm-config.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/TargetParser/Host.h>

#include <memory>
#include <mutex>

#include "compiler/codegen/llvm/kernel_emitter.h"
#include "runtime/error.h"

namespace gradus::codegen {
namespace {

void start_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
}

CpuTarget find_host() {
  CpuTarget t;
  t.triple = llvm::sys::getProcessTriple();
  t.cpu = llvm::sys::getHostCPUName().str();
#if LLVM_VERSION_MAJOR >= 19
  const llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
#else
  llvm::StringMap<bool> features;
  llvm::sys::getHostCPUFeatures(features);
#endif
  const auto has = [&](const char* name) {
    auto it = features.find(name);
    return it != features.end() && it->second;
  };
  std::vector<std::string> names;
  for (const auto& f : features)
    names.push_back((f.second ? "+" : "-") + f.first().str());
  std::ranges::sort(names);
  for (const std::string& n : names)
    t.features += (t.features.empty() ? "" : ",") + n;
  const bool arm = t.triple.starts_with("aarch64") || t.triple.starts_with("arm64");
  t.lanes = has("avx512f") && has("avx512vl") && has("avx512dq") && has("avx512bw") ? 16
            : has("avx2")                                                           ? 8
                                                                                    : 4;
  t.registers = t.lanes == 16 || arm ? 32 : 16;
  return t;
}

std::unique_ptr<llvm::TargetMachine> make_machine(const CpuTarget& target) {
  start_llvm();
  std::string error;
#if LLVM_VERSION_MAJOR >= 21
  const llvm::Triple triple(target.triple);
#else
  const std::string& triple = target.triple;
#endif
  const auto* t = llvm::TargetRegistry::lookupTarget(triple, error);
  GRADUS_CHECK(t, error);
  return std::unique_ptr<llvm::TargetMachine>(t->createTargetMachine(
      triple, target.cpu, target.features, llvm::TargetOptions(), llvm::Reloc::PIC_,
      llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default, /*JIT=*/true));
}

/// The module and the context that it lives in.
struct Unit {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = std::make_unique<llvm::Module>("gradus", context);
};

std::unique_ptr<Unit> make_unit(std::span<const loop::Kernel* const> kernels,
                                llvm::TargetMachine& machine) {
  auto unit = std::make_unique<Unit>();
  llvm::Module& m = *unit->module;
  m.setDataLayout(machine.createDataLayout());
#if LLVM_VERSION_MAJOR >= 21
  m.setTargetTriple(machine.getTargetTriple());
#else
  m.setTargetTriple(machine.getTargetTriple().str());
#endif
  for (const loop::Kernel* k : kernels)
    KernelEmitter(*k, m).run();
#ifndef NDEBUG
  std::string text;
  llvm::raw_string_ostream os(text);
  GRADUS_CHECK(!llvm::verifyModule(m, &os), text);
#endif
  return unit;
}

std::string emit_file(std::span<const loop::Kernel* const> kernels, const CpuTarget& target,
                      llvm::CodeGenFileType type) {
  auto machine = make_machine(target);
  auto unit = make_unit(kernels, *machine);
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream os(bytes);
  llvm::legacy::PassManager passes;
  GRADUS_CHECK(!machine->addPassesToEmitFile(passes, os, nullptr, type));
  passes.run(*unit->module);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

const CpuTarget& host_target() {
  static const CpuTarget target = find_host();
  return target;
}

CpuTarget host_target_with_lanes(int lanes) {
  CpuTarget t = host_target();
  t.lanes = lanes;
  return t;
}

std::string emit_object(std::span<const loop::Kernel* const> kernels, const CpuTarget& target) {
  return emit_file(kernels, target, llvm::CodeGenFileType::ObjectFile);
}

std::string emit_assembly(std::span<const loop::Kernel* const> kernels, const CpuTarget& target) {
  return emit_file(kernels, target, llvm::CodeGenFileType::AssemblyFile);
}

std::string emit_llvm_text(std::span<const loop::Kernel* const> kernels, const CpuTarget& target) {
  auto machine = make_machine(target);
  auto unit = make_unit(kernels, *machine);
  std::string text;
  llvm::raw_string_ostream os(text);
  unit->module->print(os, nullptr);
  return text;
}

std::string llvm_version() {
  return LLVM_VERSION_STRING;
}

}  // namespace gradus::codegen
